import pytest

from attn_agents.sizing import child, compiler, topologies
from configs import resolution

_GIB = 2**30


@pytest.mark.parametrize(
  ('message', 'used', 'available'),
  [
    (
      'RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory '
      'in memory space hbm. Used 24.00G of 15.75G hbm. Exceeded hbm capacity '
      'by 8.25G.\n\nTotal hbm usage >= 24.25G:\n    reserved        258.00M',
      24 * _GIB,
      round(15.75 * _GIB),
    ),
    (
      'RESOURCE_EXHAUSTED: Allocation (size=19327352832) would exceed memory '
      '(size=17179869184) :: #allocation5 [shape = bf16[98304,98304]]',
      19_327_352_832,
      16 * _GIB,
    ),
  ],
)
def test_sizes_of_a_refusal(message, used, available):
  """As libtpu 0.0.11.4 words it."""
  found = child.too_large(message)
  assert compiler.num_bytes(found['used']) == used
  assert compiler.num_bytes(found['available']) == available


def test_other_errors_are_no_refusal():
  assert child.too_large('INTERNAL: something of size=5') is None
  with pytest.raises(compiler.FailedError, match='cannot be read: much'):
    compiler.num_bytes('much')


def test_a_request_reaches_the_child_whole():
  asked = compiler.request(
    resolution.Request(settings=['learning.batch_size=64']),
    topologies.parse('--topology', 'v4:2x2x4', 2),
  )
  again = compiler.Request.from_json(asked.to_json())
  assert resolution.Request(**again.run) == resolution.Request(
    settings=['learning.batch_size=64']
  )
  assert again.devices == 32
  assert again.options == {
    'chips_per_host_bounds': [2, 2, 1],
    'chip_config_name': 'megacore',
    'num_slices': 2,
  }

import pytest

from attn_agents.sizing import chips
from configs import errors


def test_a_device_of_v3_is_half_a_chip():
  v3 = chips.TPUS['v3']
  assert v3.memory_bytes == 16 * 2**30
  assert v3.peak['bfloat16'] == pytest.approx(61.5e12)
  assert v3.bandwidth == pytest.approx(450e9)


def test_a_described_gpu():
  found = chips.gpu('--gpu', 'rtx4090:24:165:1008')
  assert found.memory_bytes == 24 * 10**9
  assert found.peak == {'float32': 165e12, 'bfloat16': 165e12}
  assert found.bandwidth == 1008e9
  assert chips.gpu('--gpu', 'H100') is chips.GPUS['h100']


@pytest.mark.parametrize(
  ('value', 'says'),
  [
    ('h10', "did you mean 'h100'"),
    ('x:1:2', 'name:memory:peak:bandwidth'),
    ('x:1:2:3:4', 'name:memory:peak:bandwidth'),
    ('x:0:2:3', 'name:memory:peak:bandwidth'),
    ('x:nan:2:3', 'name:memory:peak:bandwidth'),
    (':1:2:3', 'name:memory:peak:bandwidth'),
    ('x:1:inf:3', 'name:memory:peak:bandwidth'),
  ],
)
def test_what_is_no_gpu(value, says):
  with pytest.raises(errors.ConfigError, match=says):
    chips.gpu('--gpu', value)

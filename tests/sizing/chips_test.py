"""Chips that are known, and GPUs that a flag describes."""

import pathlib
import re

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
  assert (found.name, found.memory_bytes) == ('rtx4090', 24 * 10**9)
  assert found.peak == {'float32': 165e12, 'bfloat16': 165e12}
  assert found.bandwidth == 1008e9
  assert chips.gpu('--gpu', 'H100') is chips.GPUS['h100']
  small = chips.gpu('--gpu', 'x:0.5:0.25:0.125')
  assert small.memory_bytes == 5 * 10**8


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
    ('x:1:2:1e9', 'name:memory:peak:bandwidth'),
  ],
)
def test_what_is_no_gpu(value, says):
  with pytest.raises(errors.ConfigError, match=says):
    chips.gpu('--gpu', value)


def _published():
  """The rows of the document's table: name, memory, peaks, bandwidth."""
  page = pathlib.Path(chips.__file__).parents[2] / 'docs' / 'plan.md'
  rows = re.findall(
    r'^\| (\w+)[^|]* \| (\d+) (Gi?B) \| ([\d./ ]+) \| ([\d,]+) \|',
    page.read_text(), re.MULTILINE,
  )  # fmt: skip
  for name, memory, unit, peaks, bandwidth in rows:
    size = int(memory) * (2**30 if unit == 'GiB' else 10**9)
    yield (
      name, size, [float(x) * 1e12 for x in peaks.split('/')],
      float(bandwidth.replace(',', '')) * 1e9,
    )  # fmt: skip


def test_numbers_are_those_that_were_published():
  known = {**chips.TPUS, **chips.GPUS}
  assert [row[0] for row in _published()] == list(known)
  for name, memory, peaks, bandwidth in _published():
    chip = known[name]
    assert chip.memory_bytes == memory, name
    found = [chip.peak['float32'], chip.peak['bfloat16']]
    # Products of a TPU are of bfloat16 for either.
    assert found == pytest.approx(peaks if len(peaks) > 1 else 2 * peaks), name
    assert chip.bandwidth == pytest.approx(bandwidth), name

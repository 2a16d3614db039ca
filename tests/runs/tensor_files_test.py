"""Files of arrays: how large one may be, and what is said of a damaged one."""

import os

import numpy as np
import pytest
from safetensors import numpy as safetensors

from attn_agents.runs import tensor_files
from configs import errors


def _line(path, most_bytes):
  with pytest.raises(errors.ConfigError) as caught:
    tensor_files.read(path, most_bytes)
  return str(caught.value)


def test_arrays_come_back_and_can_be_written_to(tmp_path):
  path = tmp_path / 'a.safetensors'
  given = {'w': np.arange(6.0).reshape(2, 3), 'n': np.int32([7])}
  tensor_files.write(path, given)
  read = tensor_files.read(path, 52)
  assert sorted(read) == ['n', 'w']
  for name, array in given.items():
    np.testing.assert_array_equal(read[name], array, strict=True)
    read[name][...] = 0


def test_a_file_has_room_for_its_arrays_and_a_header(tmp_path):
  path = tmp_path / 'a.safetensors'
  path.touch()
  # 8 bytes of a size, a header of at most a million, and the arrays.
  os.truncate(path, 1_000_008 + 10)
  assert ' is damaged or no safetensors file' in _line(path, 10)
  os.truncate(path, 1_000_008 + 11)
  assert _line(path, 10) == (
    f'{path} has 1,000,019 bytes; expected at most 10 of arrays'
  )


@pytest.mark.parametrize(
  ('size', 'header', 'fits'),
  [
    (108, 100, True),
    (108, 101, False),
    (2_000_000, 1_000_000, True),
    (2_000_000, 1_000_001, False),
  ],
)
def test_a_header_ends_within_the_file_and_a_million_bytes(
  tmp_path, size, header, fits
):
  path = tmp_path / 'a.safetensors'
  path.write_bytes(header.to_bytes(8, 'little'))
  os.truncate(path, size)
  said = f'its header would have {header:,} bytes of {size:,}'
  assert (said in _line(path, 10**9)) != fits


def test_120_characters_of_a_long_cause_are_told(tmp_path, monkeypatch):
  def fail(data):
    raise ValueError(300 * 'x')

  path = tmp_path / 'a.safetensors'
  tensor_files.write(path, {'w': np.zeros(2)})
  monkeypatch.setattr(safetensors, 'load', fail)
  told = f'ValueError: {108 * "x"}'
  assert len(told) == 120
  assert _line(path, 100).endswith(f'file ({told})')

"""A damaged recording is refused by name, before anything is drawn."""

import json
import os
import shutil

import numpy as np
import pytest

from attn_agents.interpretability.recordings import parts, recording, writing


@pytest.mark.parametrize(
  ('name', 'content', 'words'),
  [
    ('facts.json', b'[]', 'has no facts'),
    ('rows_8.npz', b'', 'rows_8.npz is damaged'),
    ('rows_8.npz', b'text', 'rows_8.npz is damaged'),
    ('rows_8.npz', 'half', 'rows_8.npz is damaged'),
    ('rows_8.npz', 'few', 'it has no action, frame, observation, step_type'),
    ('rows_24.npz', None, 'it says 30 rows, there are 24'),
    ('end.json', b'{"num_rows": 3}', 'it says 3 rows, there are 30'),
    ('end.json', b'[]', 'end.json is damaged'),
  ],
)
def test_a_damaged_recording_is_refused_in_one_line(
  recorded, tmp_path, name, content, words
):
  copy = shutil.copytree(recorded.path, tmp_path / 'copy')
  file = copy / name
  if content is None:
    file.unlink()
  elif content == 'half':
    os.truncate(file, file.stat().st_size // 2)
  elif content == 'few':
    with file.open('wb') as opened:
      np.savez(opened, reward=np.zeros(8, np.float32))
  else:
    file.write_bytes(content)
  with pytest.raises(parts.RecordingError, match=words) as caught:
    recording.Recording(copy)
  assert str(copy) in str(caught.value)
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
  ('name', 'change', 'words'),
  [
    ('frame', lambda x: x[..., :2], 'frame is of'),
    ('observation', lambda x: x.astype(np.float32), 'observation is float32'),
    ('reward', lambda x: x + np.float32(np.nan), 'reward has nan'),
    ('reward', lambda x: x[:, None], r'reward is float32\[8, 1\]'),
    ('action', lambda x: x + 100, 'action has 1'),
    ('action', lambda x: x - 100, 'action has -'),
    ('step_type', lambda x: x + 3, 'step_type has'),
    ('policy_logits', lambda x: x[:5], 'policy_logits has not 8 rows'),
    ('reward', lambda x: x[:5], 'it has 5 rows'),
  ],
)
def test_arrays_of_a_recording_are_what_they_must_be(
  recorded, tmp_path, name, change, words
):
  copy = shutil.copytree(recorded.path, tmp_path / 'copy')
  file = copy / 'rows_8.npz'
  arrays = dict(np.load(file))
  np.savez(file, **{**arrays, name: change(arrays[name])})
  with pytest.raises(parts.RecordingError, match=words) as caught:
    recording.Recording(copy)
  assert f'{file} is damaged' in str(caught.value)


@pytest.mark.parametrize('bits', [0x01, 0xFF])
def test_a_byte_that_flips_is_said_or_changes_nothing(tmp_path, bits):
  """Each byte of a part: of arrays, of their headers and of the table."""
  rng = np.random.default_rng(0)
  writer = writing.Writer(tmp_path, {'num_actions': 3})
  for row in range(6):
    writer.append(
      {
        'frame': rng.integers(0, 255, (4, 3, 3), np.uint8),
        'observation': rng.integers(0, 255, (2, 2, 1), np.uint8),
        'reward': np.float32(row),
        'action': np.int32(row % 3),
        'step_type': np.int8(1),
      }
    )
  whole = writer.end(1)
  arrays = {name: whole[name] for name in whole.names}
  part = tmp_path / 'rows_0.npz'
  content = part.read_bytes()
  said = 0
  for offset in range(len(content)):
    damaged = bytearray(content)
    damaged[offset] ^= bits
    part.write_bytes(damaged)
    try:
      opened = recording.Recording(tmp_path)
    except parts.RecordingError as error:
      assert f'{part} is damaged' in str(error)
      assert '\n' not in str(error)
      said += 1
      continue
    # All is looked at before anything is drawn: of what can be opened, every
    # array can be read, and is what was written.
    for name, array in arrays.items():
      np.testing.assert_array_equal(opened[name], array)
  assert said > len(content) // 2


def test_a_part_that_is_damaged_later_is_said_where_it_is_read(
  recorded, tmp_path
):
  copy = shutil.copytree(recorded.path, tmp_path / 'copy')
  opened = recording.Recording(copy)
  os.truncate(copy / 'rows_8.npz', 100)
  for read in (
    lambda: opened['frame'],
    lambda: list(opened.parts('frame')),
    lambda: opened.rows('frame', [9]),
  ):
    with pytest.raises(parts.RecordingError, match=r'rows_8\.npz is damaged'):
      read()
  for read in (
    lambda: opened['nothing'],
    lambda: list(opened.parts('nothing')),
    lambda: opened.rows('nothing', [9]),
  ):
    with pytest.raises(KeyError, match='nothing'):
      read()


@pytest.mark.parametrize(
  ('name', 'value'),
  [
    ('screen_shape', 210),
    ('screen_shape', None),
    ('screen_shape', [210, 160]),
    ('screen_shape', [210, 160, '3']),
    ('num_actions', 'three'),
    ('num_actions', None),
  ],
)
def test_facts_about_sizes_are_numbers(recorded, tmp_path, name, value):
  copy = shutil.copytree(recorded.path, tmp_path / 'copy')
  file = copy / 'facts.json'
  file.write_text(json.dumps(json.loads(file.read_text()) | {name: value}))
  with pytest.raises(parts.RecordingError, match=f'{name} is ') as caught:
    recording.Recording(copy)
  assert f'{file} is damaged' in str(caught.value)


def test_a_part_without_a_number_is_named(recorded, tmp_path):
  copy = shutil.copytree(recorded.path, tmp_path / 'copy')
  shutil.copy(copy / 'rows_8.npz', copy / 'rows_x.npz')
  with pytest.raises(parts.RecordingError, match=r'rows_x\.npz is damaged'):
    recording.Recording(copy)


def test_an_array_that_one_part_lacks_is_named(recorded, tmp_path):
  copy = shutil.copytree(recorded.path, tmp_path / 'copy')
  file = copy / 'rows_8.npz'
  arrays = dict(np.load(file))
  del arrays['baseline']
  np.savez(file, **arrays)
  with pytest.raises(parts.RecordingError, match='it has no baseline'):
    recording.Recording(copy)


def test_a_part_in_the_middle_is_missed(recorded, tmp_path):
  copy = shutil.copytree(recorded.path, tmp_path / 'copy')
  (copy / 'rows_8.npz').unlink()
  with pytest.raises(parts.RecordingError, match='rows from 8 are missing'):
    recording.Recording(copy)


def test_what_is_no_recording_is_refused(tmp_path):
  with pytest.raises(parts.RecordingError, match='is no recording'):
    recording.Recording(tmp_path)
  (tmp_path / 'facts.json').write_text('{"version": 7}')
  with pytest.raises(parts.RecordingError, match='version 7'):
    recording.Recording(tmp_path)

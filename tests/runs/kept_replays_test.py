"""Directories of replays: one that is complete, and one to write into."""

import pytest

from attn_agents.runs import kept_replays


def _written(directory, content):
  path = kept_replays.unfinished(directory)
  (path / 'data').write_text(content)
  return path


def test_a_replay_belongs_to_its_runtime_and_checkpoint(tmp_path):
  directory = tmp_path / 'run' / 'replay'
  written = _written(directory, 'a')
  assert kept_replays.find(directory, 'threads', 7) is None
  kept_replays.adopt(written, directory, 'threads', 7)
  path = directory / 'threads-7'
  assert kept_replays.find(directory, 'threads', 7) == path
  assert not written.exists()
  for runtime, step in (('launchpad', 7), ('threads', 8), ('threads', None)):
    assert kept_replays.find(directory, runtime, step) is None


@pytest.mark.parametrize('step', [7, 8])
def test_the_newest_takes_the_place_of_the_one_before(tmp_path, step):
  for content, of in (('a', 7), ('b', step)):
    written = _written(tmp_path, content)
    kept_replays.adopt(written, tmp_path, 'threads', of)
  assert [path.name for path in tmp_path.iterdir()] == [f'threads-{step}']
  assert (tmp_path / f'threads-{step}' / 'data').read_text() == 'b'


def test_an_unfinished_replay_begins_empty_and_can_be_discarded(tmp_path):
  kept_replays.discard_unfinished(tmp_path / 'none')
  path = _written(tmp_path, 'a')
  assert kept_replays.unfinished(tmp_path) == path
  assert list(path.iterdir()) == []
  _written(tmp_path, 'b')
  (path / 'part' / 'deep').mkdir(parents=True)
  kept_replays.discard_unfinished(tmp_path)
  assert path.is_dir() and list(path.iterdir()) == []

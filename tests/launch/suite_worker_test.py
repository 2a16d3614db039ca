"""What a worker of suites waits for, and says of runs that come again."""

import pathlib
import types

import pytest

from launch import suite_worker

pytestmark = pytest.mark.usefixtures('restored_handlers')


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch):
  monkeypatch.setattr(suite_worker, '_POLL_SECONDS', 0.005)
  # Which a start of Python is.
  monkeypatch.setattr(suite_worker.tied, 'command', lambda given: given)


def _run(path, *codes):
  """A run whose commands end with these codes."""
  commands = [['sh', '-c', f'exit {code}'] for code in codes]
  return types.SimpleNamespace(
    name=path.name, logdir=path, left=lambda: commands
  )


def _locked(monkeypatch, answers):
  """The directory of each run is locked as long as these say."""
  left = list(answers)

  class Directory:
    def __init__(self, path):
      self.path = pathlib.Path(path)

    def is_locked(self):
      return left.pop(0) if left else False

  monkeypatch.setattr(suite_worker.run_directory, 'RunDirectory', Directory)
  return left


def test_what_still_saves_is_waited_for(tmp_path, monkeypatch):
  left, said = _locked(monkeypatch, [True, True, True]), []
  path = tmp_path / 'new' / 'place' / 'a'
  outcome = suite_worker.Worker(1, said.append).run([_run(path, 0)])
  assert outcome == suite_worker.Outcome() and not left
  assert said[0] == 'a: waits for the end of what runs there'
  assert said[1:] == ["a: sh -c 'exit 0'", 'a: done']
  # Its log is beside it.
  assert (tmp_path / 'new' / 'place' / 'a.log').exists()


def test_the_wait_ends_whatever_is_locked(tmp_path, monkeypatch):
  _locked(monkeypatch, [True] * 9)
  waited = []

  class Patience:
    def __init__(self, seconds):
      waited.append(seconds)

    def is_over(self):
      waited.append('asked')
      return len(waited) > 3

  monkeypatch.setattr(suite_worker.patience, 'Patience', Patience)
  said = []
  suite_worker.Worker(1, said.append).run([_run(tmp_path / 'a', 0)])
  assert waited == [30.0, 'asked', 'asked', 'asked']
  assert said[-1] == 'a: done'


def test_of_runs_of_one_name_the_last_says_how_it_ended(tmp_path):
  path, said = tmp_path / 'a', []
  worker = suite_worker.Worker(1, said.append)
  runs = iter([_run(path, 3, 0), _run(path, 75), _run(path, 0)])
  assert worker.run([next(runs)]).failed == {'a': 'exit code 3: '}
  assert said[-1] == f'a: failed with exit code 3:  ({path}.log)'
  # What failed ends its commands; what was stopped has not failed.
  assert len(said) == 2
  outcome = worker.run([next(runs)])
  assert (outcome.failed, outcome.unfinished) == ({}, ['a'])
  assert said[-1] == 'a: stopped'
  assert worker.run([next(runs)]) == suite_worker.Outcome()

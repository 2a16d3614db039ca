"""The learner's loop where a disk is full."""

import dataclasses
import itertools
import threading
import time

import pytest

from attn_agents.learning import metrics, training
from attn_agents.utils import disk
from tests import full_disk
from tests.learning import loops


class _Full:
  """A checkpointer, or a source, that refuses so many saves."""

  def __init__(self, real, times):
    self.real, self.times, self.refused = real, times, 0

  def save(self, *args):
    if self.refused < self.times:
      self.refused += 1
      raise disk.StorageError(28, 'no room in /runs/a (about 9 MB are needed)')
    return self.real.save(*args)

  def __getattr__(self, name):
    return getattr(self.real, name)


def _without_room(tmp_path, times, **runtime):
  """A training that saves at each update, and so often has no room."""
  made, checkpointer, reports = loops.make(
    tmp_path,
    loops.FakeLearner(),
    loops.forever(),
    max_frames=4000,
    runtime=dataclasses.replace(
      loops.RUNTIME, checkpoint_every_seconds=1e-6, **runtime
    ),
  )
  made._checkpointer = _Full(checkpointer, times)
  return made, made._checkpointer, reports


def test_without_room_it_learns_on_and_tries_again(tmp_path, capsys):
  made, full, reports = _without_room(tmp_path, 5)
  assert made.run(lambda: False)
  assert full.refused == 5
  # Nothing was saved beside a checkpoint that was not; told once, and that it
  # is over.
  assert [step for step, _ in made._source.saved] == [6, 7, 8, 9, 10, 10]
  trouble = 'training; no checkpoint is saved: no room in /runs/a'
  told = [line for line in reports if line.startswith('training')]
  assert [line.partition(' (')[0] for line in told] == [
    'training', trouble, 'training',
  ]  # fmt: skip
  # In the run's output once, too.
  assert capsys.readouterr().out.count('no room in /runs/a') == 1
  assert made.saved.learner_steps == 10
  assert made.warning == ''


def test_two_troubles_are_told_once_whichever_comes_first(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(metrics.MetricsWriter, 'trouble', 'metrics.csv waits')
  made, _, reports = _without_room(tmp_path, 6, log_every_seconds=1e-6)
  assert made.run(lambda: False)
  both = [line for line in reports if 'waits' in line and 'no room' in line]
  assert len(both) == 1


class _Writer:
  """Has one of these troubles after each row."""

  trouble = ''

  def __init__(self, troubles):
    self._troubles = iter(troubles)

  def write(self, row):
    del row
    self.trouble = next(self._troubles)

  def close(self):
    pass


def test_metrics_that_found_room_again_are_no_trouble_any_more(tmp_path):
  made, _, reports = loops.make(
    tmp_path, loops.FakeLearner(), loops.forever(), max_frames=1200
  )
  made._writer = _Writer(['metrics.csv waits', '', ''])
  assert made.run(lambda: False)
  told = ['training; metrics.csv waits', 'training', 'saving']
  assert reports[-3:] == told
  assert made.warning == ''


def test_another_file_that_waits_is_told_and_other_numbers_are_not(
  tmp_path, monkeypatch
):
  waits = 'waits: no room in /a'
  troubles = itertools.chain(
    [f'events.1 {waits} (9 bytes are free)', f'events.1 {waits} (7 bytes)'],
    [f'metrics.csv {waits} (7 bytes are free)'],
    (
      f'metrics.csv lacks {i:,} of its records; metrics.csv {waits} (1 MB)'
      for i in itertools.count(999)
    ),
  )
  made, _, reports = loops.make(
    tmp_path, loops.FakeLearner(), loops.forever(), max_frames=4000,
    runtime=dataclasses.replace(loops.RUNTIME, log_every_seconds=1e-6),
  )  # fmt: skip

  made._writer = _Writer(troubles)
  assert made.run(lambda: False)
  told = [line for line in reports if line.startswith('training; ')]
  assert [line.partition(' waits')[0].split(' of ')[0] for line in told] == [
    'training; events.1', 'training; metrics.csv',
    'training; metrics.csv lacks 999',
  ]  # fmt: skip


def test_the_last_checkpoint_waits_for_room(tmp_path, monkeypatch):
  monkeypatch.setattr(training, '_LAST_RETRY_SECONDS', 0.05)
  made, checkpointer, reports = loops.make(
    tmp_path, loops.FakeLearner(), loops.forever(), max_frames=400
  )
  made._checkpointer = _Full(checkpointer, 3)
  assert made.run(lambda: False)
  assert checkpointer.newest() == 1
  # Once, however often it is tried again.
  told = [x for x in reports if 'cannot save yet' in x]
  assert len(told) == 1 and 'no room in /runs/a' in told[0]
  assert told[0] == reports[-1]


def test_it_fails_by_the_cause_if_no_room_comes(tmp_path, monkeypatch):
  monkeypatch.setattr(training, '_LAST_RETRY_SECONDS', 0.05)
  made, checkpointer, _ = loops.make(
    tmp_path, loops.FakeLearner(), loops.forever(), max_frames=400
  )
  made._checkpointer = full = _Full(checkpointer, 10**6)
  start = time.monotonic()
  with (
    pytest.raises(disk.StorageError, match='no room in /runs/a'),
    full_disk.without_room(),
  ):
    made.run(lambda: False)
  assert made.warning == 'metrics.csv lacks 1 of its records, for lack of room'
  assert time.monotonic() - start > loops.RUNTIME.stall_seconds
  assert full.refused > 1
  assert made.saved is None
  assert made._source.saved == []


def test_a_stop_does_not_wait_for_room(tmp_path):
  stop = threading.Event()
  learner = loops.FakeLearner(before_step=stop.set)
  runtime = dataclasses.replace(loops.RUNTIME, stall_seconds=60)
  made, checkpointer, _ = loops.make(
    tmp_path, learner, loops.forever(), runtime=runtime
  )
  made._checkpointer = _Full(checkpointer, 10**6)
  start = time.monotonic()
  with pytest.raises(disk.StorageError):
    made.run(stop.is_set)
  assert time.monotonic() - start < 30


def test_a_full_disk_does_not_hide_what_ended_the_run(tmp_path):
  learner = loops.FakeLearner({'nonfinite': 1.0})
  made, checkpointer, _ = loops.make(tmp_path, learner, loops.forever())
  made._checkpointer = _Full(checkpointer, 10**6)
  with pytest.raises(training.DivergedError):
    made.run(lambda: False)


def test_metrics_that_cannot_be_closed_do_not_hide_it_either(
  tmp_path, monkeypatch
):
  learner = loops.FakeLearner({'nonfinite': 1.0})
  made, checkpointer, _ = loops.make(tmp_path, learner, loops.forever())

  def refuse():
    raise OSError(9, 'Bad file descriptor')

  monkeypatch.setattr(made._writer, 'close', refuse)
  with pytest.raises(training.DivergedError):
    made.run(lambda: False)
  assert checkpointer.newest() is not None


def test_rows_that_are_lost_are_told_at_the_end(tmp_path):
  made, checkpointer, _ = loops.make(
    tmp_path, loops.FakeLearner(), loops.forever(), max_frames=400
  )
  with full_disk.without_room():
    assert made.run(lambda: False)
  assert checkpointer.newest() == 1
  assert made.warning == 'metrics.csv lacks 1 of its records, for lack of room'


def test_a_replay_without_room_is_told_at_the_end(tmp_path):
  made, checkpointer, _ = loops.make(
    tmp_path, loops.FakeLearner(), loops.forever(), max_frames=400
  )
  made._source = _Full(made._source, 10**6)
  assert made.run(lambda: False)
  assert checkpointer.newest() == 1
  assert made.warning.startswith('the replay was not saved: no room in /runs/a')


def test_a_replay_that_finds_room_later_is_told_meanwhile_only(tmp_path):
  runtime = dataclasses.replace(loops.RUNTIME, checkpoint_every_seconds=1e-6)
  made, _, reports = loops.make(
    tmp_path, loops.FakeLearner(), loops.forever(), 1600, runtime
  )
  made._source = _Full(made._source, 2)
  assert made.run(lambda: False)
  told = [line.partition(' (')[0] for line in reports]
  trouble = 'training; the replay was not saved: no room in /runs/a'
  assert told[2:] == ['training', trouble, 'training', 'saving']
  assert made.warning == ''

"""The learner's loop with a learner that only counts."""

import dataclasses
import itertools
import threading
import time

import numpy as np
import pytest

from attn_agents.learning import batching, blindness, metrics, training
from attn_agents.runs import checkpoints, snapshots
from attn_agents.utils import disk, metrics_table, patience
from configs import schema
from tests import full_disk

_UPDATE = {
  'loss': 1.0, 'pg_loss': 1.0, 'baseline_loss': 1.0, 'entropy': 1.0,
  'baseline_mean': 0.0, 'rho_mean': 1.0, 'grad_norm': 1.0, 'clipped': 0.0,
  'nonfinite': 0.0,
}  # fmt: skip
_INFO = batching.BatchInfo(
  agent_steps=100,
  versions=np.array([0]),
  game_returns=np.array([5.0]),
  game_lengths=np.array([9]),
  games=np.array([0]),
  steps_of_games=np.array([100]),
  actor_seconds=np.ones(4),
)
RUNTIME = schema.RuntimeConfig(
  log_every_seconds=1e-6, checkpoint_every_seconds=1e9, stall_seconds=0.5
)


class FakeLearner:
  def __init__(self, update=None, before_step=lambda: None, deviation=1.0):
    self.deviation = deviation
    self.measured = []
    self.compiled = []
    self.time_is_over = False
    self.counters = snapshots.Counters()
    self._metrics = {**_UPDATE, **(update or {})}
    self._before_step = before_step

  def step(self, unroll, info):
    self._before_step()
    steps = self.counters.agent_steps + info.agent_steps
    self.counters = dataclasses.replace(
      self.counters,
      agent_steps=steps,
      frames=4 * steps,
      learner_steps=self.counters.learner_steps + 1,
    )
    return self._metrics, np.array([0])

  compiles_fast = True

  def compile(self, state, batch):
    self.compiled.append((state, batch))

  def measure(self, batch):
    self.measured.append(batch)
    return {'logits_deviation': self.deviation}

  def check(self):
    """All is well."""

  def snapshot(self, returns=(), lengths=(), of_games=()):
    return snapshots.Snapshot(
      {'w': np.float32(self.counters.learner_steps)},
      self.counters, returns, lengths, of_games,
    )  # fmt: skip


class NoSource:
  def __init__(self):
    self.saved = []

  def batches(self):
    raise AssertionError('the feeder reads')

  def stats(self):
    return {}

  def save(self, learner_steps, at_end):
    self.saved.append((learner_steps, at_end))


class FakeFeeder:
  def __init__(self, batches):
    self._batches = iter(batches)

  def get(self, timeout):
    del timeout
    return next(self._batches, None)


def _training(
  tmp_path, learner, batches, max_frames=0, runtime=RUNTIME, **options
):
  checkpointer = checkpoints.Checkpointer(tmp_path / 'checkpoints')
  reports = []
  made = training.Training(
    learner, FakeFeeder(batches), metrics.MetricsWriter(tmp_path, 0),
    checkpointer, runtime, learner.snapshot((), ()),
    max_frames=max_frames, source=NoSource(),
    watch=blindness.Watch('policy'), report=reports.append, **options,
  )  # fmt: skip
  return made, checkpointer, reports


def _forever():
  return itertools.repeat((None, _INFO))


def test_it_ends_at_max_frames_with_a_checkpoint_and_the_last_row(tmp_path):
  made, checkpointer, reports = _training(
    tmp_path, FakeLearner(), _forever(), max_frames=1000
  )
  assert made.run(lambda: False) is True
  assert made.saved.frames == 1200
  assert checkpointer.newest() == 3
  rows = metrics_table.read(tmp_path / 'metrics.csv')
  assert rows[-1]['frames'] == 1200
  assert reports[0].startswith('waiting')
  assert reports[-1] == 'saving'
  got = checkpointer.restore({'w': np.float32(0)})
  assert got.state['w'] == 3
  assert got.recent_returns == (5.0, 5.0, 5.0)
  assert got.recent_lengths == (9.0, 9.0, 9.0)


@pytest.mark.parametrize('fast', [True, False])
def test_it_compiles_before_it_waits_where_that_is_fast(tmp_path, fast):
  learner = FakeLearner()
  learner.compiles_fast = fast
  batches = iter([('empty', None)] if fast else [])
  made, _, reports = _training(
    tmp_path, learner, _forever(), max_frames=100,
    empty=lambda: next(batches), compile_first=True,
  )  # fmt: skip
  start = made.latest.state
  assert made.run(lambda: False)
  assert learner.compiled == ([(start, 'empty')] if fast else [])
  waiting = 'waiting for the first trajectories'
  assert reports[:3] == (
    ['compiling', waiting, 'training']
    if fast
    else [waiting, 'compiling', 'training']
  )


def test_a_run_that_is_over_compiles_nothing(tmp_path):
  learner = FakeLearner()
  learner.time_is_over = True
  made, _, _ = _training(
    tmp_path, learner, _forever(), empty=lambda: ('empty', None),
    compile_first=True,
  )  # fmt: skip
  assert made.run(lambda: False)
  assert not learner.compiled


def test_a_continued_run_goes_on_with_the_games_before_it(tmp_path):
  learner = FakeLearner()
  start = learner.snapshot((1.0, 2.0), (30.0, 50.0))
  checkpointer = checkpoints.Checkpointer(tmp_path / 'checkpoints')
  made = training.Training(
    learner, FakeFeeder(_forever()), metrics.MetricsWriter(tmp_path, 0),
    checkpointer, RUNTIME, start, max_frames=400, source=NoSource(),
    watch=blindness.Watch('policy'), report=lambda line: None,
  )  # fmt: skip
  assert made.run(lambda: False) is True
  (row,) = metrics_table.read(tmp_path / 'metrics.csv')
  # Returns of 1, 2 and 5 after 30, 50 and 9 steps.
  assert row['episode_return_mean'] == pytest.approx(8 / 3, rel=1e-5)
  assert row['episode_length_mean'] == pytest.approx(89 / 3, rel=1e-5)
  got = checkpointer.restore({'w': np.float32(0)})
  assert got.recent_returns == (1.0, 2.0, 5.0)
  assert got.recent_lengths == (30.0, 50.0, 9.0)


def test_it_ends_when_time_is_over_as_at_max_frames(tmp_path):
  learner = FakeLearner()

  def batches():
    for batch in itertools.islice(_forever(), 4):
      learner.time_is_over = learner.counters.learner_steps == 2
      yield batch

  made, checkpointer, _ = _training(tmp_path, learner, batches())
  assert made.run(lambda: False) is True
  # The batch that was on its way when time was over is learned from.
  assert checkpointer.newest() == made.saved.learner_steps == 3


def test_max_frames_already_reached_trains_no_more(tmp_path):
  learner = FakeLearner()
  learner.counters = snapshots.Counters(
    agent_steps=500, frames=2000, learner_steps=5
  )
  made, _, _ = _training(tmp_path, learner, _forever(), max_frames=2000)
  assert made.run(lambda: False) is True
  assert learner.counters.learner_steps == 5


def test_a_stop_saves_and_says_it_is_not_done(tmp_path):
  stop = threading.Event()
  learner = FakeLearner(before_step=stop.set)
  made, checkpointer, _ = _training(tmp_path, learner, _forever())
  assert made.run(stop.is_set) is False
  assert checkpointer.newest() == 1


def test_checkpoints_come_at_intervals(tmp_path):
  runtime = dataclasses.replace(RUNTIME, checkpoint_every_seconds=1e-6)
  made, checkpointer, _ = _training(
    tmp_path, FakeLearner(), itertools.islice(_forever(), 3), 0, runtime
  )
  with pytest.raises(training.StalledError):
    made.run(lambda: False)
  assert checkpointer.newest() == 3
  assert checkpointer.restore({'w': np.float32(0)}, step=2).state['w'] == 2


def test_no_data_is_a_named_fault_that_saves(tmp_path):
  made, checkpointer, _ = _training(
    tmp_path, FakeLearner(), itertools.islice(_forever(), 2)
  )
  with pytest.raises(training.StalledError, match=r'runtime\.stall_seconds'):
    made.run(lambda: False)
  assert checkpointer.newest() == 2


def test_time_in_which_nothing_ran_is_no_stall(tmp_path, monkeypatch):
  slept = [0.0]
  monkeypatch.setattr(patience, '_now', lambda: time.monotonic() + slept[0])

  def batches():
    yield from itertools.islice(_forever(), 2)
    yield None
    slept[0] += 1000.0
    # The batch is late, since others wake up too.
    yield None
    yield from itertools.islice(_forever(), 1)

  made, checkpointer, _ = _training(tmp_path, FakeLearner(), batches())
  with pytest.raises(training.StalledError):
    made.run(lambda: False)
  assert checkpointer.newest() == 3


def test_gradients_that_stay_infinite_are_a_named_fault(tmp_path):
  learner = FakeLearner({'nonfinite': 1.0})
  made, checkpointer, _ = _training(tmp_path, learner, _forever())
  with pytest.raises(training.DivergedError, match='learning_rate'):
    made.run(lambda: False)
  assert checkpointer.newest() is not None


def test_in_a_long_update_another_thread_can_save_what_is_known(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(training, '_LONG_UPDATE_SECONDS', -1.0)
  blocked, release = threading.Event(), threading.Event()
  learner = FakeLearner()

  def before_step():
    if learner.counters.learner_steps == 2:
      blocked.set()
      release.wait(10)

  learner._before_step = before_step
  stop = threading.Event()
  made, checkpointer, _ = _training(tmp_path, learner, _forever())
  thread = threading.Thread(target=made.run, args=(stop.is_set,))
  thread.start()
  assert blocked.wait(10)
  made.save_latest()
  assert checkpointer.newest() == 2
  assert made.saved.learner_steps == 2
  stop.set()
  release.set()
  thread.join(10)
  assert checkpointer.newest() == 3


def test_a_failure_elsewhere_is_named_while_waiting_for_data(tmp_path):
  """What the learner's threads ran into, not the silence that follows."""
  learner = FakeLearner()

  def check():
    raise RuntimeError('publishing parameters failed: disk full')

  learner.check = check
  made, checkpointer, _ = _training(
    tmp_path, learner, itertools.islice(_forever(), 2)
  )
  with pytest.raises(RuntimeError, match='disk full'):
    made.run(lambda: False)
  assert checkpointer.newest() == 2


def test_every_so_many_frames_leave_a_checkpoint_to_evaluate(tmp_path):
  runtime = dataclasses.replace(RUNTIME, evaluate_every_frames=1000)
  made, _, _ = _training(
    tmp_path, FakeLearner(), _forever(), max_frames=3600, runtime=runtime
  )
  saved = []
  save = made.save_latest
  made.save_latest = lambda: (save(), saved.append(made.saved.frames))
  assert made.run(lambda: False)
  # 400 frames an update; the last is the end's.
  assert saved == [1200, 2000, 3200, 3600]
  # What updates are made from is kept beside each, and told the last.
  assert made._source.saved == [(3, False), (5, False), (8, False), (9, True)]


def test_what_was_not_written_is_not_reported_as_saved(tmp_path):
  """Nor is anything saved beside it."""
  runtime = dataclasses.replace(RUNTIME, checkpoint_every_seconds=1e-6)
  made, checkpointer, _ = _training(
    tmp_path, FakeLearner(), _forever(), max_frames=9999, runtime=runtime
  )
  later = snapshots.Counters(learner_steps=10**9)
  checkpointer.save(snapshots.Snapshot({'w': np.float32(0)}, later))
  with pytest.raises(checkpoints.NotWrittenError, match='checkpoint 1 '):
    made.run(lambda: False)
  assert made.saved is None
  assert made._source.saved == []


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


def test_without_room_it_learns_on_and_tries_again(tmp_path):
  runtime = dataclasses.replace(RUNTIME, checkpoint_every_seconds=1e-6)
  made, checkpointer, reports = _training(
    tmp_path, FakeLearner(), _forever(), max_frames=4000, runtime=runtime
  )
  made._checkpointer = full = _Full(checkpointer, 5)
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
  assert made.saved.learner_steps == 10
  assert made.warning == ''


def test_two_troubles_are_told_once_whichever_comes_first(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(metrics.MetricsWriter, 'trouble', 'metrics.csv waits')
  runtime = dataclasses.replace(
    RUNTIME, checkpoint_every_seconds=1e-6, log_every_seconds=1e-6
  )
  made, checkpointer, reports = _training(
    tmp_path, FakeLearner(), _forever(), max_frames=4000, runtime=runtime
  )
  made._checkpointer = _Full(checkpointer, 6)
  assert made.run(lambda: False)
  both = [line for line in reports if 'waits' in line and 'no room' in line]
  assert len(both) == 1


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
  made, _, reports = _training(
    tmp_path, FakeLearner(), _forever(), max_frames=4000,
    runtime=dataclasses.replace(RUNTIME, log_every_seconds=1e-6),
  )  # fmt: skip

  class Writer:
    trouble = ''

    def write(self, row):
      del row
      self.trouble = next(troubles)

    def close(self):
      pass

  made._writer = Writer()
  assert made.run(lambda: False)
  told = [line for line in reports if line.startswith('training; ')]
  assert [line.partition(' waits')[0].split(' of ')[0] for line in told] == [
    'training; events.1', 'training; metrics.csv',
    'training; metrics.csv lacks 999',
  ]  # fmt: skip


def test_what_finds_no_room_is_tried_again_after_a_pause(tmp_path):
  stop = threading.Event()
  runtime = dataclasses.replace(
    RUNTIME, log_every_seconds=60.0, checkpoint_every_seconds=0.05
  )
  made, checkpointer, _ = _training(
    tmp_path, FakeLearner(), _forever(), runtime=runtime
  )
  made._checkpointer = full = _Full(checkpointer, 10**6)
  start = time.monotonic()
  threading.Timer(0.4, stop.set).start()
  with pytest.raises(disk.StorageError, match='no room in /runs/a'):
    made.run(stop.is_set)
  # Once an interval and at the end, not once an update.
  assert 1 < full.refused <= (time.monotonic() - start) / 0.05 + 3


def test_the_last_checkpoint_waits_for_room(tmp_path, monkeypatch):
  monkeypatch.setattr(training, '_LAST_RETRY_SECONDS', 0.05)
  made, checkpointer, reports = _training(
    tmp_path, FakeLearner(), _forever(), max_frames=400
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
  made, checkpointer, _ = _training(
    tmp_path, FakeLearner(), _forever(), max_frames=400
  )
  made._checkpointer = full = _Full(checkpointer, 10**6)
  start = time.monotonic()
  with (
    pytest.raises(disk.StorageError, match='no room in /runs/a'),
    full_disk.without_room(),
  ):
    made.run(lambda: False)
  assert made.warning == 'metrics.csv lacks 1 of its records, for lack of room'
  assert RUNTIME.stall_seconds < time.monotonic() - start < 5
  assert full.refused > 3
  assert made.saved is None
  assert made._source.saved == []


def test_a_stop_does_not_wait_for_room(tmp_path):
  stop = threading.Event()
  learner = FakeLearner(before_step=stop.set)
  runtime = dataclasses.replace(RUNTIME, stall_seconds=60)
  made, checkpointer, _ = _training(
    tmp_path, learner, _forever(), runtime=runtime
  )
  made._checkpointer = _Full(checkpointer, 10**6)
  start = time.monotonic()
  with pytest.raises(disk.StorageError):
    made.run(stop.is_set)
  assert time.monotonic() - start < 5


def test_a_full_disk_does_not_hide_what_ended_the_run(tmp_path):
  learner = FakeLearner({'nonfinite': 1.0})
  made, checkpointer, _ = _training(tmp_path, learner, _forever())
  made._checkpointer = _Full(checkpointer, 10**6)
  with pytest.raises(training.DivergedError):
    made.run(lambda: False)


def test_metrics_that_cannot_be_closed_do_not_hide_it_either(
  tmp_path, monkeypatch
):
  learner = FakeLearner({'nonfinite': 1.0})
  made, checkpointer, _ = _training(tmp_path, learner, _forever())

  def refuse():
    raise OSError(9, 'Bad file descriptor')

  monkeypatch.setattr(made._writer, 'close', refuse)
  with pytest.raises(training.DivergedError):
    made.run(lambda: False)
  assert checkpointer.newest() is not None


def test_rows_that_are_lost_are_told_at_the_end(tmp_path):
  made, checkpointer, _ = _training(
    tmp_path, FakeLearner(), _forever(), max_frames=400
  )
  with full_disk.without_room():
    assert made.run(lambda: False)
  assert checkpointer.newest() == 1
  assert made.warning == 'metrics.csv lacks 1 of its records, for lack of room'


def test_a_replay_without_room_is_told_at_the_end(tmp_path):
  made, checkpointer, _ = _training(
    tmp_path, FakeLearner(), _forever(), max_frames=400
  )
  made._source = _Full(made._source, 10**6)
  assert made.run(lambda: False)
  assert checkpointer.newest() == 1
  assert made.warning.startswith('the replay was not saved: no room in /runs/a')


def _long(tmp_path, deviation):
  """Five updates and rows, of more steps than a young run has."""
  info = _INFO._replace(agent_steps=blindness.SETTLED_STEPS)
  learner = FakeLearner(deviation=deviation)
  made, _, reports = _training(
    tmp_path, learner, ((f'batch {i}', info) for i in itertools.count()),
    max_frames=4 * 5 * blindness.SETTLED_STEPS,
  )  # fmt: skip
  assert made.run(lambda: False)
  return made, learner, reports


def test_a_blind_run_is_told_in_one_line_and_at_its_end(tmp_path):
  made, _, reports = _long(tmp_path, 0.006)
  (line,) = [line for line in reports if 'hardly depends' in line]
  assert line.startswith('training; the policy hardly depends on the screen')
  assert line.endswith(made.warning) and made.warning


def test_of_a_seeing_run_nothing_is_told(tmp_path):
  made, _, reports = _long(tmp_path, 0.3)
  assert not any('hardly depends' in line for line in reports)
  assert made.warning == ''


def test_every_row_measures_the_batch_that_was_learned_from_last(tmp_path):
  _, learner, _ = _long(tmp_path, 0.25)
  assert learner.measured == [f'batch {i}' for i in range(5)]
  rows = metrics_table.read(tmp_path / 'metrics.csv')
  assert [row['logits_deviation'] for row in rows] == [0.25] * 5


def test_a_run_stopped_before_its_first_row_measures_nothing(tmp_path):
  stop = threading.Event()
  learner = FakeLearner(before_step=stop.set)
  batches = itertools.repeat(('a batch', _INFO))
  runtime = dataclasses.replace(RUNTIME, log_every_seconds=1e9)
  made, _, _ = _training(tmp_path, learner, batches, runtime=runtime)
  assert made.run(stop.is_set) is False
  assert learner.measured == []
  (row,) = metrics_table.read(tmp_path / 'metrics.csv')
  assert np.isnan(row['logits_deviation']) and row['loss'] == 1.0

"""The learner's loop with a learner that only counts."""

import dataclasses
import itertools
import threading
import time

import numpy as np
import pytest

from attn_agents.learning import blindness, metrics, training
from attn_agents.runs import checkpoints, snapshots
from attn_agents.utils import metrics_table, patience
from tests.learning import loops


def test_it_ends_at_max_frames_with_a_checkpoint_and_the_last_row(tmp_path):
  made, checkpointer, reports = loops.make(
    tmp_path, loops.FakeLearner(), loops.forever(), max_frames=1000
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
  learner = loops.FakeLearner()
  learner.compiles_fast = fast
  batches = iter([('empty', None)] if fast else [])
  made, _, reports = loops.make(
    tmp_path, learner, loops.forever(), max_frames=100,
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
  learner = loops.FakeLearner()
  learner.time_is_over = True
  made, _, _ = loops.make(
    tmp_path, learner, loops.forever(), empty=lambda: ('empty', None),
    compile_first=True,
  )  # fmt: skip
  assert made.run(lambda: False)
  assert not learner.compiled


def test_a_continued_run_goes_on_with_the_games_before_it(tmp_path):
  learner = loops.FakeLearner()
  start = learner.snapshot((1.0, 2.0), (30.0, 50.0))
  checkpointer = checkpoints.Checkpointer(tmp_path / 'checkpoints')
  made = training.Training(
    learner, loops.FakeFeeder(loops.forever()),
    metrics.MetricsWriter(tmp_path, 0), checkpointer, loops.RUNTIME, start,
    max_frames=400, source=loops.NoSource(),
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
  learner = loops.FakeLearner()

  def batches():
    for batch in itertools.islice(loops.forever(), 4):
      learner.time_is_over = learner.counters.learner_steps == 2
      yield batch

  made, checkpointer, _ = loops.make(tmp_path, learner, batches())
  assert made.run(lambda: False) is True
  # The batch that was on its way when time was over is learned from.
  assert checkpointer.newest() == made.saved.learner_steps == 3


def test_max_frames_already_reached_trains_no_more(tmp_path):
  learner = loops.FakeLearner()
  learner.counters = snapshots.Counters(
    agent_steps=500, frames=2000, learner_steps=5
  )
  made, _, _ = loops.make(tmp_path, learner, loops.forever(), max_frames=2000)
  assert made.run(lambda: False) is True
  assert learner.counters.learner_steps == 5


def test_a_stop_saves_and_says_it_is_not_done(tmp_path):
  stop = threading.Event()
  learner = loops.FakeLearner(before_step=stop.set)
  made, checkpointer, _ = loops.make(tmp_path, learner, loops.forever())
  assert made.run(stop.is_set) is False
  assert checkpointer.newest() == 1


def test_checkpoints_come_at_intervals(tmp_path):
  runtime = dataclasses.replace(loops.RUNTIME, checkpoint_every_seconds=1e-6)
  made, checkpointer, _ = loops.make(
    tmp_path,
    loops.FakeLearner(),
    itertools.islice(loops.forever(), 3),
    0,
    runtime,
  )
  with pytest.raises(training.StalledError):
    made.run(lambda: False)
  assert checkpointer.newest() == 3
  assert checkpointer.restore({'w': np.float32(0)}, step=2).state['w'] == 2


def test_no_data_is_a_named_fault_that_saves(tmp_path):
  made, checkpointer, _ = loops.make(
    tmp_path, loops.FakeLearner(), itertools.islice(loops.forever(), 2)
  )
  with pytest.raises(training.StalledError, match=r'runtime\.stall_seconds'):
    made.run(lambda: False)
  assert checkpointer.newest() == 2


def test_time_in_which_nothing_ran_is_no_stall(tmp_path, monkeypatch):
  slept = [0.0]
  monkeypatch.setattr(patience, '_now', lambda: time.monotonic() + slept[0])

  def batches():
    yield from itertools.islice(loops.forever(), 2)
    yield None
    slept[0] += 1000.0
    # The batch is late, since others wake up too.
    yield None
    yield from itertools.islice(loops.forever(), 1)

  made, checkpointer, _ = loops.make(tmp_path, loops.FakeLearner(), batches())
  with pytest.raises(training.StalledError):
    made.run(lambda: False)
  assert checkpointer.newest() == 3


def test_gradients_that_stay_infinite_are_a_named_fault(tmp_path):
  learner = loops.FakeLearner()
  # Not two rows, nor three of which one had a finite gradient.
  shares = iter([0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0, 1.0])

  def before_step():
    learner._metrics['nonfinite'] = next(shares)

  learner._before_step = before_step
  made, checkpointer, _ = loops.make(tmp_path, learner, loops.forever())
  with pytest.raises(training.DivergedError, match=r'last 3 rows.*learning_r'):
    made.run(lambda: False)
  assert checkpointer.newest() == 10


def test_in_a_long_update_another_thread_can_save_what_is_known(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(training, '_LONG_UPDATE_SECONDS', -1.0)
  blocked, release = threading.Event(), threading.Event()
  learner = loops.FakeLearner()

  def before_step():
    if learner.counters.learner_steps == 2:
      blocked.set()
      release.wait(10)

  learner._before_step = before_step
  stop = threading.Event()
  made, checkpointer, _ = loops.make(tmp_path, learner, loops.forever())
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
  learner = loops.FakeLearner()

  def check():
    raise RuntimeError('publishing parameters failed: disk full')

  learner.check = check
  made, checkpointer, _ = loops.make(
    tmp_path, learner, itertools.islice(loops.forever(), 2)
  )
  with pytest.raises(RuntimeError, match='disk full'):
    made.run(lambda: False)
  assert checkpointer.newest() == 2


def test_every_so_many_frames_leave_a_checkpoint_to_evaluate(tmp_path):
  runtime = dataclasses.replace(loops.RUNTIME, evaluate_every_frames=1000)
  made, _, _ = loops.make(
    tmp_path,
    loops.FakeLearner(),
    loops.forever(),
    max_frames=3600,
    runtime=runtime,
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
  runtime = dataclasses.replace(loops.RUNTIME, checkpoint_every_seconds=1e-6)
  made, checkpointer, _ = loops.make(
    tmp_path,
    loops.FakeLearner(),
    loops.forever(),
    max_frames=9999,
    runtime=runtime,
  )
  later = snapshots.Counters(learner_steps=10**9)
  checkpointer.save(snapshots.Snapshot({'w': np.float32(0)}, later))
  with pytest.raises(checkpoints.NotWrittenError, match='checkpoint 1 '):
    made.run(lambda: False)
  assert made.saved is None
  assert made._source.saved == []


def _long(tmp_path, deviation):
  """Five updates and rows, of more steps than a young run has."""
  info = loops.INFO._replace(agent_steps=blindness.SETTLED_STEPS)
  learner = loops.FakeLearner(deviation=deviation)
  made, _, reports = loops.make(
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
  learner = loops.FakeLearner(before_step=stop.set)
  batches = itertools.repeat(('a batch', loops.INFO))
  runtime = dataclasses.replace(loops.RUNTIME, log_every_seconds=1e9)
  made, _, _ = loops.make(tmp_path, learner, batches, runtime=runtime)
  assert made.run(stop.is_set) is False
  assert learner.measured == []
  (row,) = metrics_table.read(tmp_path / 'metrics.csv')
  assert np.isnan(row['logits_deviation']) and row['loss'] == 1.0

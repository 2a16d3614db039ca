"""When the learner's loop does what, by a clock that only its parts move."""

import itertools
import types

import pytest

from attn_agents.learning import company, training
from attn_agents.utils import disk, metrics_table, patience
from configs import schema
from tests.learning import loops


class _Clock:
  def __init__(self, monkeypatch):
    self.now = 1000.0
    monkeypatch.setattr(
      training,
      'time',
      types.SimpleNamespace(monotonic=lambda: self.now, sleep=self.pass_by),
    )
    monkeypatch.setattr(patience, '_now', lambda: self.now)

  def pass_by(self, seconds):
    self.now += seconds

  def batches(self, waits):
    """A batch after each of these waits, none where one is negative."""
    for seconds in waits:
      self.pass_by(abs(seconds))
      yield None if seconds < 0 else ('a batch', loops.INFO)


class _Saver:
  """Keeps checkpoints' steps, after it has refused so many."""

  def __init__(self, made, clock, refuses=0):
    self.saved, self.refused = [], []
    self._clock, self._refuses = clock, refuses
    made._checkpointer = self

  def save(self, snapshot):
    if len(self.refused) < self._refuses:
      self.refused.append(self._clock.now)
      raise disk.StorageError(28, 'no room')
    self.saved.append(snapshot.counters.learner_steps)


class _Learner(loops.FakeLearner):
  """Takes its time for updates, and says when it was copied to the host."""

  def __init__(self, clock, updates):
    self.copied = []
    updates = iter(updates)
    super().__init__(before_step=lambda: clock.pass_by(next(updates)))

  def snapshot(self, *args):
    self.copied.append(self.counters.learner_steps)
    return super().snapshot(*args)


def _runtime(log, checkpoint, stall=1e6):
  return schema.RuntimeConfig(
    log_every_seconds=log, checkpoint_every_seconds=checkpoint,
    stall_seconds=stall,
  )  # fmt: skip


def test_rows_checkpoints_and_copies_come_when_they_are_due(
  tmp_path, monkeypatch
):
  """2.5 s for each of 16 updates of 400 frames, but 5 s for the seventh."""
  clock = _Clock(monkeypatch)
  learner = _Learner(clock, [2.0] * 6 + [3.5] + [2.0] * 9)
  made, _, reports = loops.make(
    tmp_path, learner, clock.batches([0.5] * 6 + [1.5] + [0.5] * 9),
    max_frames=6400, runtime=_runtime(log=10, checkpoint=15),
  )  # fmt: skip
  _Saver(made, clock)
  assert made.run(lambda: False)
  rows = metrics_table.read(tmp_path / 'metrics.csv')
  assert [row['learner_steps'] for row in rows] == [4, 7, 11, 15, 16]
  assert [row['fps'] for row in rows] == [160, 120, 160, 160, 160]
  found = [row['learner_wait_share'] for row in rows]
  assert found == pytest.approx([0.2, 0.25, 0.2, 0.2, 0.2])
  found = [row['learner_update_share'] for row in rows]
  assert found == pytest.approx([0.8, 0.75, 0.8, 0.8, 0.8])
  # After 15 s, 15 s later, and at the end.
  assert made._source.saved == [(6, False), (11, False), (16, True)]
  # With each of these, and after an update of more than 2 s and the next one,
  # during which a stop finds nothing newer.
  assert learner.copied == [0, 6, 7, 8, 11, 16]
  assert reports == [
    'waiting for the first trajectories', 'compiling', 'training', 'saving',
  ]  # fmt: skip


@pytest.mark.parametrize(
  ('every', 'refused', 'saved'),
  [
    # After a minute, half a minute, and a minute again.
    (60, [1060.0, 1090.0], [12, 18, 19]),
    # No later than they are due.
    (20, [1020.0, 1040.0], [6, 8, 10, 12, 14, 16, 18, 19]),
  ],
)
def test_without_room_checkpoints_are_tried_again_after_30_seconds(
  tmp_path, monkeypatch, every, refused, saved
):
  """Updates take 10 s each."""
  clock = _Clock(monkeypatch)
  made, _, _ = loops.make(
    tmp_path, _Learner(clock, [1.0] * 19), clock.batches([9.0] * 19),
    max_frames=7600, runtime=_runtime(log=1e6, checkpoint=every),
  )  # fmt: skip
  saver = _Saver(made, clock, refuses=2)
  assert made.run(lambda: False)
  assert saver.refused == refused
  assert saver.saved == saved


def test_the_last_checkpoint_is_tried_again_every_two_seconds(
  tmp_path, monkeypatch
):
  clock = _Clock(monkeypatch)
  made, _, _ = loops.make(
    tmp_path, _Learner(clock, [1.0]), clock.batches([1.0]), max_frames=400,
    runtime=_runtime(log=1e6, checkpoint=1e6, stall=10),
  )  # fmt: skip
  saver = _Saver(made, clock, refuses=100)
  with pytest.raises(disk.StorageError):
    made.run(lambda: False)
  tried = saver.refused
  pauses = [later - now for now, later in itertools.pairwise(tried)]
  # Until it has tried for as long as it would wait for data.
  assert len(pauses) >= 4
  assert pauses == pytest.approx([2.0] * len(pauses), abs=0.21)
  assert 10.0 <= clock.now - tried[0] < 13


def test_a_replay_that_fills_is_no_stall_and_is_told_now_and_then(
  tmp_path, monkeypatch
):
  clock = _Clock(monkeypatch)
  sizes = itertools.chain(range(1000, 9000, 1000), itertools.repeat(8000))
  made, _, reports = loops.make(
    tmp_path, _Learner(clock, [1.0]), clock.batches(itertools.repeat(-1.0)),
    runtime=_runtime(log=3, checkpoint=1e6, stall=4),
  )  # fmt: skip
  saver = _Saver(made, clock)
  made._source.stats = lambda: {'replay_size': next(sizes)}
  with pytest.raises(training.StalledError, match=r'for 4 s \(runtime\.stall'):
    made.run(lambda: False)
  assert reports[1:] == [
    f'{size} transitions in the replay' for size in ('1,000', '4,000', '7,000')
  ]
  assert saver.saved == [0]
  # Since it has stopped to grow.
  assert 12 < clock.now - 1000 <= 14


class _Profiler:
  def __init__(self):
    self.calls = []

  def before(self, update):
    self.calls.append(('before', update))

  def after(self, update, result):
    self.calls.append(('after', update, result['loss']))

  def close(self):
    self.calls.append(('close',))


@pytest.mark.parametrize('stalls', [False, True])
def test_updates_are_profiled_and_the_profile_is_closed(
  tmp_path, monkeypatch, stalls
):
  clock, profiler = _Clock(monkeypatch), _Profiler()
  made, _, _ = loops.make(
    tmp_path, _Learner(clock, [1.0] * 2),
    clock.batches([1.0, 1.0, *[-1.0] * 9]), max_frames=1200 if stalls else 800,
    runtime=_runtime(log=1e6, checkpoint=1e6, stall=2), profiler=profiler,
  )  # fmt: skip
  _Saver(made, clock)
  if stalls:
    with pytest.raises(training.StalledError):
      made.run(lambda: False)
  else:
    assert made.run(lambda: False)
  assert profiler.calls == [
    ('before', 0), ('after', 0, 1.0), ('before', 1), ('after', 1, 1.0),
    ('close',),
  ]  # fmt: skip


class _Others(company.Alone):
  """Lets this host, which does not lead, begin two updates, of four."""

  leads = False

  def __init__(self):
    super().__init__()
    self.begun, self.ended, self.compared = 0, 0, []

  def begin_update(self):
    self.begun += 1
    return self.begun < 3

  def end_update(self):
    self.ended += 1

  def behind(self):
    return 2

  def compare(self, snapshot):
    self.compared.append(snapshot.counters.learner_steps)


def test_a_host_that_does_not_lead_makes_the_updates_that_others_began(
  tmp_path, monkeypatch
):
  clock, others, empty = _Clock(monkeypatch), _Others(), []
  learner = _Learner(clock, [1.0] * 4)

  def make_empty():
    empty.append(learner.counters.learner_steps)
    return 'empty', loops.INFO

  # The third is read before the end, the fourth after it, and then is none.
  made, _, _ = loops.make(
    tmp_path, learner, clock.batches([1.0] * 4),
    runtime=_runtime(log=1.5, checkpoint=1e6), company_=others,
    empty=make_empty,
  )  # fmt: skip
  saver = _Saver(made, clock)
  assert made.run(lambda: False) is False
  assert empty == [3]
  assert saver.saved == [4]
  assert others.ended == 2
  assert others.compared == [4]
  # It neither measures nor keeps a replay, which the leader does.
  assert learner.measured == [] and made._source.saved == []
  assert len(metrics_table.read(tmp_path / 'metrics.csv')) == 2


def test_a_run_of_several_hosts_that_gets_no_data_is_left_and_saved(
  tmp_path, monkeypatch
):
  clock = _Clock(monkeypatch)
  alone = company.Alone(has_actor_hosts=True)
  made, _, _ = loops.make(
    tmp_path, _Learner(clock, [1.0]),
    clock.batches([1.0, *[-1.0] * 9]),
    runtime=_runtime(log=1e6, checkpoint=1e6, stall=2), company_=alone,
  )  # fmt: skip
  saver = _Saver(made, clock)
  assert made.run(lambda: False) is False
  assert 'no batch was complete for 2 s' in alone.why
  assert saver.saved == [1]

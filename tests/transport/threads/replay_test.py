"""The replay in memory against a plain list, and its rate."""

import collections
import errno
import json
import os
import threading
import time
import types as stdlib_types

import numpy as np
import pytest

from attn_agents import types
from attn_agents.learning import batching
from attn_agents.runs import kept_replays
from attn_agents.transport import sequences
from attn_agents.transport.threads import limiter, replay, replay_files
from attn_agents.utils import disk
from configs import errors
from tests import replays

LENGTH = 4


def _make(
  tmp_path, frame_stack=1, capacity=200, batch=16, length=LENGTH,
  should_stop=lambda: False, **rate,
):  # fmt: skip
  rate = {
    'samples_per_insert': 1.0, 'min_size': 1, 'tolerance': 1e9,
  } | rate  # fmt: skip
  return replay.ReplayBuffer(
    replays.row_spec(frame_stack),
    capacity,
    frame_stack,
    replays.rows_per_item(frame_stack, length),
    batch,
    limiter.RatioLimiter(**rate),
    0,
    should_stop,
    replay.Keeping(tmp_path, 0.0),
  )


def _play(buffer, player, unrolls):
  sink = buffer.make_sink()
  for _ in range(unrolls):
    sink.insert(player.unroll())
  return sink


@pytest.mark.parametrize(('frame_stack', 'length'), [(1, 4), (4, 1), (3, 2)])
def test_sequences_are_what_was_played_and_all_are_drawn(
  tmp_path, frame_stack, length
):
  buffer = _make(tmp_path, frame_stack, 10_000, length=length)
  players = [
    replays.Player(0, frame_stack), replays.Player(1, frame_stack, 30_000),
  ]  # fmt: skip
  for player in players:
    _play(buffer, player, 8)
  ends = replays.all_ends(players, replays.rows_per_item(frame_stack, length))
  assert buffer.stats()['replay_size'] == len(ends)
  seen = collections.Counter()
  batches = buffer.batches()
  for _ in range(200):
    batch = sequences.join(next(batches), frame_stack, length)
    assert batch.timestep.observation.shape[:2] == (length + 1, 16)
    seen.update(replays.check(batch, players).tolist())
  assert set(seen) == set(ends)
  # Uniform: a chi-square statistic, k degrees of freedom, 6 deviations.
  expected = 200 * 16 / len(ends)
  chi = sum((n - expected) ** 2 / expected for n in seen.values())
  assert abs(chi - len(ends)) < 6 * (2 * len(ends)) ** 0.5


def test_old_rows_make_room_and_broken_sequences_are_never_drawn(tmp_path):
  """Two actors, one of them slow: its sequences lose rows out of turn."""
  buffer = _make(tmp_path, capacity=90)
  fast, slow = replays.Player(0), replays.Player(1, first_number=30_000)
  sinks = buffer.make_sink(), buffer.make_sink()
  batches = buffer.batches()
  for turn in range(30):
    sinks[0].insert(fast.unroll())
    if turn % 4 == 0:
      sinks[1].insert(slow.unroll())
    if turn < 3:
      continue
    drawn = replays.check(
      sequences.join(next(batches), 1, LENGTH), (fast, slow)
    )
    assert buffer.stats()['replay_size'] <= 90
  newest = sorted(replays.all_ends([fast], 5))[-40:]
  for _ in range(50):
    drawn = np.append(
      drawn,
      replays.check(sequences.join(next(batches), 1, LENGTH), (fast, slow)),
    )
  assert set(newest[-20:]) <= set(drawn.tolist())


@pytest.mark.parametrize('capacity', [30, 47, 61])
def test_size_is_of_whole_sequences_after_the_ring_is_full(tmp_path, capacity):
  """Rows come in as [T + 1, N] and then [T, N], all of one step together."""
  buffer = _make(tmp_path, capacity=capacity)
  player, sink = replays.Player(0), buffer.make_sink()
  for unrolls in range(1, 13):
    sink.insert(player.unroll())
    total = replays.ENVS * (replays.STEPS * unrolls + 1)
    # Numbers of the first rows of sequences, which end with no reset.
    firsts = [
      replays.ENVS * (step - LENGTH) + env
      for env, rows in enumerate(player.rows)
      for step, row in enumerate(rows)
      if step >= LENGTH and row['step_type'] != types.StepType.FIRST
    ]
    whole = sum(first >= total - capacity for first in firsts)
    # Of one actor, sequences are lost in the order in which they came.
    assert buffer.stats()['replay_size'] == whole
  assert total > 3 * capacity // 2
  assert buffer.stats()['samples_per_insert'] == 0.0
  next(buffer.batches())
  assert buffer.stats()['samples_per_insert'] == 16 / len(firsts)


def test_what_actors_report_arrives_once_with_the_next_batch(tmp_path):
  buffer = _make(tmp_path)
  player = replays.Player(0)
  sink = _play(buffer, player, 5)
  batches = buffer.batches()
  first = next(batches)
  info = batching.describe_reports(first.reports)
  rows = [row for rows in player.rows for row in rows]
  resets = sum(row['step_type'] == types.StepType.FIRST for row in rows)
  assert info.agent_steps == len(rows) - resets
  assert sequences.join(first, 1, LENGTH).new_steps == info.agent_steps
  assert not next(batches).reports
  sink.insert(player.unroll())
  assert len(next(batches).reports) == 1
  nothing = batching.describe_reports([])
  assert nothing.agent_steps == 0 and not nothing.versions.size


def test_a_life_of_an_actor_shares_no_sequence_with_the_next(tmp_path):
  buffer = _make(tmp_path)
  players = [replays.Player(i, first_number=1000 * i) for i in range(3)]
  for player in players:
    _play(buffer, player, 2)
  batches = buffer.batches()
  for _ in range(40):
    replays.check(sequences.join(next(batches), 1, LENGTH), players)


@pytest.mark.parametrize('slow', ['actor', 'learner'])
def test_one_update_for_every_so_many_steps_whoever_is_faster(tmp_path, slow):
  """4 steps to a batch of 8: 2 samples an insert."""
  stop = threading.Event()
  buffer = _make(
    tmp_path, capacity=5000, batch=8, should_stop=stop.is_set,
    samples_per_insert=2.0, min_size=100, tolerance=60.0,
  )  # fmt: skip
  player = replays.Player(0)

  def play():
    sink = buffer.make_sink()
    while not stop.is_set():
      sink.insert(player.unroll())
      time.sleep(0.002 if slow == 'actor' else 0)

  thread = threading.Thread(target=play)
  thread.start()
  batches = buffer.batches()
  for updates in range(1, 301):
    next(batches)
    inserts = buffer._limiter.inserts
    wanted = (inserts - 100) / 4
    # The tolerance, and one unroll that may be in hand: in batches.
    assert abs(updates - wanted) <= (60 + 2 * 12) / 8 + 1
    time.sleep(0.002 if slow == 'learner' else 0)
  stop.set()
  thread.join(10)
  assert not thread.is_alive(), 'a waiting actor does not stop'


def test_nothing_is_sampled_before_the_least_size(tmp_path):
  buffer = _make(tmp_path, min_size=30)
  got = []
  threading.Thread(
    target=lambda: got.append(next(buffer.batches())), daemon=True
  ).start()
  player, sink = replays.Player(0), buffer.make_sink()
  while buffer.stats()['replay_size'] < 20:
    sink.insert(player.unroll())
  time.sleep(0.2)
  assert not got
  while buffer.stats()['replay_size'] < 30:
    sink.insert(player.unroll())
  deadline = time.monotonic() + 5
  while not got and time.monotonic() < deadline:
    time.sleep(0.01)
  assert got


def test_what_is_kept_goes_on_where_it_was(tmp_path):
  buffer = _make(tmp_path, capacity=60)
  player = replays.Player(0)
  _play(buffer, player, 9)
  batches = buffer.batches()
  next(batches)
  buffer.save(17, at_end=False)
  again = _make(tmp_path, capacity=60)
  again.restore(kept_replays.find(tmp_path, replay.RUNTIME, 17))
  assert again.stats() == buffer.stats()
  other = replays.Player(1, first_number=30_000)
  sink = again.make_sink()
  batches = again.batches()
  for _ in range(10):
    replays.check(sequences.join(next(batches), 1, LENGTH), (player, other))
    sink.insert(other.unroll())
  # Another step has none; only the newest stays.
  assert kept_replays.find(tmp_path, replay.RUNTIME, 16) is None
  buffer.save(18, at_end=True)
  assert kept_replays.find(tmp_path, replay.RUNTIME, 17) is None
  assert kept_replays.find(tmp_path, replay.RUNTIME, 18)


def test_without_room_nothing_is_left_and_the_last_one_stays(
  tmp_path, monkeypatch
):
  buffer = _make(tmp_path)
  _play(buffer, replays.Player(0), 3)
  buffer.save(17, at_end=True)
  write = replay_files.write

  def refuse(directory, arrays, numbers):
    write(directory, arrays, numbers)
    raise OSError(errno.ENOSPC, 'No space left on device')

  with monkeypatch.context() as patch:
    patch.setattr(replay_files, 'write', refuse)
    with pytest.raises(disk.StorageError, match=f'no room in {tmp_path} '):
      buffer.save(18, at_end=True)
  assert list((tmp_path / 'unfinished').iterdir()) == []
  assert kept_replays.find(tmp_path, replay.RUNTIME, 17)
  buffer.save(19, at_end=True)
  assert kept_replays.find(tmp_path, replay.RUNTIME, 19)


@pytest.fixture(name='now')
def _now(monkeypatch):
  """A clock that stands still."""
  now = [100.0]
  monkeypatch.setattr(
    replay, 'time', stdlib_types.SimpleNamespace(monotonic=lambda: now[0])
  )
  return now


def test_a_copy_is_made_no_more_often_than_asked_but_at_the_end(tmp_path, now):
  buffer = _make(tmp_path)
  _play(buffer, replays.Player(0), 3)
  buffer._keeping = replay.Keeping(tmp_path, 60.0)
  kept = []
  for step, (now[0], at_end) in enumerate((
    (159.0, False), (160.0, False), (219.0, False), (225.0, False),
    (230.0, True), (289.0, False), (290.0, False),
  )):  # fmt: skip
    buffer.save(step, at_end)
    if kept_replays.find(tmp_path, replay.RUNTIME, step):
      kept.append(now[0])
  assert kept == [160.0, 225.0, 230.0, 290.0]


def test_the_seconds_of_an_insert_are_those_in_the_replay(
  tmp_path, now, monkeypatch
):
  buffer = _make(tmp_path)
  insert = buffer.insert

  def slow(*args):
    now[0] += 2.5
    return insert(*args)

  monkeypatch.setattr(buffer, 'insert', slow)
  sink, player = buffer.make_sink(), replays.Player(0)
  assert [sink.insert(player.unroll()) for _ in range(2)] == [2.5, 2.5]


def test_a_replay_of_other_frames_is_refused(tmp_path):
  buffer = _make(tmp_path)
  _play(buffer, replays.Player(0), 3)
  buffer.save(1, at_end=True)
  other = _make(tmp_path)
  other._rows = other._rows._replace(frame=np.zeros((200, 9, 9, 1), np.uint8))
  with pytest.raises(errors.ConfigError, match=r'frame.npy is uint8\[.*expec'):
    other.restore(kept_replays.find(tmp_path, replay.RUNTIME, 1))


def _cut(file):
  os.truncate(file, file.stat().st_size - 1)


def _change(**numbers):
  def change(file):
    file.write_text(json.dumps(json.loads(file.read_text()) | numbers))

  return change


@pytest.mark.parametrize(
  ('name', 'damage', 'words'),
  [
    ('frame.npy', _cut, r'frame\.npy: '),
    ('ends.npy', lambda x: os.truncate(x, 0), r'ends\.npy: '),
    ('ends.npy', lambda x: os.truncate(x, 70), r'ends\.npy: '),
    ('reward.npy', lambda x: x.write_text('text'), r'reward\.npy: '),
    ('reward.npy', lambda x: x.unlink(), r'reward\.npy: .*No such file'),
    (
      'reward.npy',
      lambda x: np.save(x, np.zeros(201, np.float32)),
      r'reward\.npy is float32\[201\], expected float32\[200\] or fewer rows',
    ),
    (
      'reward.npy',
      lambda x: np.save(x, np.float32(1)),
      r'reward\.npy is float32\[\], expected float32\[200\]',
    ),
    (
      'reward.npy',
      lambda x: np.save(x, np.zeros(3, np.float32)),
      r'reward\.npy has 3 rows, others have',
    ),
    ('numbers.json', _cut, r'numbers\.json: '),
    ('numbers.json', lambda x: x.write_text('[]'), 'no object in braces'),
    ('numbers.json', lambda x: x.write_text('{}'), 'next_row is None'),
    ('numbers.json', _change(samples='7'), "samples is '7', expected an int"),
    ('numbers.json', _change(next_end=-1), 'next_end is -1'),
  ],
)
def test_a_damaged_replay_is_refused_in_one_line(tmp_path, name, damage, words):
  buffer = _make(tmp_path)
  _play(buffer, replays.Player(0), 3)
  buffer.save(1, at_end=True)
  kept = kept_replays.find(tmp_path, replay.RUNTIME, 1)
  damage(kept / name)
  with pytest.raises(errors.ConfigError, match=words) as caught:
    _make(tmp_path).restore(kept)
  assert str(caught.value).startswith(f'replay {kept} is damaged (')
  assert '\n' not in str(caught.value)

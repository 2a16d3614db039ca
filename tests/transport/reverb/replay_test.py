"""The replay of real Reverb servers against a plain list, and its rate."""

import collections
import math
import threading
import types

import numpy as np
import pytest

from attn_agents.runs import kept_replays
from attn_agents.transport import compression, packed_frames, sequences
from attn_agents.transport.reverb import replay, servers
from attn_agents.utils import disk
from tests import replays

BATCH = 16
LENGTH = 4


class Replay:
  """A server and a reader; writers on demand."""

  def __init__(
    self, directory, frame_stack, length, found=None, packed=False, **limits
  ):
    limits = {
      'capacity': 10_000, 'samples_per_insert': 1.0, 'min_size': 1,
      'tolerance': 1e9,
    } | limits  # fmt: skip
    self._frame_stack, self._length = frame_stack, length
    self._rows = replays.rows_per_item(frame_stack, length)
    row = replays.row_spec(frame_stack)
    spec = replay.pack(
      sequences.Row(*(np.zeros((self._rows, *x.shape), x.dtype) for x in row))
    )
    if packed:
      spec = spec._replace(frame=np.empty(self._rows, object))
    report = sequences.report_of(replays.Player(0).unroll())
    import reverb

    self.server = servers.replay_server(
      spec, report, servers.Limits(**limits),
      checkpointer=reverb.checkpointers.DefaultCheckpointer(
        str(kept_replays.unfinished(directory)),
        fallback_checkpoint_path=found and str(found),
      ),
    )  # fmt: skip
    self.address = f'127.0.0.1:{self.server.port}'
    self.reader = replay.ReplaySource(
      self.address, report, BATCH, directory, 0.0, row.frame.shape
    )
    self.batches = self.reader.batches()

  def writer(self, should_stop=lambda: False):
    return replay.ReplaySink(
      self.address, self._frame_stack, self._rows, replays.STEPS, should_stop
    )

  def play(self, player, unrolls):
    writer = self.writer()
    for _ in range(unrolls):
      writer.insert(player.unroll())
    return writer

  def draw(self):
    return sequences.join(next(self.batches), self._frame_stack, self._length)


@pytest.mark.parametrize(
  ('frame_stack', 'length', 'packed'),
  [(1, 4, False), (4, 1, False), (1, 4, True)],
)
def test_sequences_are_what_was_played_and_all_are_drawn(
  tmp_path, frame_stack, length, packed
):
  made = Replay(tmp_path, frame_stack, length, packed=packed)
  players = [
    replays.Player(0, frame_stack), replays.Player(1, frame_stack, 30_000),
  ]  # fmt: skip
  for player in players:
    made.play(player, 8)
  ends = replays.all_ends(players, replays.rows_per_item(frame_stack, length))
  assert made.reader.stats()['replay_size'] == len(ends)
  seen = collections.Counter()
  for _ in range(150):
    drawn = replays.check(made.draw(), players)
    seen.update(drawn.tolist())
  assert set(seen) == set(ends)
  expected = 150 * BATCH / len(ends)
  chi = sum((n - expected) ** 2 / expected for n in seen.values())
  assert abs(chi - len(ends)) < 6 * (2 * len(ends)) ** 0.5
  made.server.stop()


def test_the_oldest_go_first(tmp_path):
  made = Replay(tmp_path, 1, 4, capacity=50)
  player = replays.Player(0)
  made.play(player, 12)
  assert made.reader.stats()['replay_size'] == 50
  newest = sorted(replays.all_ends([player], 5))[-50:]
  for _ in range(20):
    drawn = replays.check(made.draw(), [player])
    assert set(drawn.tolist()) <= set(newest)
  made.server.stop()


def test_reports_arrive_once(tmp_path):
  made = Replay(tmp_path, 1, 4)
  player = replays.Player(0)
  writer = made.play(player, 5)
  first = next(made.batches)
  assert len(first.reports) == 5
  resets = sum(row['step_type'] == 0 for rows in player.rows for row in rows)
  rows = sum(len(rows) for rows in player.rows)
  assert sequences.join(first, 1, LENGTH).new_steps == rows - resets
  assert not next(made.batches).reports
  writer.insert(player.unroll())
  assert len(next(made.batches).reports) == 1
  made.server.stop()


def test_one_update_for_every_so_many_steps(tmp_path):
  """An actor that never rests: 8 steps to a batch of 16."""
  stop = threading.Event()
  made = Replay(
    tmp_path, 1, 4, samples_per_insert=2.0, min_size=100, tolerance=80.0
  )
  player = replays.Player(0)

  def play():
    writer = made.writer(stop.is_set)
    while not stop.is_set():
      writer.insert(player.unroll())

  thread = threading.Thread(target=play)
  thread.start()
  for updates in range(1, 101):
    next(made.batches)
    if updates % 20 == 0:
      stats = made.reader.stats()
      inserts = stats['replay_size']
      assert stats['samples_per_insert'] * inserts == pytest.approx(
        BATCH * updates
      )
      assert abs(updates - (inserts - 100) / 8) <= (80 + 2) / BATCH + 1
  stop.set()
  thread.join(10)
  assert not thread.is_alive(), 'a waiting actor does not stop'
  made.server.stop()


@pytest.mark.parametrize(
  ('packed', 'packed_again'), [(False, False), (True, True), (True, False)]
)
def test_what_is_kept_goes_on_where_it_was(tmp_path, packed, packed_again):
  made = Replay(tmp_path, 1, 4, packed=packed)
  player = replays.Player(0)
  made.play(player, 6)
  next(made.batches)
  stats = made.reader.stats()
  made.reader.save(17, at_end=False)
  made.server.stop()
  found = kept_replays.find(tmp_path, replay.RUNTIME, 17)
  # A replay stays as it was kept, whatever the config says now.
  again = Replay(tmp_path, 1, 4, found, packed=packed_again)
  assert (again.reader._unpacker is not None) == packed
  assert again.reader.stats() == stats
  other = replays.Player(1, first_number=30_000)
  again.play(other, 3)
  for _ in range(10):
    replays.check(again.draw(), [player, other])
  again.reader.save(18, at_end=True)
  assert kept_replays.find(tmp_path, replay.RUNTIME, 17) is None
  assert kept_replays.find(tmp_path, replay.RUNTIME, 18)
  again.server.stop()


def test_without_room_nothing_is_left_and_the_last_one_stays(
  tmp_path, monkeypatch
):
  made = Replay(tmp_path, 1, 4)
  made.play(replays.Player(0), 3)
  made.reader.save(17, at_end=True)

  class Full:
    def checkpoint(self):
      half = tmp_path / 'unfinished' / '2026-11-28'
      half.mkdir()
      (half / 'chunks.tfrecord').write_bytes(b'x')
      # As Reverb 0.7.3 says it.
      raise IndexError(f'{half}/chunks.tfrecord; No space left on device')

  with monkeypatch.context() as patch:
    patch.setattr(made.reader, '_client', Full())
    with pytest.raises(disk.StorageError, match=f'no room in {tmp_path} '):
      made.reader.save(18, at_end=True)
  assert list((tmp_path / 'unfinished').iterdir()) == []
  assert kept_replays.find(tmp_path, replay.RUNTIME, 17)
  made.reader.save(19, at_end=False)
  assert kept_replays.find(tmp_path, replay.RUNTIME, 19)
  made.server.stop()


def test_frames_of_another_shape_are_refused(tmp_path):
  made = Replay(tmp_path, 1, 4)
  trajectory = replays.Player(0).unroll()
  timestep = trajectory.unroll.timestep
  larger = np.repeat(timestep.observation, 2, axis=2)
  wrong = trajectory._replace(
    unroll=trajectory.unroll._replace(
      timestep=timestep._replace(observation=larger)
    )
  )
  with pytest.raises(ValueError, match=r'frame is uint8\[4, 3, 1\], but'):
    made.writer().insert(wrong)
  made.server.stop()


def test_a_damaged_frame_ends_the_feeder(tmp_path):
  made = Replay(tmp_path, 1, 4, packed=True)
  made.play(replays.Player(0), 6)
  # As if frames were of another size than those that actors have sent.
  made.reader._unpacker = packed_frames.FrameUnpacker((5, 5, 1))
  with pytest.raises(compression.DamagedError, match='6 bytes, not 25'):
    next(made.batches)
  made.server.stop()


class _Late:
  """A server that answers too late, however long it is waited for."""

  def __init__(self, now=None):
    self.timeouts, self.kept = [], []
    self._now = now

  def server_info(self, timeout):
    import reverb

    self.timeouts.append(timeout)
    raise reverb.errors.DeadlineExceededError('no answer')

  def checkpoint(self):
    self.kept.append(self._now[0])
    return 'somewhere'


def test_a_server_that_is_busy_costs_a_measurement_or_reports_for_a_while(
  tmp_path, monkeypatch
):
  made = Replay(tmp_path, 1, 4)
  made.play(replays.Player(0), 3)
  late = _Late()
  with monkeypatch.context() as patch:
    patch.setattr(made.reader, '_client', late)
    stats = made.reader.stats()
    assert set(stats) == {'replay_size', 'samples_per_insert'}
    assert all(map(math.isnan, stats.values()))
    assert next(made.batches).reports == []
  # A row of metrics waits no longer than a second.
  assert late.timeouts[0] == 1 and late.timeouts[1] <= 10
  assert len(next(made.batches).reports) == 3
  made.server.stop()


def test_a_copy_is_made_no_more_often_than_asked_but_at_the_end(
  tmp_path, monkeypatch
):
  made, now = Replay(tmp_path, 1, 4), [100.0]
  made.server.stop()
  monkeypatch.setattr(
    replay, 'time', types.SimpleNamespace(monotonic=lambda: now[0])
  )
  monkeypatch.setattr(kept_replays, 'adopt', lambda *args: None)
  client = _Late(now)
  reader = made.reader
  reader._client, reader._checkpoint_seconds, reader._kept_at = client, 60, 100
  for now[0], at_end in (
    (159.0, False), (160.0, False), (219.0, False), (225.0, False),
    (230.0, True), (289.0, False), (290.0, False),
  ):  # fmt: skip
    reader.save(1, at_end)
  assert client.kept == [160.0, 225.0, 230.0, 290.0]


def test_the_seconds_of_an_insert_are_those_that_the_limiter_took(
  tmp_path, monkeypatch
):
  made, now = Replay(tmp_path, 1, 4), [100.0]
  writer, player = made.writer(), replays.Player(0)
  monkeypatch.setattr(
    replay, 'time', types.SimpleNamespace(monotonic=lambda: now[0])
  )
  flush = replay.ReplaySink._flush

  def slow(self, stream):
    now[0] += 2.0
    flush(self, stream)

  monkeypatch.setattr(replay.ReplaySink, '_flush', slow)
  # Reports wait for nothing.
  assert [writer.insert(player.unroll()) for _ in range(2)] == [2.0, 2.0]
  # A server that ends waits for who is connected.
  del writer
  made.server.stop()

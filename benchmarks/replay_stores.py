"""Replays to compare: each frame once, and every sequence with its own frames.

The naive store keeps for each transition the whole sequence that ends with it,
stacks of frames included.
"""

import dataclasses
import gc
import importlib.util
import math
import pathlib
import tempfile
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import psutil

from attn_agents import experiment, types
from attn_agents.algorithms import replay as replay_lib
from attn_agents.environments import registry as environments
from attn_agents.transport import sequences
from attn_agents.transport.threads import limiter, replay
from attn_agents.utils import heap
from configs import schema

# Far more than any benchmark samples.
_NO_LIMIT = 1e12


@dataclasses.dataclass(frozen=True)
class Store:
  """A filled store.

  Attributes:
    batches: yields batches, for ever.
    raw_bytes: that it was given, per transition.
    measured_bytes: that this process has grown by, per transition.
    server: that holds it, if one does; gone with this.
  """

  batches: Iterator[types.ReplayBatch]
  raw_bytes: float
  measured_bytes: float
  server: object = None


class Stores:
  """Fills stores with the same unrolls."""

  def __init__(
    self,
    config: schema.Config,
    trajectories: Sequence[types.Trajectory],
    replay_spec: replay_lib.Replay,
  ):
    """Fills nothing yet.

    Args:
      config: of the run.
      trajectories: of one actor, one after another.
      replay_spec: what the run learns from.
    """
    self._config, self._replay = config, replay_spec
    self._trajectories = trajectories
    self._spec = environments.spec(config.environment)
    self._stack = self._spec.frames_in_stack
    self._rows = replay_spec.rows_per_item
    num_envs = trajectories[0].unroll.action.shape[1]
    self._transitions = (
      len(trajectories) * config.learning.unroll_length * num_envs
    )

  def in_memory(self) -> Store:
    """Ours, without Reverb."""
    row = self._row()
    buffer = replay.ReplayBuffer(
      row,
      self._transitions + 1000,
      self._stack,
      self._rows,
      self._replay.batch_size,
      limiter.RatioLimiter(1.0, 1, _NO_LIMIT),
      0,
      lambda: False,
      replay.Keeping(pathlib.Path(tempfile.gettempdir()), math.inf),
    )
    sink = buffer.make_sink()
    each = sum(x.nbytes for x in row) + 16
    return self._fill(sink.insert, self._joined(buffer.batches()), each)

  def naive_in_memory(self) -> Store:
    """Sequences as arrays of their own."""
    kept: list[types.ReplayBatch] = []
    rng = np.random.default_rng(0)

    def batches() -> Iterator[types.ReplayBatch]:
      while True:
        drawn = rng.integers(len(kept), size=self._replay.batch_size)
        chosen = [kept[i] for i in drawn]
        yield types.ReplayBatch(
          types.TimeStep(
            *(
              np.stack(x, axis=1)
              for x in zip(*(c.timestep for c in chosen), strict=True)
            )
          ),
          np.stack([c.action for c in chosen], axis=1),
          np.int32(0),
        )

    return self._fill(self._cutter(kept.append), batches(), self._naive_bytes())

  def in_reverb(self) -> Store:
    """Ours, with the server in this process."""
    from attn_agents.transport.reverb import replay as reverb_replay
    from attn_agents.transport.reverb import servers, transport

    parts = experiment.Experiment(self._config)
    server = servers.replay_server(
      transport.item_spec(parts, self._replay),
      transport.report_spec(parts),
      servers.Limits(self._transitions + 1000, 1.0, 1, _NO_LIMIT),
    )
    address = f'127.0.0.1:{server.port}'
    connection = transport.ReverbTransport(
      parts, address, '', pathlib.Path(tempfile.gettempdir())
    )
    source = reverb_replay.ReplaySource(
      address,
      transport.report_spec(parts),
      self._replay.batch_size,
      pathlib.Path(tempfile.gettempdir()),
      math.inf,
      self._row().frame.shape,
    )

    each = sum(x.nbytes for x in reverb_replay.pack(self._row()))
    return self._fill(
      connection.make_sink().insert,
      self._joined(source.batches()),
      each,
      server,
    )

  def naive_in_reverb(self) -> Store:
    """Each sequence an item with data of its own."""
    import reverb
    import tree

    name = 'naive'
    server = reverb.Server(
      [
        reverb.Table(
          name,
          reverb.selectors.Uniform(),
          reverb.selectors.Fifo(),
          self._transitions,
          reverb.rate_limiters.MinSize(1),
        )
      ]
    )
    client = reverb.Client(f'127.0.0.1:{server.port}')
    writer = client.trajectory_writer(num_keep_alive_refs=1)
    spec: list[types.ReplayBatch] = []

    def keep(item: types.ReplayBatch) -> None:
      spec[:] = [item]
      writer.append(item)
      writer.create_item(
        name, 1.0, tree.map_structure(lambda x: x[-1], writer.history)
      )
      writer.flush()

    def batches() -> Iterator[types.ReplayBatch]:
      while True:
        samples = [
          tree.unflatten_as(spec[0], sample.data)
          for sample in client.sample(
            name, self._replay.batch_size, emit_timesteps=False
          )
        ]
        stacked = tree.map_structure(lambda *x: np.stack(x, axis=-1), *samples)
        yield types.ReplayBatch(
          types.TimeStep(*(np.moveaxis(x, -1, 1) for x in stacked.timestep)),
          stacked.action,
          np.int32(0),
        )

    return self._fill(
      self._cutter(keep), batches(), self._naive_bytes(), server
    )

  def available(self) -> dict[str, Callable[[], Store]]:
    """Makers, by name; those of Reverb where it is installed."""
    makers = {
      'memory, frames once': self.in_memory,
      'memory, naive': self.naive_in_memory,
    }
    if importlib.util.find_spec('reverb'):
      makers |= {
        'Reverb, frames once': self.in_reverb,
        'Reverb, naive': self.naive_in_reverb,
      }
    return makers

  def _fill(
    self,
    insert: Callable[[types.Trajectory], object],
    batches: Iterator[types.ReplayBatch],
    raw_bytes: float,
    server: object = None,
  ) -> Store:
    before = _process_bytes()
    for trajectory in self._trajectories:
      insert(trajectory)
    next(batches)
    grown = _process_bytes() - before
    return Store(batches, raw_bytes, grown / self._transitions, server)

  def _row(self) -> sequences.Row:
    return sequences.row_spec(self._spec.observation_shape, self._stack)

  def _naive_bytes(self) -> float:
    frame = math.prod(self._spec.observation_shape)
    length = self._replay.sequence_length
    return (length + 1) * (frame + 9) + length * 4

  def _joined(
    self, sampled: Iterator[sequences.Sampled]
  ) -> Iterator[types.ReplayBatch]:
    for one in sampled:
      yield sequences.join(one, self._stack, self._replay.sequence_length)

  def _cutter(
    self, keep: Callable[[types.ReplayBatch], None]
  ) -> Callable[[types.Trajectory], None]:
    """Cuts unrolls into the sequences that end with each step."""
    length = self._replay.sequence_length
    rows: list[tuple[types.TimeStep, np.ndarray]] = []

    def insert(trajectory: types.Trajectory) -> None:
      unroll = trajectory.unroll
      for t in range(unroll.action.shape[0]):
        timestep = types.TimeStep(*(x[t + 1] for x in unroll.timestep))
        rows.append((timestep, unroll.action[t]))
        if len(rows) <= length:
          continue
        del rows[: -length - 1]
        for env in range(unroll.action.shape[1]):
          keep(
            types.ReplayBatch(
              types.TimeStep(
                *(
                  np.stack([x[env] for x in column])
                  for column in zip(*(r[0] for r in rows), strict=True)
                )
              ),
              np.array([r[1][env] for r in rows[1:]], np.int32),
              np.int32(0),
            )
          )

    return insert


def _process_bytes() -> int:
  """What the process has in use."""
  gc.collect()
  # What another store has left behind would be filled unseen.
  heap.give_back()
  return psutil.Process().memory_info().rss

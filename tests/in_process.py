"""A whole run in this process: queue, parameters, actor and learner.

The same parts as in either runtime, put together by the same `Experiment`, but
stepped by hand or run in threads; through real Reverb servers or in memory.
"""

import contextlib
import functools
import pathlib
import tempfile
import threading
from collections.abc import Iterator

import jax
import numpy as np

from attn_agents import experiment, types
from attn_agents.algorithms import registry
from attn_agents.learning import batching, learner, publisher
from attn_agents.runs import snapshots
from attn_agents.transport import interface
from attn_agents.transport.threads import transport
from configs import agents, resolution, schema

# Of a residual network, for tests that learn nothing.
NARROWEST = (
  'environment.height=10',
  'environment.width=5',
  'network.channels=4',
  'network.blocks_per_section=1',
  'network.hidden_size=8',
)


def catch_config(
  *settings: str,
  agent: str = 's3ta',
  algorithm: str = 'auto',
  game: str = 'catch',
) -> schema.Config:
  """A narrow network that learns Catch in a minute or two."""
  preset = agents.make(agent, 'small', algorithm)
  return resolution.resolve(
    resolution.Request(
      agent=agent,
      game=game,
      preset='small',
      algorithm=algorithm,
      settings=[
        *preset.network.quick_settings,
        *registry.get(preset.algorithm).quick_settings,
        *settings,
      ],
    ),
    'cpu',
    num_devices=1,
    cores=2,
  )


class _Run:
  """The parts of one run and what connects them."""

  def __init__(
    self,
    parts: experiment.Experiment,
    connection: interface.Transport,
    learner_: learner.Learner,
    stop: threading.Event,
    keep_on_device: bool = False,
    like: '_Run | None' = None,
  ):
    if like is not None:
      learner_._update = like.learner._update
    self.parts, self.connection, self.stop = parts, connection, stop
    self.learner = learner_
    self.source = connection.make_source()
    self.devices = jax.local_devices()[:1]
    self._keep_on_device = keep_on_device

  def make_actor(self, index: int = 0):
    variables = self.connection.make_variable_source()
    assert variables.wait(30)
    return self.parts.make_actor(
      variables,
      self.connection.make_sink(),
      self.parts.seeds(index, incarnation=0),
      index,
      keep_on_device=self._keep_on_device,
    )

  @contextlib.contextmanager
  def actor_threads(self, count: int) -> Iterator[None]:
    """Actors playing in threads for as long as the context lasts."""
    with _playing([self.make_actor(i) for i in range(count)], self.stop):
      yield

  def feeder(self):
    return self.parts.make_feeder(self.source.batches(), self.devices)


class InProcess(_Run):
  """The parts of one run, connected through Reverb.

  Which is imported only here, for the stack without it runs the rest.
  """

  def __init__(
    self,
    config: schema.Config,
    start: snapshots.Snapshot | None = None,
    like: _Run | None = None,
  ):
    """Starts the servers, and a learner at `start` or at the beginning.

    Args:
      config: of the run.
      start: where the learner begins.
      like: another run of the same config, whose compiled programs this one
        uses as well.
    """
    from attn_agents.transport.reverb import servers
    from attn_agents.transport.reverb import transport as reverb_transport

    parts = like.parts if like else experiment.Experiment(config)
    stop = threading.Event()
    self._directory = tempfile.TemporaryDirectory()
    directory = pathlib.Path(self._directory.name)
    self._queue = reverb_transport.make_server(parts, 0, directory, None)
    self._variables = servers.variable_server(parts.num_variables)
    connection = reverb_transport.ReverbTransport(
      parts,
      f'127.0.0.1:{self._queue.port}',
      f'127.0.0.1:{self._variables.port}',
      directory,
      stop.is_set,
    )
    learner_ = parts.make_learner(
      start or parts.initial_snapshot(),
      _Synchronous(connection.make_publisher()),
      jax.local_devices()[:1],
    )
    super().__init__(parts, connection, learner_, stop, like=like)

  def close(self) -> None:
    self.stop.set()
    self._queue.stop()
    self._variables.stop()
    self._directory.cleanup()


class InMemory(_Run):
  """The parts of one run as `--runtime=threads` connects them."""

  def __init__(
    self,
    config: schema.Config,
    keep_on_device: bool = False,
    like: _Run | None = None,
  ):
    parts = like.parts if like else experiment.Experiment(config)
    stop = threading.Event()
    self._directory = tempfile.TemporaryDirectory()
    connection = transport.ThreadsTransport(
      parts, pathlib.Path(self._directory.name), None, stop.is_set
    )
    learner_ = parts.make_learner(
      parts.initial_snapshot(),
      publisher.BackgroundPublisher(connection.make_publisher()),
      jax.local_devices()[:1],
    )
    super().__init__(parts, connection, learner_, stop, keep_on_device, like)

  def close(self) -> None:
    self.stop.set()
    self._directory.cleanup()


@functools.cache
def compiled(make: type[_Run], config: schema.Config) -> _Run:
  """A run that nobody steps, for the programs that others compile.

  Args:
    make: `InProcess` or `InMemory`.
    config: of those that are to be `like` it.
  """
  run = make(config)
  run.close()
  return run


@contextlib.contextmanager
def _playing(actors, stop: threading.Event) -> Iterator[None]:
  threads = [
    threading.Thread(target=actor.run, args=(stop.is_set,)) for actor in actors
  ]
  for thread in threads:
    thread.start()
  try:
    yield
  finally:
    stop.set()
    for thread in threads:
      thread.join(30)


class _Synchronous:
  """Publishes before it returns, so that tests know what actors can see."""

  def __init__(self, publisher_: interface.VariablePublisher):
    self._publisher = publisher_

  def publish(self, values: types.Array, version: int) -> None:
    self._publisher.publish(np.asarray(values), version)

  def check(self) -> None:
    """It would have raised at once."""


def sharded(trajectories):
  """A batch as the feeder would make it, for one device."""
  unroll = batching.shard(batching.concatenate(trajectories), 1)
  return unroll, batching.describe(trajectories)

"""Times trajectories from host to host: directly, and through the relay.

    python -m benchmarks.between_hosts --unroll_length=20

The hosts are network namespaces on a cable (root, Linux); Reverb, the actors'
end and the learner's are processes, all of them on this machine's cores.
Directly, the actors' end reaches Reverb's open port; through the relay, two
processes more encrypt and decrypt. The ceiling is what one core encrypts. The
JSON has what each process takes of a core, which says more than times do where
all share the same few.
"""

import contextlib
import functools
import os
import pathlib
import pickle
import sys
import tempfile
from collections.abc import Callable, Mapping

import jax
import numpy as np
from absl import flags
from cryptography.hazmat.primitives.ciphers import aead

from attn_agents import experiment, types
from attn_agents.distributed import run_key
from benchmarks import (
  cable,
  frame_packing,
  frame_sizes,
  harness,
  hosts_path,
  line_process,
  runner,
  settings,
)
from configs import schema

_MEGABYTES = flags.DEFINE_integer(
  'megabytes', 400, 'Trajectories of one measurement.', 1
)
_WRITERS = flags.DEFINE_integer('writers', 2, 'Writers at a time.', 1)
_PORT = 7000
_RECORD_BYTES = 16_384
_GIGA = 1e9
# What the ceiling is one of.
_ENCRYPTED = (hosts_path.RELAY, 'random')


class _Hosts:
  """The two hosts and all that runs on them."""

  def __init__(self, stack: contextlib.ExitStack, items: Mapping[str, object]):
    """Starts everything.

    Args:
      stack: ends it.
      items: trajectories by kind, all of the same shapes.
    """
    directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
    path = directory / 'items'
    path.write_bytes(pickle.dumps(items))
    learner, actor = stack.enter_context(cable.two_hosts())

    def process(
      host: cable.Host, name: str, *args: object
    ) -> line_process.Process:
      made = hosts_path.start_process(host, name, *args)
      stack.callback(made.close)
      return made

    server = process(learner, 'serve', path)
    port = server.ready
    run_key.make_or_load(directory)
    address = f'{learner.address}:{_PORT}'
    relays = [
      process(learner, 'relay', run_key.LEARNER, directory, address, port),
      process(actor, 'relay', run_key.ACTOR, directory, address),
    ]
    self._reader = process(learner, 'read', path, port)
    self._writer = process(
      actor, 'write', path, _WRITERS.value,
      f'{learner.address}:{port}', relays[1].ready['address'],
    )  # fmt: skip

    self._parts = {
      'reverb': server,
      'learner': self._reader,
      'actors': self._writer,
      'relay of the learner host': relays[0],
      'relay of the actor host': relays[1],
    }

  def core_seconds(self) -> dict[str, float]:
    """What each process has taken of a core."""
    return {name: x.core_seconds() for name, x in self._parts.items()}

  def carry(self, way: str, kind: str, batches: int) -> float:
    """Seconds for so many batches to each writer, all read again."""
    self._writer.tell(f'{way} {kind} {batches * hosts_path.BATCH}')
    seconds = self._reader.ask(str(batches * _WRITERS.value))
    self._writer.hear()
    return float(seconds)


def make(stack: contextlib.ExitStack) -> harness.Benchmark:
  """Both ways, for noise and for screens of a game.

  Args:
    stack: ends what it starts.
  """
  config = settings.config(*frame_sizes.settings(), 'runtime.envs_per_actor=1')
  items = _items(config)
  item_bytes = sum(x.nbytes for x in jax.tree.leaves(items['random']))
  batch_bytes = item_bytes * hosts_path.BATCH * _WRITERS.value
  megabytes = 1 if runner.SMOKE.value else _MEGABYTES.value
  batches = max(1, round(megabytes * 1e6 / batch_bytes))
  moved = batches * batch_bytes
  try:
    hosts = _Hosts(stack, items)
  except cable.UnavailableError as error:
    raise harness.FailedError(str(error)) from None
  costs: dict[str, list[dict[str, float]]] = {}

  def run(way: str, kind: str) -> harness.Measurement:
    before = hosts.core_seconds()
    seconds = hosts.carry(way, kind, batches)
    took = {
      part: (after - before[part]) * _GIGA / moved
      for part, after in hosts.core_seconds().items()
    }
    costs.setdefault(names[way, kind], []).append(took)
    return harness.Measurement(moved / 1e6, seconds)

  names = {
    (way, kind): f'{way}, {kind}'
    for kind in items
    for way in (hosts_path.DIRECT, hosts_path.RELAY)
  }
  # Connections and buffers are made before the first round.
  for way, kind in names:
    hosts.carry(way, kind, 1)
  return harness.Benchmark(
    title=f'Trajectories of {item_bytes / 1e6:.1f} MB from host to host',
    unit='MB',
    alternatives=[
      harness.Alternative(
        name,
        functools.partial(run, way, kind),
        # Reverb packs what it can, so that fewer bytes of a game go through.
        cost=1.0 if (way, kind) == _ENCRYPTED else 0.0,
        baseline=''
        if way == hosts_path.DIRECT
        else names[hosts_path.DIRECT, kind],
      )
      for (way, kind), name in names.items()
    ],
    cost_unit='MB',
    ceiling=harness.Alternative(
      'AES-256-GCM, one core', _encrypting(), cost=1.0
    ),
    details={
      'item_bytes': item_bytes,
      'writers': _WRITERS.value,
      'core_seconds_per_gb': costs,
    },
  )


def _items(config: schema.Config) -> dict[str, types.Trajectory]:
  """A trajectory of noise, and one that shows a game."""
  spec = experiment.Experiment(config).trajectory_spec()
  zeros = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), spec)
  shape = zeros.unroll.timestep.observation.shape
  (screens,) = frame_packing.play(config.environment, 1, shape[0] - 1, 300)
  noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
  return {
    'random': _with(zeros, noise),
    'frames': _with(zeros, screens[:, np.newaxis]),
  }


def _with(x: types.Trajectory, observation: np.ndarray) -> types.Trajectory:
  timestep = x.unroll.timestep._replace(observation=observation)
  return x._replace(unroll=x.unroll._replace(timestep=timestep))


def _encrypting() -> Callable[[], harness.Measurement]:
  """Encrypts records of TLS; its units are MB."""
  cipher = aead.AESGCM(bytes(32))
  record, nonce = os.urandom(_RECORD_BYTES), bytes(12)

  def call() -> None:
    for _ in range(1000):
      cipher.encrypt(nonce, record, None)

  seconds = 0.0 if runner.SMOKE.value else 0.5
  return lambda: harness.repeat(call, _RECORD_BYTES / 1e3, seconds)


if __name__ == '__main__':
  with contextlib.ExitStack() as processes:
    code = runner.run(lambda: make(processes))
  sys.exit(code)

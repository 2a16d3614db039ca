"""Times updates from a replay, and says what a transition takes there.

    python -m benchmarks.replay --agent=darqn_soft --game=seaquest

Ours, which keeps each frame once, against a naive store that keeps every
sequence with its own raw frames; both in memory and in a Reverb server. An
update is all of it: sampling, joining, the way to the device, and the step.
Frames are of chance play. What the process grows by is taken while one store is
filled, so that only large numbers mean something.
"""

import sys
from collections.abc import Callable

import jax
import numpy as np
from absl import flags

from attn_agents import experiment, types
from attn_agents.algorithms import registry
from attn_agents.environments import base
from attn_agents.environments import registry as environments
from attn_agents.learning import batching, placement, train_state
from benchmarks import harness, replay_stores, runner, settings
from configs import errors, schema

_TRANSITIONS = flags.DEFINE_integer(
  'transitions', 8_000, 'Agent steps that each store holds.', 1
)

_ENVS = 8
_SMOKE_TRANSITIONS = 200
_SECONDS = 3.0


def make() -> harness.Benchmark:
  """Every store, with the same transitions in it."""
  config = settings.config(f'runtime.envs_per_actor={_ENVS}')
  replay = registry.get(config.algorithm).replay(config)
  if replay is None:
    raise errors.ConfigError(
      f'--agent={config.agent}: expected one that learns from a replay'
    )
  transitions = _TRANSITIONS.value
  if runner.SMOKE.value:
    transitions = _SMOKE_TRANSITIONS
  stores = replay_stores.Stores(config, _play(config, transitions), replay)
  step = _make_step(config)
  alternatives, sizes = [], {}
  for name, make_store in stores.available().items():
    store = make_store()
    step(next(store.batches))
    sizes[name] = {
      'raw_bytes': store.raw_bytes,
      'measured_bytes': store.measured_bytes,
    }
    alternatives.append(
      harness.Alternative(
        name,
        _updates(step, store),
        baseline=name.replace('frames once', 'naive'),
      )
    )
  shape = environments.spec(config.environment).observation_shape
  return harness.Benchmark(
    title=f'Updates of {config.agent}, {config.preset}, from a replay: batches '
    f'of {replay.batch_size} sequences x {replay.sequence_length} steps, '
    f'{"x".join(map(str, shape))}',
    unit='updates',
    alternatives=alternatives,
    details={'transitions': transitions, 'bytes_per_transition': sizes},
  )


def _updates(
  step: Callable[[types.ReplayBatch], None], store: replay_stores.Store
) -> Callable[[], harness.Measurement]:
  seconds = settings.seconds(_SECONDS)
  return lambda: harness.repeat(lambda: step(next(store.batches)), 1, seconds)


def _make_step(config: schema.Config) -> Callable[[types.ReplayBatch], None]:
  """What a learner does with a batch."""
  parts, devices = experiment.Experiment(config), jax.local_devices()
  run = parts.algorithm.make_update(parts.agent, config, devices)
  state = train_state.replicate(
    train_state.init_state(parts.agent, config, jax.random.key(0)), devices
  )
  put = placement.sharder(devices)

  def step(batch: types.ReplayBatch) -> None:
    nonlocal state
    state, metrics = run(state, put(batching.shard_replay(batch, len(devices))))
    jax.block_until_ready((state, metrics))

  return step


def _play(config: schema.Config, transitions: int) -> list[types.Trajectory]:
  """Unrolls of chance play, as an actor would send them."""
  parts = experiment.Experiment(config)
  env = parts.make_environment(parts.seeds(0, 0))
  length = config.learning.unroll_length
  rng, row = np.random.default_rng(0), env.reset().timestep
  made = []
  for _ in range(-(-transitions // (length * _ENVS))):
    rows, actions = [row], []
    for _ in range(length):
      actions.append(_random(rng, env))
      row = env.step(actions[-1]).timestep
      rows.append(row)
    made.append(_trajectory(rows, actions))
  env.close()
  return made


def _random(rng: np.random.Generator, env: base.Environment) -> np.ndarray:
  return rng.integers(env.spec.num_actions, size=_ENVS, dtype=np.int32)


def _trajectory(
  rows: list[types.TimeStep], actions: list[np.ndarray]
) -> types.Trajectory:
  steps = (len(actions), _ENVS)
  report = types.ActorReport(
    np.int64(0),
    np.int32(0),
    np.zeros(_ENVS, np.int32),
    types.GameEnd(np.full(steps, np.nan, 'f'), np.zeros(steps, np.int32)),
    *(np.float32(0.0),) * 4,
  )
  timestep = types.TimeStep(*(np.stack(x) for x in zip(*rows, strict=True)))
  unroll = types.Unroll(
    timestep, np.stack(actions), None, types.AgentState((), None)
  )
  return types.Trajectory(unroll, report)


if __name__ == '__main__':
  sys.exit(runner.run(make))

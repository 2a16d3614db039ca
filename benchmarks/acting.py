"""Times acting: the policy's step, the environments, and the whole actor.

    python -m benchmarks.acting --agent=s3ta --batches=1,8,16,32

The actor is the real one; its unrolls are dropped. `--xla_flags=...`, which may
be repeated, adds processes with other XLA flags.
"""

import itertools
import sys
from collections.abc import Iterator

import jax
import numpy as np
from absl import flags

from attn_agents import agent as agent_lib
from attn_agents import experiment, types
from attn_agents.environments import registry as environments
from attn_agents.networks import factory as network_factory
from benchmarks import (
  batches,
  children,
  costs,
  drop_sink,
  harness,
  peak,
  queues,
  runner,
  settings,
)
from configs import errors, schema

_PARTS = ('policy', 'environment', 'actor')
_PART = flags.DEFINE_list('parts', list(_PARTS), 'What to time: ' + str(_PARTS))
_BATCHES = flags.DEFINE_list(
  'batches', ['1', '8', '16', '32'], 'Environments stepped together.'
)
_THREADS = flags.DEFINE_list(
  'env_threads', ['1', '2'], 'Threads of the environments.'
)

_SECONDS = 1.0
_MOST_MINIBATCHES = 8


def make_policy(
  config: schema.Config, batch: int, seconds: float
) -> children.Run:
  """Compiles the policy's step for `batch` rows; units are agent steps."""
  spec = environments.spec(config.environment)
  agent = agent_lib.Agent(
    network_factory.make_network(config, batches.NUM_ACTIONS),
    spec.observation_shape,
  )
  params = agent.initial_params(jax.random.key(0))
  row = batches.random_timestep(config, (batch,))
  state, key = agent.initial_state(batch), jax.random.key(1)
  step = jax.jit(agent.step)

  def call() -> None:
    nonlocal state
    output, state = step(params, key, row, state)
    # As an actor does: the environments need the actions on the host.
    np.asarray(output.action)

  call()
  return lambda: harness.repeat(call, batch, seconds)


def make_environment(
  config: schema.Config, batch: int, threads: int, seconds: float
) -> children.Run:
  """Environments under random actions; units are agent steps."""
  environment = environments.make_environment(
    config.environment, num_envs=batch, seed=1, num_threads=threads
  )
  environment.reset()
  rng = np.random.default_rng(0)
  actions = itertools.cycle(
    rng.integers(0, environment.spec.num_actions, (256, batch), dtype=np.int32)
  )

  def run() -> harness.Measurement:
    steps = 0

    def call() -> None:
      nonlocal steps
      timestep = environment.step(next(actions)).timestep
      steps += np.count_nonzero(timestep.step_type != types.StepType.FIRST)

    done = harness.repeat(call, batch, seconds)
    return harness.Measurement(steps, done.seconds)

  return run


def make_actor(config: schema.Config, seconds: float) -> children.Run:
  """The actor that `runtime` describes; units are agent steps."""
  parts = experiment.Experiment(config)
  sink = drop_sink.DropSink()
  params = parts.agent.initial_params(jax.random.key(0))
  actor = parts.make_actor(
    drop_sink.FixedVariables(parts.variables(params, np.int32(0))),
    sink,
    parts.seeds(0, incarnation=0),
    keep_on_device=queues.keep_on_device(),
  )
  actor.run_unroll()

  def run() -> harness.Measurement:
    sink.agent_steps = 0
    done = harness.repeat(actor.run_unroll, 1, seconds)
    return harness.Measurement(sink.agent_steps, done.seconds)

  return run


def make() -> harness.Benchmark:
  """Every part at every batch and number of threads."""
  for part in _PART.value:
    errors.choice('--parts', part, _PARTS)
  sizes = _numbers('--batches', _BATCHES.value)
  threads = _numbers('--env_threads', _THREADS.value)
  if runner.SMOKE.value:
    sizes, threads = sizes[:1], threads[:1]
  config = settings.config()
  ceiling = peak.ceiling(config.network.dtype)
  gflop = costs.measure(config).forward
  alternatives: list[harness.Alternative] = []
  if 'policy' in _PART.value:
    alternatives += _policies(config, sizes, gflop)
  if 'environment' in _PART.value:
    alternatives += _environments(config, sizes, threads)
  if 'actor' in _PART.value:
    alternatives += _actors(sizes, threads, gflop)
  return harness.Benchmark(
    title=f'Acting with {config.agent}, {config.preset}, on '
    f'{config.environment.game}',
    unit='agent steps',
    alternatives=alternatives,
    cost_unit='GFLOP',
    ceiling=ceiling,
  )


def _policies(
  config: schema.Config, sizes: list[int], gflop: float
) -> Iterator[harness.Alternative]:
  seconds, first = settings.seconds(_SECONDS), f'policy {sizes[0]}'
  for size, xla_flags in itertools.product(
    sizes, ['', *settings.XLA_FLAGS.value]
  ):
    run = children.make_run(make_policy, (config, size, seconds), xla_flags)
    name = _name(f'policy {size}', xla_flags)
    yield harness.Alternative(name, run, gflop, first)


def _environments(
  config: schema.Config, sizes: list[int], threads: list[int]
) -> Iterator[harness.Alternative]:
  seconds = settings.seconds(_SECONDS)
  first = _name(f'environment {sizes[0]}', f'{threads[0]} threads')
  for size, count in itertools.product(sizes, threads):
    run = make_environment(config, size, count, seconds)
    name = _name(f'environment {size}', f'{count} threads')
    yield harness.Alternative(name, run, baseline=first)


def _actors(
  sizes: list[int], threads: list[int], gflop: float
) -> Iterator[harness.Alternative]:
  seconds = settings.seconds(_SECONDS)
  first = _name(f'actor {sizes[0]}', f'{threads[0]} threads')
  for size, count, xla_flags in itertools.product(
    sizes, threads, ['', *settings.XLA_FLAGS.value]
  ):
    config = settings.config(
      f'runtime.envs_per_actor={size}',
      f'runtime.env_threads={count}',
      # Enough for any preset's minibatches; nothing is learned from it.
      f'learning.batch_size={_MOST_MINIBATCHES * size}',
    )
    run = children.make_run(make_actor, (config, seconds), xla_flags)
    name = _name(f'actor {size}', f'{count} threads', xla_flags)
    yield harness.Alternative(name, run, gflop, first)


def _name(*parts: str) -> str:
  return ', '.join(part for part in parts if part)


def _numbers(flag: str, texts: list[str]) -> list[int]:
  for text in texts:
    if not (text.isdigit() and int(text)):
      raise errors.ConfigError(
        f'{flag}={",".join(texts)}: expected whole numbers above 0 separated '
        'by commas'
      )
  if not texts:
    raise errors.ConfigError(f'{flag} is empty; expected numbers like 1,8')
  return [int(text) for text in texts]


if __name__ == '__main__':
  sys.exit(runner.run(make))

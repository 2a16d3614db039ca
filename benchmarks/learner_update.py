"""Times the learner's update, ours against plain Flax and autodiff.

    python -m benchmarks.learner_update --agent=s3ta --preset=paper \
        --plain_batch_size=1 --plain_unroll_length=5

At the paper's sizes the plain form takes minutes per update; with fewer
unrolls, or shorter ones, it does the same work per agent step. Others to
compare are made with `--variant='lax: network.convolution=lax'` and, in
processes of their own, `--xla_flags=...`; both may be repeated. The ceiling is
the peak of `network.dtype`; what computes in another, as the plain form may,
has no share of it.
"""

import dataclasses
import sys
from typing import Any

import jax
import jax.numpy as jnp
from absl import flags

from attn_agents import agent as agent_lib
from attn_agents import types
from attn_agents.algorithms import registry
from attn_agents.environments import registry as environments
from attn_agents.learning import batching, train_state
from attn_agents.networks import factory
from benchmarks import (
  batches,
  children,
  costs,
  harness,
  peak,
  plain,
  runner,
  settings,
)
from configs import errors, schema

_PHASES = ('forward', 'gradient', 'update')
_PHASE = flags.DEFINE_list(
  'phases',
  ['update'],
  'What to time: forward (the network over an unroll), gradient (and back), '
  'update (with loss and optimiser).',
)
_PLAIN = flags.DEFINE_bool(
  'plain', True, 'Compare with the plain form, if the network has one.'
)
_PLAIN_BATCH_SIZE = flags.DEFINE_integer(
  'plain_batch_size', None, 'Unrolls per update of the plain form.', 1
)
_PLAIN_UNROLL_LENGTH = flags.DEFINE_integer(
  'plain_unroll_length', None, 'Agent steps per unroll of the plain form.', 1
)
_VARIANT = flags.DEFINE_multi_string(
  'variant',
  [],
  "'name: section.field=value ...': our form under other settings.",
)

_SECONDS = 2.0


def make_run(
  config: schema.Config, phase: str, is_plain: bool, seconds: float
) -> children.Run:
  """Compiles one phase on all devices of this process.

  Args:
    config: the run.
    phase: one of `_PHASES`.
    is_plain: take the network of `plain`.
    seconds: least time of a run.

  Returns:
    A function that does whole updates; its units are agent steps.
  """
  make_network = plain.make_network if is_plain else factory.make_network
  spec, devices = environments.spec(config.environment), jax.local_devices()
  agent = agent_lib.Agent(
    make_network(config, batches.NUM_ACTIONS),
    spec.observation_shape,
  )
  unroll = jax.pmap(lambda x: x, devices=devices)(
    batching.shard(batches.random_unroll(config, agent), len(devices))
  )
  state = train_state.replicate(
    train_state.init_state(agent, config, jax.random.key(0)), devices
  )
  step = _STEPS[phase](agent, config, devices, state, unroll)
  step()
  agent_steps = config.learning.unroll_length * config.learning.batch_size
  return lambda: harness.repeat(step, agent_steps, seconds)


def _forward(
  agent: agent_lib.Agent,
  config: schema.Config,
  devices: list[jax.Device],
  state: train_state.TrainState,
  unroll: types.Unroll,
) -> Any:
  del config  # The network has it.
  run = jax.pmap(_outputs(agent), devices=devices)
  return lambda: jax.block_until_ready(run(state.params, unroll))


def _gradient(
  agent: agent_lib.Agent,
  config: schema.Config,
  devices: list[jax.Device],
  state: train_state.TrainState,
  unroll: types.Unroll,
) -> Any:
  del config

  def loss(params: types.Nest, unroll: types.Unroll) -> jax.Array:
    outputs = _outputs(agent)(params, unroll)
    return jnp.sum(outputs.policy_logits**2) + jnp.sum(outputs.baseline**2)

  run = jax.pmap(jax.grad(loss), devices=devices)
  return lambda: jax.block_until_ready(run(state.params, unroll))


def _update(
  agent: agent_lib.Agent,
  config: schema.Config,
  devices: list[jax.Device],
  state: train_state.TrainState,
  unroll: types.Unroll,
) -> Any:
  algorithm = registry.get(config.algorithm)
  run = algorithm.make_update(agent, config, devices)

  def step() -> None:
    nonlocal state
    # The update before has taken the old state with it.
    state, metrics = run(state, unroll)
    jax.block_until_ready((state, metrics))

  return step


_STEPS = {'forward': _forward, 'gradient': _gradient, 'update': _update}


def _outputs(agent: agent_lib.Agent) -> Any:
  return lambda params, unroll: agent.unroll(
    params, unroll.timestep, unroll.action, unroll.agent_state
  )


def make() -> harness.Benchmark:
  """All phases of all forms that the flags ask for."""
  for phase in _PHASE.value:
    errors.choice('--phases', phase, _PHASES)
  config = settings.config()
  if registry.get(config.algorithm).replay(config) is not None:
    raise errors.ConfigError(
      f'--agent={config.agent} learns from a replay; expected '
      'python -m benchmarks.replay, which times such updates'
    )
  sizes = {
    'learning.batch_size': _PLAIN_BATCH_SIZE.value,
    'learning.unroll_length': _PLAIN_UNROLL_LENGTH.value,
  }
  plain_config = settings.config(
    *(f'{name}={value}' for name, value in sizes.items() if value)
  )
  with_plain = _PLAIN.value and bool(plain.form_of(config))
  variants = {
    name: settings.config(*changes)
    for name, changes in map(_parse_variant, _VARIANT.value)
  }
  dtype = config.network.dtype
  ceiling, cost = peak.ceiling(dtype), costs.measure(config)
  seconds = settings.seconds(_SECONDS)
  alternatives: list[harness.Alternative] = []

  def add(
    name: str, config: schema.Config, is_plain: bool, xla_flags: str = ''
  ) -> None:
    work = costs.measure(config)
    for phase in _PHASE.value:
      run = children.make_run(
        make_run, (config, phase, is_plain, seconds), xla_flags
      )
      gflop = {
        'forward': work.unroll(config.learning.unroll_length),
        # Once, however often an update goes through its batch.
        'gradient': work.gradient(config.learning.unroll_length),
        'update': work.update(config),
      }[phase]
      if dtype != ('float32' if is_plain else config.network.dtype):
        # Of another dtype's peak a share would say nothing.
        gflop = 0.0
      baseline = 'plain' if with_plain else 'ours'
      alternatives.append(
        harness.Alternative(
          f'{phase}, {name}', run, gflop, f'{phase}, {baseline}'
        )
      )

  add('ours', config, False)
  for name, variant in variants.items():
    add(name, variant, False)
  for xla_flags in settings.XLA_FLAGS.value:
    add(xla_flags, config, False, xla_flags)
  if with_plain:
    add('plain', plain_config, True)
  return harness.Benchmark(
    title=f'Learner of {config.agent}, {config.preset}, {dtype}: '
    f'{_shape(config)}; plain, float32: {_shape(plain_config)}',
    unit='agent steps',
    alternatives=alternatives,
    cost_unit='GFLOP',
    ceiling=ceiling,
    details={'cost_per_row': dataclasses.asdict(cost)},
  )


def _shape(config: schema.Config) -> str:
  learning = config.learning
  return f'{learning.batch_size} unrolls of {learning.unroll_length}'


def _parse_variant(text: str) -> tuple[str, list[str]]:
  name, colon, changes = text.partition(':')
  if not (name.strip() and colon and changes.strip()):
    raise errors.ConfigError(
      f"--variant={text}: expected 'name: section.field=value ...'"
    )
  return name.strip(), changes.split()


if __name__ == '__main__':
  sys.exit(runner.run(make))

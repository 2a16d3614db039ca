"""Times the ConvLSTM's scan, forward and backward, in each convolution.

    python -m benchmarks.recurrent_convolution --preset=small

Only the vision core's recurrence is timed; all else is the same. Ratios are to
XLA's own convolution, 'lax'.
"""

import sys
from typing import Any

import jax
import jax.numpy as jnp
from absl import flags

from attn_agents import types
from attn_agents.environments import registry as environments
from attn_agents.networks.layers import (
  conv_functions,
  conv_lstm,
  convolution,
  recurrent,
  torsos,
)
from benchmarks import children, harness, runner, settings
from configs import errors, schema

_BATCH_SIZE = flags.DEFINE_integer(
  'scan_batch_size', 8, 'Environments side by side.', 1
)

_BASELINE = 'lax'
_SECONDS = 1.0


def make() -> harness.Benchmark:
  """Every form of the convolution, at the agent's sizes."""
  config = settings.config()
  if not hasattr(config.network, 'vision_channels'):
    raise errors.ConfigError(
      f'--agent={config.agent} has no ConvLSTM; expected s3ta or a variant'
    )
  batch = 1 if runner.SMOKE.value else _BATCH_SIZE.value
  return harness.Benchmark(
    title=f'ConvLSTM of {config.agent}, {config.preset}, {batch} environments',
    unit='agent steps',
    alternatives=[
      harness.Alternative(
        method,
        _make_run(config, batch, method),
        baseline=_BASELINE,
      )
      for method in conv_functions.METHODS
      if method != 'auto'
    ],
  )


def _make_run(config: schema.Config, batch: int, method: str) -> children.Run:
  """One forward and backward pass; units are agent steps."""
  network: Any = config.network
  rows = config.learning.unroll_length + 1
  height, width, _ = environments.spec(config.environment).observation_shape
  height, width = torsos.output_size(height, width, network.conv_strides)
  core = conv_lstm.ConvLSTM(
    network.vision_channels,
    method,
    convolution.DTYPES[network.dtype],
    network.remat,
    coupled=network.coupled_gates,
  )
  inputs = jax.random.normal(
    jax.random.key(0), (rows, batch, height, width, network.conv_channels[-1])
  )
  is_first = jnp.zeros((rows, batch), bool)
  state = recurrent.zero_state((batch, height, width, network.vision_channels))
  params = core.init(jax.random.key(1), inputs[:1], is_first[:1], state)

  @jax.jit
  def gradient(params: types.Nest) -> types.Nest:
    return jax.grad(
      lambda p: jnp.sum(core.apply(p, inputs, is_first, state)[0] ** 2)
    )(params)

  def call() -> None:
    jax.block_until_ready(gradient(params))

  call()
  seconds = settings.seconds(_SECONDS)
  return lambda: harness.repeat(call, (rows - 1) * batch, seconds)


if __name__ == '__main__':
  sys.exit(runner.run(make))

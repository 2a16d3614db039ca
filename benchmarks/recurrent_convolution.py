"""Times the ConvLSTM scan, forward and backward, in both convolutions.

    python benchmarks/recurrent_convolution.py [--preset=small] [--repeats=5]

Prints the time of XLA's own convolution divided by that of patches and a
matrix product, pair by pair, since absolute times do not hold on a busy
machine. Only the vision core's recurrence is timed; all else is the same.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp

from attn_agents import types
from attn_agents.networks import recurrent, torsos
from configs import agents, schema
from configs.agents import s3ta


def main() -> None:
  """Prints one line per repetition and the median ratio."""
  parser = argparse.ArgumentParser()
  parser.add_argument('--preset', choices=('small', 'paper'), default='small')
  parser.add_argument('--batch_size', type=int, default=8)
  parser.add_argument('--repeats', type=int, default=5)
  args = parser.parse_args()
  config = agents.make('s3ta', args.preset)
  times = {
    method: _make(config, args.batch_size, method)
    for method in ('lax', 'patches')
  }
  ratios = []
  for _ in range(args.repeats):
    lax, patches = times['lax'](), times['patches']()
    ratios.append(lax / patches)
    print(f'lax {lax:.3f} s, patches {patches:.3f} s, ratio {ratios[-1]:.1f}')
  print(f'median ratio lax / patches: {statistics.median(ratios):.1f}')


def _make(
  config: schema.Config, batch_size: int, method: str
) -> Callable[[], float]:
  """Returns a function that times one forward and backward pass."""
  network, rows = config.network, config.learning.unroll_length + 1
  assert isinstance(network, s3ta.S3TAConfig)
  height, width = torsos.output_size(
    config.environment.height, config.environment.width, network.conv_strides
  )
  core = recurrent.ConvLSTM(
    network.vision_channels, convolution=method, remat=network.remat
  )
  inputs = jax.random.normal(
    jax.random.key(0),
    (rows, batch_size, height, width, network.conv_channels[-1]),
  )
  is_first = jnp.zeros((rows, batch_size), bool)
  state = recurrent.zero_state(
    (batch_size, height, width, network.vision_channels)
  )
  params = core.init(jax.random.key(1), inputs[:1], is_first[:1], state)

  @jax.jit
  def gradient(params: types.Nest) -> types.Nest:
    return jax.grad(
      lambda p: jnp.sum(core.apply(p, inputs, is_first, state)[0] ** 2)
    )(params)

  jax.block_until_ready(gradient(params))

  def run() -> float:
    start = time.perf_counter()
    jax.block_until_ready(gradient(params))
    return time.perf_counter() - start

  return run


if __name__ == '__main__':
  main()

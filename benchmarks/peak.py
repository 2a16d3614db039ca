"""The machine's peak in matrix products, the ceiling of all other work.

    python -m benchmarks.peak

XLA multiplies two square matrices, on one core and on all, in float32 and,
where the hardware has it, bfloat16. Other benchmarks take `ceiling` into their
alternation and print which share of it they reach.
"""

import os
import sys

import jax
import jax.numpy as jnp

from attn_agents.networks.layers import convolution
from benchmarks import children, harness, host, runner

# Large enough for full speed, small enough for a fraction of a second.
_SIZES = {'cpu': 2048}
_ACCELERATOR_SIZE = 8192
_SMOKE_SIZE = 64
_SECONDS = 0.5
# What makes bfloat16 products faster than float32 on a CPU.
_BF16_FLAGS = frozenset({'avx512_bf16', 'amx_bf16', 'bf16'})


def matmul(
  size: int, dtype: str, precision: str | None, seconds: float
) -> children.Run:
  """Compiles C = A B of `size` x `size` matrices.

  Args:
    size: rows and columns.
    dtype: of A, B and C, e.g. 'float32'.
    precision: `jax.lax.Precision`'s name; None is JAX's default, which on
      NVIDIA GPUs is TF32 for float32.
    seconds: least time that one run takes.

  Returns:
    A function that multiplies for `seconds`; its units are GFLOP.
  """
  a, b = jax.random.normal(jax.random.key(0), (2, size, size), jnp.float32)
  a, b = (x.astype(convolution.DTYPES[dtype]) for x in (a, b))
  multiply = jax.jit(lambda a, b: jnp.dot(a, b, precision=precision))
  multiply(a, b).block_until_ready()
  gflop = 2 * size**3 / 1e9
  return lambda: harness.repeat(
    lambda: multiply(a, b).block_until_ready(), gflop, seconds
  )


def ceiling(dtype: str = 'float32') -> harness.Alternative:
  """The peak of this process, with its cores, for `Benchmark.ceiling`."""
  run = matmul(_size(), dtype, None, _seconds())
  return harness.Alternative(f'matmul peak, {dtype}', run, cost=1.0)


def make() -> harness.Benchmark:
  """Everything this machine multiplies in."""
  size, seconds = _size(), _seconds()
  on_cpu = jax.default_backend() == 'cpu'
  dtypes = ['float32']
  if not on_cpu or _BF16_FLAGS & host.cpu_flags():
    dtypes.append('bfloat16')
  cores = sorted(os.sched_getaffinity(0))
  first = f'{dtypes[0]}, all cores'
  alternatives = []
  for dtype in dtypes:
    run = matmul(size, dtype, None, seconds)
    alternatives.append(
      harness.Alternative(f'{dtype}, all cores', run, baseline=first)
    )
    if on_cpu and len(cores) > 1 and not runner.SMOKE.value:
      child = children.Child(
        matmul, (size, dtype, None, seconds), cores=cores[:1]
      )
      alternatives.append(
        harness.Alternative(f'{dtype}, one core', child.run, baseline=first)
      )
  if not on_cpu:
    run = matmul(size, 'float32', 'highest', seconds)
    alternatives.append(
      harness.Alternative('float32, highest precision', run, baseline=first)
    )
  return harness.Benchmark(
    title=f'XLA matrix product, {size} x {size}',
    unit='GFLOP',
    alternatives=alternatives,
  )


def _size() -> int:
  if runner.SMOKE.value:
    return _SMOKE_SIZE
  return _SIZES.get(jax.default_backend(), _ACCELERATOR_SIZE)


def _seconds() -> float:
  return 0.0 if runner.SMOKE.value else _SECONDS


if __name__ == '__main__':
  sys.exit(runner.run(make))

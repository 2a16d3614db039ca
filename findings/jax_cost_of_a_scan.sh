#!/usr/bin/env bash
# jax 0.5.3 and 0.6.2 on CPU, `Compiled.cost_analysis`.
#
# Expected: the FLOPs of a compiled `lax.scan` or `fori_loop` are those of all its
#           steps, whose number the compiler knows.
# Happens:  they are those of one step, however long the loop is. A recurrent
#           network unrolled over 100 steps seems a hundred times cheaper than it
#           is, and its share of a machine's peak a hundred times smaller. The
#           same scan with `unroll=True` counts all.
# Instead:  count FLOPs with `unroll=True`, or multiply what is in the loop.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

for version in 0.5.3 0.6.2; do
  "${PYTHON:-python3.10}" -m venv "$folder/$version"
  "$folder/$version/bin/python" -m pip install --quiet \
    --disable-pip-version-check "jax==$version" "jaxlib==$version" numpy==1.26.4
  echo "jax $version"
  JAX_PLATFORMS=cpu "$folder/$version/bin/python" - <<'PYTHON'
import sys

import jax
import jax.numpy as jnp

weights = jnp.ones((64, 64))
state = jnp.ones((8, 64))
# One step is a product of [8, 64] by [64, 64].
STEP = 2 * 8 * 64 * 64


def flops(length, unroll):
  def run(state):
    return jax.lax.scan(
      lambda x, _: (jnp.tanh(x @ weights), None),
      state, None, length=length, unroll=unroll,
    )[0]  # fmt: skip

  return jax.jit(run).lower(state).compile().cost_analysis()['flops']


def loop_flops(length):
  def run(state):
    return jax.lax.fori_loop(
      0, length, lambda _, x: jnp.tanh(x @ weights), state
    )

  return jax.jit(run).lower(state).compile().cost_analysis()['flops']


found = {
  'scan of 10': flops(10, 1),
  'scan of 100': flops(100, 1),
  'loop of 100': loop_flops(100),
  'scan of 100, unrolled': flops(100, True),
}
for name, number in found.items():
  print(f'{name:22} {number / STEP:6.1f} steps counted')
*loops, unrolled = found.values()
as_stated = max(loops) < 1.1 * STEP and unrolled >= 100 * STEP
print('as stated' if as_stated else 'NOT as stated')
sys.exit(not as_stated)
PYTHON
done

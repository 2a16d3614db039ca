#!/usr/bin/env bash
# chex 0.1.90, jax 0.5.3, `chex.assert_numerical_grads`.
#
# Expected: it compares a function's gradient with finite differences, and holds
#           what `jax.lax.stop_gradient` stops at its value meanwhile.
# Happens:  it puts ones in the place of everything that is stopped, and checks
#           the function that this makes. A policy gradient loss is checked with
#           advantages of 1, and a wrong gradient passes where a 1 hides it. Its
#           documentation does not say so.
# Instead:  hand stopped values in as constants, and use
#           `jax.test_util.check_grads`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  chex==0.1.90 jax==0.5.3 jaxlib==0.5.3 numpy==1.26.4

JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import sys

import chex
import jax
import jax.numpy as jnp
from jax import test_util


@jax.custom_jvp
def cube(x):
  return x**3


# Wrong: expected 3 x^2.
cube.defjvps(lambda tangent, _, x: 100.0 * tangent)


def loss(x):
  weight = jax.lax.stop_gradient(x)
  weights.append(str(weight))
  return cube(x) * (weight - 1.0)


def passes(check, function):
  try:
    check(function, (jnp.float32(2.0),), 1)
  except AssertionError:
    return False
  return True


weights = []
print('gradient at 2, expected 12:', jax.grad(loss)(2.0))
weights.clear()
by_chex = passes(chex.assert_numerical_grads, loss)
ones = bool(weights) and all(x.startswith('1.0') for x in weights)
print('assert_numerical_grads passes:', by_chex)
print('what is stopped is meanwhile:', *sorted(set(weights)))
by_jax = passes(test_util.check_grads, lambda x: cube(x) * (2.0 - 1.0))
print('check_grads with the value of the weight passes:', by_jax)
as_stated = by_chex and ones and not by_jax
print('as stated' if as_stated else 'NOT as stated')
sys.exit(not as_stated)
PYTHON

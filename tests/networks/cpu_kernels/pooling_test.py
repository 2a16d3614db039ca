import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from attn_agents.networks.cpu_kernels import pooling
from tests.networks.layers import residual_reference

_SIZES = [(6, 4), (7, 5), (8, 3), (1, 2), (1, 1)]


def _inputs(size, ties):
  rng = np.random.default_rng(sum(size))
  inputs = rng.normal(size=(2, *size, 3)).astype(np.float32)
  if not ties:
    return inputs
  # Rounded, most windows hold their maximum more than once. Padding with zeros
  # would win in the first channel and often tie in the second.
  return np.round(inputs) - np.array([9, 1, 0], np.float32)


@pytest.mark.parametrize('ties', [False, True])
@pytest.mark.parametrize('size', _SIZES)
def test_equals_loops(size, ties):
  inputs = _inputs(size, ties)
  with jax.numpy_rank_promotion('raise'):
    outputs = jax.jit(pooling.max_pool)(inputs)
  np.testing.assert_array_equal(outputs, residual_reference.max_pool(inputs))


@pytest.mark.parametrize('ties', [False, True])
@pytest.mark.parametrize('size', _SIZES)
def test_first_maximum_gets_the_gradient(size, ties):
  inputs = _inputs(size, ties)
  # Small whole numbers, whose sums are exact in any order.
  gradient = np.random.default_rng(1).integers(
    1, 99, (2, -(-size[0] // 2), -(-size[1] // 2), 3)
  )

  def back(pool):
    with jax.numpy_rank_promotion('raise'):
      _, transpose = jax.vjp(pool, inputs)
      return jax.jit(transpose)(gradient.astype(np.float32))[0]

  ours = back(pooling.max_pool)
  expected = residual_reference.max_pool(inputs, gradient)
  np.testing.assert_array_equal(ours, expected)
  assert ours.dtype == jnp.float32
  xla = back(lambda x: nn.max_pool(x, (3, 3), (2, 2), 'SAME'))
  np.testing.assert_array_equal(ours, xla)


def test_leading_axes():
  inputs = jax.random.normal(jax.random.key(0), (2, 3, 5, 4, 2))

  @jax.jit
  @jax.value_and_grad
  def loss(inputs):
    return jnp.sum(pooling.max_pool(inputs) ** 2)

  flat = jnp.reshape(inputs, (6, 5, 4, 2))
  value, gradient = loss(inputs)
  expected, flat_gradient = loss(flat)
  np.testing.assert_allclose(value, expected, rtol=1e-6)
  np.testing.assert_array_equal(gradient.reshape(flat.shape), flat_gradient)


def test_sizes_of_the_deep_network():
  sizes = [(1, 84, 84, 1)]
  for _ in range(3):
    outputs = jax.eval_shape(
      pooling.max_pool, jax.ShapeDtypeStruct(sizes[-1], jnp.float32)
    )
    sizes.append(outputs.shape)
  assert [size[1] for size in sizes] == [84, 42, 21, 11]

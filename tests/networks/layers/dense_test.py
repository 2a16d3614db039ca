"""Fully connected layers: those of Flax, with another gradient."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from attn_agents.networks.layers import dense

_ROWS, _CHANNELS, _FEATURES = (2, 3), 5, 4


def test_equals_flax_in_values_gradients_and_parameters():
  rng = np.random.default_rng(0)
  inputs = rng.normal(size=(*_ROWS, _CHANNELS)).astype(np.float32)
  wanted = rng.normal(size=(*_ROWS, _FEATURES)).astype(np.float32)

  def run(layer):
    params = nn.Dense(_FEATURES).init(jax.random.key(1), inputs)

    def loss(params, inputs):
      outputs = layer(_FEATURES).apply(params, inputs)
      return jnp.sum(jnp.square(outputs - wanted))

    return jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))(params, inputs)

  ours, flax = run(dense.Dense), run(nn.Dense)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5),
    ours,
    flax,
  )
  made = dense.Dense(_FEATURES).init(jax.random.key(1), inputs)
  assert jax.tree.map(jnp.shape, made) == jax.tree.map(jnp.shape, flax[1][0])


def test_a_loop_over_time_has_no_transpose():
  """The kernel is transposed before the loop over time, once for all rows."""

  def loss(hidden, kernel):
    def step(hidden, _):
      return jnp.tanh(dense.product(hidden, kernel)), None

    return jnp.sum(jax.lax.scan(step, hidden, None, length=3)[0])

  arguments = jnp.ones((2, 4)), jnp.ones((4, 4))
  jaxpr = jax.make_jaxpr(jax.grad(loss))(*arguments)
  outside = [equation.primitive.name for equation in jaxpr.eqns]
  assert 'transpose' in outside
  loops = [x for x in jaxpr.eqns if x.primitive.name == 'scan']
  assert len(loops) == 2, 'forwards and backwards'
  for loop in loops:
    inside = [x.primitive.name for x in loop.params['jaxpr'].jaxpr.eqns]
    assert 'transpose' not in inside

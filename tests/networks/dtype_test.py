"""bfloat16 computes near float32; all that is kept stays float32."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents import types
from attn_agents.networks import registry
from configs import agents, schema

_SIZES = {
  's3ta': {'conv_channels': (8, 8), 'vision_channels': 16},
  'impala_lstm': {'channels': (8, 8), 'lstm_size': 16},
}


def _network(agent, dtype):
  config = agents.make(agent, 'small')
  network = dataclasses.replace(config.network, dtype=dtype, **_SIZES[agent])
  environment = schema.EnvironmentConfig(height=24, width=20, frame_stack=2)
  config = dataclasses.replace(config, network=network, environment=environment)
  return registry.make_network(config, num_actions=5)


def _inputs():
  rng = np.random.default_rng(0)
  return types.NetworkInput(
    observation=rng.integers(0, 256, (4, 3, 24, 20, 6), np.uint8),
    reward=rng.normal(size=(4, 3)).astype(np.float32),
    prev_action=rng.integers(0, 5, (4, 3)).astype(np.int32),
    is_first=rng.random((4, 3)) < 0.3,
  )


@pytest.mark.parametrize('agent', list(_SIZES))
def test_bfloat16_is_near_and_keeps_float32(agent):
  inputs = _inputs()
  exact, rounded = _network(agent, 'float32'), _network(agent, 'bfloat16')
  state = exact.initial_state(3)
  params = exact.init(jax.random.key(0), inputs, state)['params']

  def loss(params, network):
    outputs, after = network.apply({'params': params}, inputs, state)
    value = jnp.sum(outputs.policy_logits**2) + jnp.sum(outputs.baseline**2)
    return value, (outputs, after)

  grad = jax.jit(jax.grad(loss, has_aux=True), static_argnums=1)
  gradients, outputs = grad(params, exact)
  near_gradients, near_outputs = grad(params, rounded)
  for leaf in jax.tree.leaves((near_gradients, near_outputs)):
    assert leaf.dtype == jnp.float32

  def relative(a, b):
    return float(jnp.linalg.norm(a - b) / jnp.linalg.norm(b))

  far = jax.tree.map(relative, near_outputs, outputs)
  assert max(jax.tree.leaves(far)) < 0.05
  assert max(jax.tree.leaves(far)) > 1e-4, 'it computed in float32'
  # A cosine of 0.98: the direction of descent is the same.
  dot = sum(
    jnp.vdot(a, b)
    for a, b in zip(
      jax.tree.leaves(near_gradients), jax.tree.leaves(gradients), strict=True
    )
  )
  norms = [
    sum(jnp.vdot(x, x) for x in jax.tree.leaves(tree)) ** 0.5
    for tree in (near_gradients, gradients)
  ]
  assert dot / (norms[0] * norms[1]) > 0.98

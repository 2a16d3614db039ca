"""bfloat16 computes near float32; all that is kept stays float32."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents import types
from attn_agents.networks import factory
from configs import agents, schema
from tests.networks import tiny

_SIZES = {
  # With patches of 6, on frames this small, rounding changes the gradient of
  # the first layer's bias by 20 %.
  's3ta': {
    'conv_channels': (8, 8),
    'conv_kernels': (8, 4),
    'conv_strides': (4, 1),
    'vision_channels': 16,
  },
  'impala_lstm': {
    'channels': (8, 8),
    'blocks_per_section': 1,
    'lstm_size': 16,
  },
  'impala_shallow': {'conv_channels': (8, 8), 'hidden_size': 16},
  'drarl': {'channels': (8, 8), 'blocks_per_section': 1},
}

# Of a gradient's norm. S3TA norms features over 30 cells of noise here, which
# magnifies what is rounded.
_FARTHEST = {agent: 0.3 if agent == 's3ta' else 0.1 for agent in _SIZES}


def _network(agent, dtype):
  config = agents.make(agent, 'small')
  network = dataclasses.replace(config.network, dtype=dtype, **_SIZES[agent])
  environment = schema.EnvironmentConfig(height=24, width=20, frame_stack=2)
  config = dataclasses.replace(config, network=network, environment=environment)
  return factory.make_network(config, num_actions=5)


def _inputs():
  rng = np.random.default_rng(0)
  return types.NetworkInput(
    observation=rng.integers(0, 256, (4, 3, 24, 20, 6), np.uint8),
    reward=rng.normal(size=(4, 3)).astype(np.float32),
    prev_action=rng.integers(0, 5, (4, 3)).astype(np.int32),
    is_first=rng.random((4, 3)) < 0.3,
  )


def _run_once(function, *args):
  """Compiling is all the time it takes, so that is made short."""
  options = {'xla_backend_optimization_level': 0}
  lowered = jax.jit(function).lower(*args)
  return lowered.compile(compiler_options=options)(*args)


@pytest.mark.parametrize('agent', list(_SIZES))
def test_bfloat16_is_near_and_keeps_float32(agent):
  inputs = _inputs()
  exact, rounded = _network(agent, 'float32'), _network(agent, 'bfloat16')
  state = exact.initial_state(3)
  params = tiny.random_params(exact, inputs.observation.shape[2:])

  def run(network):
    def loss(params):
      outputs, after = network.apply({'params': params}, inputs, state)
      value = sum(jnp.sum(x**2) for x in jax.tree.leaves(outputs))
      return value, (outputs, after)

    return _run_once(jax.grad(loss, has_aux=True), params)

  # To the host, where norms need no compiling.
  gradients, outputs = jax.device_get(run(exact))
  near_gradients, near_outputs = jax.device_get(run(rounded))
  for leaf in jax.tree.leaves((near_gradients, near_outputs)):
    assert leaf.dtype == jnp.float32

  def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)

  far = jax.tree.map(relative, near_outputs, outputs)
  assert max(jax.tree.leaves(far)) < 0.05
  assert max(jax.tree.leaves(far)) > 1e-4, 'it computed in float32'
  far = jax.tree.map(relative, near_gradients, gradients)
  for path, error in jax.tree_util.tree_leaves_with_path(far):
    assert error < _FARTHEST[agent], jax.tree_util.keystr(path)

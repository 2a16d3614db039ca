import jax
import numpy as np

from attn_agents.networks.layers import perceptron


def test_equals_numpy():
  inputs = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
  module = perceptron.MLP((6, 4, 3))
  with jax.numpy_rank_promotion('raise'):
    outputs, variables = module.init_with_output(jax.random.key(0), inputs)
  expected = inputs
  for index in range(3):
    layer = variables['params'][f'Dense_{index}']
    expected = expected @ np.asarray(layer['kernel']) + np.asarray(
      layer['bias']
    )
    if index < 2:
      expected = np.maximum(expected, 0.0)
  np.testing.assert_allclose(outputs, expected, atol=1e-5)
  assert np.min(expected) < 0.0

import jax
import numpy as np
import pytest

from attn_agents.networks.layers import torsos


@pytest.mark.parametrize(
  ('size', 'expected'),
  [((210, 160), (27, 20)), ((84, 84), (11, 11)), ((33, 26), (5, 4))],
)
def test_output_size(size, expected):
  assert torsos.output_size(*size, (4, 2)) == expected
  torso = torsos.ConvTorso((3, 5), (8, 4), (4, 2))
  observation = np.zeros((2, *size, 3), np.uint8)
  outputs, _ = jax.eval_shape(
    torso.init_with_output, jax.random.key(0), observation
  )
  assert outputs.shape == (2, *expected, 5)


def _slow_layer(inputs, kernel, bias, stride):
  batch, *size, _ = inputs.shape
  length = kernel.shape[0]
  cells = [-(-extent // stride) for extent in size]
  before = [
    max((count - 1) * stride + length - extent, 0) // 2
    for count, extent in zip(cells, size, strict=True)
  ]
  outputs = np.zeros((batch, *cells, kernel.shape[-1]))
  for i in range(cells[0]):
    for j in range(cells[1]):
      outputs[:, i, j] = bias
      for di in range(length):
        for dj in range(length):
          y, x = i * stride + di - before[0], j * stride + dj - before[1]
          if 0 <= y < size[0] and 0 <= x < size[1]:
            outputs[:, i, j] += inputs[:, y, x] @ kernel[di, dj]
  return np.maximum(outputs, 0.0)


def test_equals_loops_on_scaled_pixels():
  rng = np.random.default_rng(0)
  observation = rng.integers(0, 256, (2, 21, 18, 3), dtype=np.uint8)
  torso = torsos.ConvTorso((4, 5), (8, 4), (4, 2))
  with jax.numpy_rank_promotion('raise'):
    outputs, variables = torso.init_with_output(jax.random.key(0), observation)
  expected = observation / 255.0
  for name, stride in (('conv_0', 4), ('conv_1', 2)):
    layer = jax.tree_util.tree_map(np.asarray, variables['params'][name])
    expected = _slow_layer(expected, layer['kernel'], layer['bias'], stride)
  np.testing.assert_allclose(outputs, expected, atol=1e-5)
  assert np.max(expected) > 0.1


@pytest.mark.parametrize(
  ('settings', 'first'),
  [({'gain': 3.0}, 3.0), ({'centred': True}, 0.0)],
)
def test_kernels_start_as_asked_and_as_flax_does_otherwise(settings, first):
  torso = torsos.ConvTorso((3, 5), (8, 4), (4, 2), **settings)
  observation = np.zeros((1, 21, 18, 2), np.uint8)
  params = torso.init(jax.random.key(0), observation)['params']
  plain = torsos.ConvTorso((3, 5), (8, 4), (4, 2)).init(
    jax.random.key(0), observation
  )['params']
  for name in ('conv_0', 'conv_1'):
    # Of Flax: a variance of 1 over the inputs, cut off at two deviations.
    inputs = 8 * 8 * 2 if name == 'conv_0' else 4 * 4 * 3
    kernel = np.asarray(plain[name]['kernel'])
    assert abs(np.std(kernel) * np.sqrt(inputs) - 1) < 0.15
    assert np.max(np.abs(np.mean(kernel, (0, 1, 2)))) > 1e-4
    ours = np.asarray(params[name]['kernel'])
    if name == 'conv_0' and first == 0.0:
      np.testing.assert_allclose(np.mean(ours, (0, 1, 2)), 0.0, atol=1e-7)
    else:
      times = settings.get('gain', 1.0)
      np.testing.assert_allclose(ours, times * kernel, rtol=1e-5)


def test_mlp_equals_numpy():
  inputs = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
  module = torsos.MLP((6, 4, 3))
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

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from attn_agents.networks.layers import conv_functions, convolution


def _slow_convolution(inputs, kernel):
  batch, height, width, _ = inputs.shape
  rows, columns, _, features = kernel.shape
  outputs = np.zeros((batch, height, width, features))
  for i in range(height):
    for j in range(width):
      for di in range(rows):
        for dj in range(columns):
          y, x = i + di - (rows - 1) // 2, j + dj - (columns - 1) // 2
          if 0 <= y < height and 0 <= x < width:
            outputs[:, i, j] += inputs[:, y, x] @ kernel[di, dj]
  return outputs


@pytest.mark.parametrize('method', ['lax', 'canonical'])
@pytest.mark.parametrize('size', [(3, 3), (5, 3), (4, 2), (1, 1)])
def test_equals_loops(method, size):
  rng = np.random.default_rng(0)
  inputs = rng.normal(size=(2, 6, 5, 3)).astype(np.float32)
  kernel = rng.normal(size=(*size, 3, 4)).astype(np.float32)
  with jax.numpy_rank_promotion('raise'):
    outputs = conv_functions.convolve(inputs, kernel, method)
  np.testing.assert_allclose(
    outputs, _slow_convolution(inputs, kernel), atol=1e-5
  )


# (height, width), kernel, stride: SAME padding with and without a remainder.
_SHAPES = [
  ((6, 5), (3, 3), 1),
  ((8, 6), (3, 3), 1),
  ((6, 5), (4, 2), 1),
  ((7, 7), (1, 1), 1),
  ((21, 16), (8, 8), 4),
  ((20, 22), (8, 8), 4),
  ((9, 6), (4, 4), 2),
  ((9, 6), (2, 4), 2),
  ((9, 6), (3, 3), 2),
]


@pytest.mark.parametrize(('image', 'size', 'stride'), _SHAPES)
@pytest.mark.parametrize('padding', ['SAME', 'VALID'])
def test_canonical_equals_lax_in_values_and_gradients(
  image, size, stride, padding
):
  rng = np.random.default_rng(1)
  inputs = rng.normal(size=(2, *image, 3)).astype(np.float32)
  kernel = rng.normal(size=(*size, 3, 4)).astype(np.float32)
  module = nn.Conv(4, size, (stride, stride), padding, use_bias=False)
  weights = rng.normal(size=(2, *image, 4)).astype(np.float32)

  def loss(inputs, kernel, method):
    outputs = conv_functions.convolve(inputs, kernel, method, stride, padding)
    of_outputs = weights[:, : outputs.shape[1], : outputs.shape[2]]
    return jnp.sum(of_outputs * jnp.sin(outputs)), outputs

  @jax.jit
  def run(inputs, kernel):
    grad = jax.grad(loss, argnums=(0, 1), has_aux=True)
    plain = module.apply({'params': {'kernel': kernel}}, inputs)
    return plain, grad(inputs, kernel, 'canonical'), grad(inputs, kernel, 'lax')

  outputs, (canonical, values), (lax, _) = run(inputs, kernel)
  np.testing.assert_allclose(values, outputs, atol=1e-4)
  for ours, theirs in zip(canonical, lax, strict=True):
    np.testing.assert_allclose(
      ours, theirs, rtol=0, atol=1e-5 * np.max(np.abs(theirs))
    )


@pytest.mark.parametrize('method', ['lax', 'canonical'])
@pytest.mark.parametrize('size', [(3, 3), (5, 3), (4, 2)])
@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
def test_gradients_by_themselves(method, size, dtype):
  rng = np.random.default_rng(2)
  # More images than are done at a time, and some over.
  shapes = ((37, 6, 5, 3), (*size, 3, 4), (37, 6, 5, 4))
  inputs, kernel, gradient = (
    rng.normal(size=shape).astype(convolution.DTYPES[dtype]) for shape in shapes
  )

  @jax.jit
  def by_jax(inputs, kernel, gradient):
    plain = functools.partial(conv_functions.convolve, method='lax')
    return jax.vjp(plain, inputs, kernel)[1](gradient)

  @jax.jit
  def by_themselves(inputs, kernel, gradient):
    return (
      conv_functions.inputs_gradient(gradient, kernel, method),
      conv_functions.kernel_gradient(inputs, gradient, size, method),
    )

  expected = by_jax(*(np.float32(x) for x in (inputs, kernel, gradient)))
  actual = by_themselves(inputs, kernel, gradient)
  # The results, and those of each few images, are rounded to the dtype.
  tolerance = {'float32': 1e-6, 'bfloat16': 0.005}[dtype]
  for ours, theirs in zip(actual, expected, strict=True):
    assert ours.dtype == convolution.DTYPES[dtype]
    error = np.linalg.norm(np.float32(ours) - theirs)
    assert error < tolerance * np.linalg.norm(theirs)


@pytest.mark.parametrize('image', [(8, 6), (7, 6), (8, 8)])
@pytest.mark.parametrize('channels', [2, 5])
@pytest.mark.parametrize('dtype', ['float32', 'uint8'])
def test_convolution_and_pool_equals_one_after_the_other(
  image, channels, dtype
):
  rng = np.random.default_rng(4)
  inputs = rng.normal(2.0, size=(2, *image, channels)).astype(dtype)
  kernel = rng.normal(size=(3, 3, channels, 4)).astype(np.float32)

  def plain(inputs, kernel):
    outputs = conv_functions.convolve(inputs, kernel, 'lax')
    return nn.max_pool(outputs, (3, 3), (2, 2), 'SAME')

  @jax.jit
  def run(inputs, kernel, gradient):
    found = []
    for function in (
      plain,
      functools.partial(conv_functions.convolve_and_pool, method='lax'),
      functools.partial(conv_functions.convolve_and_pool, method='canonical'),
    ):
      outputs, pull_back = jax.vjp(function, inputs, kernel)
      found.append((outputs, pull_back(gradient)))
    return found

  pooled = (2, -(-image[0] // 2), -(-image[1] // 2), 4)
  gradient = rng.normal(size=pooled).astype(np.float32)
  (expected, wanted_gradients), *both = run(inputs, kernel, gradient)
  for outputs, ours in both:
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    gradients = zip(ours, wanted_gradients, strict=True)
    for actual, wanted in list(gradients)[dtype == 'uint8' :]:
      np.testing.assert_allclose(actual, wanted, atol=1e-4)


def test_canonical_convolutions_have_no_stride_and_no_dilation():
  """XLA's fast path on CPU takes no others."""
  inputs, kernel = jnp.ones((2, 9, 6, 3)), jnp.ones((4, 4, 3, 4))

  def loss(inputs, kernel):
    return jnp.sum(conv_functions.convolve(inputs, kernel, 'canonical', 2) ** 2)

  jaxpr = str(jax.make_jaxpr(jax.grad(loss, argnums=(0, 1)))(inputs, kernel))
  assert jaxpr.count('conv_general_dilated[') == 3
  assert jaxpr.count('window_strides=(1, 1)') == 3
  assert jaxpr.count('lhs_dilation=(1, 1)') == 3
  assert jaxpr.count('rhs_dilation=(1, 1)') == 3
  assert jaxpr.count('lhs_spec=(0, 3, 1, 2)') == 3, 'channels last'


@pytest.mark.parametrize('method', ['lax', 'canonical'])
@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
def test_bytes_are_pixels(method, dtype):
  pixels = np.random.default_rng(3).integers(0, 256, (2, 12, 8, 3), np.uint8)
  module = convolution.Convolution(
    4, (4, 4), method, stride=2, dtype=convolution.DTYPES[dtype]
  )

  @jax.jit
  def run(key):
    params = module.init(key, pixels)
    plain = nn.Conv(4, (4, 4), (2, 2)).apply(params, pixels / np.float32(255))
    return module.apply(params, pixels), plain

  outputs, expected = run(jax.random.key(0))
  assert outputs.dtype == convolution.DTYPES[dtype]
  tolerance = {'float32': 1e-5, 'bfloat16': 0.02}[dtype]
  np.testing.assert_allclose(
    outputs.astype(np.float32), expected, atol=tolerance
  )


@pytest.mark.parametrize('method', ['lax', 'canonical'])
def test_module_reads_the_parameters_of_flax_conv(method):
  inputs = jax.random.normal(jax.random.key(0), (2, 6, 5, 3))
  reference = nn.Conv(4, (3, 3))
  params = reference.init(jax.random.key(1), inputs)
  params['params']['bias'] = jnp.arange(4.0)
  module = convolution.Convolution(4, (3, 3), method)
  assert jax.tree_util.tree_map(
    jnp.shape, module.init(jax.random.key(2), inputs)
  ) == jax.tree_util.tree_map(jnp.shape, params)
  np.testing.assert_allclose(
    module.apply(params, inputs), reference.apply(params, inputs), atol=1e-5
  )


def test_a_bias_gradient_is_summed_in_float32_on_every_backend():
  def pull_back(gradient):
    add = lambda bias: conv_functions.add_bias(gradient, bias)  # noqa: E731
    return jax.vjp(add, jnp.zeros(2))[1](gradient)[0]

  # Ones, of which bfloat16 can count no more than 256.
  ones = jnp.ones((64, 64, 2), jnp.bfloat16)
  np.testing.assert_array_equal(pull_back(ones), [4096, 4096])
  # CPUs sum in float32 anyway; GPUs must be told to.
  assert 'Precision.HIGHEST' in str(jax.make_jaxpr(pull_back)(ones))


@pytest.mark.parametrize(
  'options', [{'stride': 2}, {'padding': 'VALID'}], ids=str
)
def test_pooling_refuses_stride_and_padding(options):
  module = convolution.Convolution(4, (3, 3), pool=True, **options)
  with pytest.raises(ValueError, match='needs stride 1 and SAME padding'):
    module.init(jax.random.key(0), jnp.ones((1, 6, 6, 2)))


def test_auto_follows_the_backend(monkeypatch):
  monkeypatch.setattr(jax, 'default_backend', lambda: 'cpu')
  assert conv_functions.resolve_method('auto') == 'canonical'
  assert conv_functions.resolve_method('lax') == 'lax'
  monkeypatch.setattr(jax, 'default_backend', lambda: 'gpu')
  assert conv_functions.resolve_method('auto') == 'lax'
  assert conv_functions.resolve_method('canonical') == 'canonical'


def test_refuses_unknown_method():
  with pytest.raises(ValueError, match='canonical'):
    conv_functions.resolve_method('winograd')

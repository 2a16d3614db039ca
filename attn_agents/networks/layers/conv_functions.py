"""Convolution as functions, fast forwards and backwards on each backend.

On CPU everything takes the form of `canonical.py`; any other form is much
slower in some place. Accelerators are left to XLA.
"""

import jax
import jax.numpy as jnp

from attn_agents.networks.cpu_kernels import canonical, pixel_blocks, pooling

METHODS = ('auto', 'lax', 'canonical')

# With at most so many input channels, `pixel_blocks` is faster.
_FEW_CHANNELS = 4


def resolve_method(method: str) -> str:
  """Turns 'auto' into the faster form for JAX's default backend.

  Args:
    method: one of `METHODS`.

  Returns:
    'lax' or 'canonical'.

  Raises:
    ValueError: if `method` is unknown.
  """
  if method not in METHODS:
    raise ValueError(f'convolution is {method!r}, must be one of {METHODS}.')
  if method != 'auto':
    return method
  return 'canonical' if jax.default_backend() == 'cpu' else 'lax'


def convolve(
  inputs: jax.Array,
  kernel: jax.Array,
  method: str,
  stride: int = 1,
  padding: str = 'SAME',
) -> jax.Array:
  """Convolves without bias.

  Args:
    inputs: float or uint8 [B, height, width, channels].
    kernel: float [kernel_height, kernel_width, channels, features].
    method: 'lax' or 'canonical'; values and gradients are equal up to rounding.
      The latter has reverse-mode derivatives only.
    stride: of both axes.
    padding: 'SAME' or 'VALID'.

  Returns:
    [B, h, w, features], of the kernel's dtype; with SAME padding, h is
    ceil(height / stride), with VALID, floor((height - kernel_height) / stride)
    + 1.
  """
  zeros = canonical.NO_PADDING
  if padding == 'SAME':
    zeros = _same_padding(inputs.shape[1:3], kernel.shape[:2], stride)
  divisible = not any(size % stride for size in kernel.shape[:2])
  if method == 'lax' or not divisible:
    return canonical.plain(inputs.astype(kernel.dtype), kernel, zeros, stride)
  if stride > 1:
    # Pixels stay bytes, so that less memory is moved.
    inputs = canonical.space_to_depth(
      jnp.pad(inputs, ((0, 0), *zeros, (0, 0))), stride
    )
    kernel = canonical.kernel_over_blocks(kernel, stride)
    zeros = canonical.NO_PADDING
  return canonical.convolve(inputs, kernel, zeros)


@jax.custom_vjp
def add_bias(outputs: jax.Array, bias: jax.Array) -> jax.Array:
  """Adds a bias [features] to outputs [..., features], in their dtype.

  The gradient of the bias is summed in float32, as it goes over every pixel.
  """
  shape = (1,) * (outputs.ndim - 1) + bias.shape
  return outputs + jnp.reshape(bias, shape).astype(outputs.dtype)


def _add_bias_forward(
  outputs: jax.Array, bias: jax.Array
) -> tuple[jax.Array, None]:
  return add_bias(outputs, bias), None


def _add_bias_backward(
  _: None, gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
  # As a product: on CPU, XLA's sum over all axes but the last is much slower.
  flat = jnp.reshape(gradient, (-1, gradient.shape[-1]))
  ones = jnp.ones((flat.shape[0],), gradient.dtype)
  total = jnp.dot(
    ones,
    flat,
    # NVIDIA GPUs would round float32 to TF32.
    precision=jax.lax.Precision.HIGHEST,
    preferred_element_type=jnp.float32,
  )
  return gradient, total


add_bias.defvjp(_add_bias_forward, _add_bias_backward)


def convolve_and_pool(
  inputs: jax.Array, kernel: jax.Array, method: str
) -> jax.Array:
  """Convolves with stride 1, then takes `pooling.max_pool`.

  Args:
    inputs: float or uint8 [B, height, width, channels].
    kernel: float [kernel_height, kernel_width, channels, features].
    method: as in `convolve`.

  Returns:
    [B, ceil(height / 2), ceil(width / 2), features], of the kernel's dtype.
  """
  if method == 'canonical' and _is_faster_in_blocks(inputs, kernel):
    return pixel_blocks.convolve_and_pool(inputs, kernel)
  return pooling.max_pool(convolve(inputs, kernel, method))


def inputs_gradient(
  gradient: jax.Array, kernel: jax.Array, method: str
) -> jax.Array:
  """The gradient of `convolve` (stride 1) with respect to its inputs.

  Args:
    gradient: float [B, height, width, features], of the outputs.
    kernel: float [kernel_height, kernel_width, channels, features].
    method: as in `convolve`.

  Returns:
    float [B, height, width, channels].
  """
  padding = _same_padding(gradient.shape[1:3], kernel.shape[:2], 1)
  if method == 'canonical':
    return canonical.inputs_gradient(gradient, kernel, padding)
  inputs = jax.ShapeDtypeStruct(
    (*gradient.shape[:3], kernel.shape[2]), gradient.dtype
  )
  transpose = jax.linear_transpose(
    lambda x: canonical.plain(x, kernel, padding), inputs
  )
  return transpose(gradient)[0]


def kernel_gradient(
  inputs: jax.Array,
  gradient: jax.Array,
  kernel_size: tuple[int, int],
  method: str,
) -> jax.Array:
  """The gradient of `convolve` (stride 1) with respect to its kernel.

  Args:
    inputs: float [B, height, width, channels].
    gradient: float [B, height, width, features], of the outputs.
    kernel_size: height and width.
    method: as in `convolve`.

  Returns:
    float [kernel_height, kernel_width, channels, features].
  """
  padding = _same_padding(inputs.shape[1:3], kernel_size, 1)
  if method == 'canonical':
    return canonical.kernel_gradient(inputs, gradient, padding)
  kernel = jax.ShapeDtypeStruct(
    (*kernel_size, inputs.shape[3], gradient.shape[3]), inputs.dtype
  )
  transpose = jax.linear_transpose(
    lambda x: canonical.plain(inputs, x, padding), kernel
  )
  return transpose(gradient)[0]


def _is_faster_in_blocks(inputs: jax.Array, kernel: jax.Array) -> bool:
  """Whether vectors over channels would be too short to be fast."""
  _, height, width, channels = inputs.shape
  return (
    inputs.dtype == jnp.uint8
    and kernel.shape[:2] == (3, 3)
    and height % 2 == 0
    and width % 2 == 0
    and channels <= _FEW_CHANNELS
  )


def _same_padding(
  image: tuple[int, ...], kernel: tuple[int, ...], stride: int
) -> canonical.Padding:
  def pad(size: int, taps: int) -> tuple[int, int]:
    total = max(0, (-(-size // stride) - 1) * stride + taps - size)
    return total // 2, total - total // 2

  return pad(image[0], kernel[0]), pad(image[1], kernel[1])

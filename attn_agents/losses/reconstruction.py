"""An auxiliary loss: from what the policy gets, a coarse screen is drawn again.

Rewards that say little about single actions give no gradient by which attention
would find what moves. The screen itself does. Autoencoders beside actor-critics
do the same for continuous control (Yarats et al. 2019, arXiv:1910.01741).
"""

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import types

# In shares of the range of pixels: cells that vary by less hardly count.
_FLOOR = 0.002


def add(
  loss: jax.Array,
  metrics: dict[str, jax.Array],
  outputs: types.NetworkOutput,
  observation: types.Array,
  weight: types.Array,
  cost: float,
  axis_name: str,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Adds the loss of networks that reconstruct; others' stays as it is.

  Args:
    loss: float32 [], summed over transitions.
    metrics: of the loss.
    outputs: of the parameters in training, [T, B].
    observation: uint8 [T, B, height, width, channels] of the same rows.
    weight: float32 [T, B], 1 where a row counts, 0 where it is masked.
    cost: weight of the mean squared error.
    axis_name: of a pmap or vmap over the devices that share the batch.

  Returns:
    The loss, and metrics with `reconstruction_loss` as it enters the loss, and
    `loss` changed by it.
  """
  if not isinstance(outputs.extras, types.Reconstruction):
    return loss, metrics
  errors = squared_error(outputs.extras.cells, observation, weight, axis_name)
  added = cost * jnp.sum(errors)
  return loss + added, metrics | {
    'loss': metrics['loss'] + added,
    'reconstruction_loss': added,
  }


def squared_error(
  cells: types.Array,
  observation: types.Array,
  weight: types.Array,
  axis_name: str,
) -> jax.Array:
  """How far the cells are from the screen's, as a share of what they vary by.

  The target is each cell's brightness, less its mean over the batch and divided
  by its deviation. So a cell that a ball seldom crosses counts as much as one
  that is different in every second screen, and one that never changes not at
  all.

  Args:
    cells: float32 [T, B, n, n], what the network drew.
    observation: uint8 [T, B, height, width, channels].
    weight: float32 [T, B], 1 where a row counts, 0 where it is masked.
    axis_name: mean and deviation are over all devices of this axis.

  Returns:
    float32 [T, B], 0 where masked. Over valid rows its mean is 1 for cells of 0
    and 0 for perfect ones.
  """
  valid = weight > 0
  # Selected before, too, so that even infinities stay outside the gradient.
  cells = jnp.where(valid[..., None, None], cells, 0.0)
  size = cells.shape[-1]
  screen = coarse(observation, size)
  mean, deviation = _moments(screen, valid, axis_name)
  target = (screen - mean) / (deviation + _FLOOR)
  varies = jnp.sum(jnp.square(deviation / (deviation + _FLOOR)))
  squares = jnp.sum(jnp.square(cells - target), axis=(-2, -1))
  # A screen that is the same in the whole batch has nothing to be drawn.
  share = squares / jnp.maximum(varies, 1.0)
  return jnp.where(valid, share, 0.0)


def _moments(
  screen: jax.Array, valid: jax.Array, axis_name: str
) -> tuple[jax.Array, jax.Array]:
  """Mean and deviation of each cell over valid rows of all devices.

  One all-reduce takes each device's own moments (Chan et al. 1979). Squares of
  brightness alone would lose what varies by less than a thousandth.
  """

  def total(x: jax.Array) -> jax.Array:
    return jnp.sum(jnp.where(valid[..., None, None], x, 0.0), axis=(0, 1))

  count = jnp.sum(valid.astype(jnp.float32))
  own = total(screen) / jnp.maximum(count, 1.0)
  within = total(jnp.square(screen - own))
  packed = jnp.stack(
    [jnp.full_like(own, count), count * own, within + count * own**2]
  )
  counts, sums, squares = jax.lax.psum(packed, axis_name)
  counts = jnp.maximum(counts, 1.0)
  mean = sums / counts
  variance = jnp.maximum(squares / counts - mean**2, 0.0)
  return mean, jnp.sqrt(variance)


def coarse(observation: types.Array, size: int) -> jax.Array:
  """Mean brightness of size x size cells of equal area.

  Args:
    observation: uint8 [T, B, height, width, channels].
    size: cells per side. A pixel on the border of two cells counts in both, by
      its shares.

  Returns:
    float32 [T, B, size, size] in [0, 1], means over channels.
  """
  length, batch, height, width, channels = observation.shape
  if height % size == width % size == 0:
    # Whole pixels: a sum of integers, far faster than products with shares.
    rows, columns = height // size, width // size
    pixels = jnp.reshape(
      observation.astype(jnp.int32),
      (length, batch, size, rows, size, columns, channels),
    )
    total = jnp.sum(pixels, axis=(3, 5, 6)).astype(jnp.float32)
    return total / (255.0 * rows * columns * channels)
  return jnp.einsum(
    'ih,tbhwc,jw->tbij',
    _shares(height, size),
    observation.astype(jnp.float32),
    _shares(width, size),
    precision='highest',
  ) / (255.0 * channels)


def _shares(pixels: int, cells: int) -> np.ndarray:
  """What of each cell's length each pixel is, float32 [cells, pixels]."""
  edges = np.arange(pixels + 1) * (cells / pixels)
  starts = np.arange(cells)[:, None]
  inside = np.clip(edges[None], starts, starts + 1)
  return np.diff(inside, axis=1).astype(np.float32)

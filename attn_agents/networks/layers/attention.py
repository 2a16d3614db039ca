"""Soft spatial attention: queries against keys, answers from values.

Keys are K = [O_K, S] and values V = [O_V, S], where O = [O_K, O_V] is the
vision core's output, normed if `S3TAConfig.feature_norm` says so, and S the
spatial basis (S3TA section 2). S is the same for all times and environments, so
the sums over its channels are taken with S itself. The concatenations, which
would be much larger than O, are never built.
"""

import jax
import jax.numpy as jnp

# A channel counts as even if it deviates over the cells by much less than the
# root of this. One that is the same everywhere would otherwise divide by 0.
_LEAST_VARIANCE = 1e-4


def attend(
  queries: jax.Array,
  features: jax.Array,
  basis: jax.Array,
  threshold: float = 0.0,
) -> tuple[jax.Array, jax.Array]:
  """Attends over cells: softmax(q . K) V, without scaling (S3TA Eqs. 3-5).

  Args:
    queries: float32 [B, heads, key_channels + basis_channels].
    features: float32 [B, cells, channels], O; its first key_channels are O_K,
      the others O_V.
    basis: float32 [cells, basis_channels], S.
    threshold: see `harden`; 0 leaves attention as it is.

  Returns:
    answers: float32 [B, heads, channels - key_channels + basis_channels].
    attention: float32 [B, heads, cells], sums to 1 over cells.
  """
  key_channels = queries.shape[-1] - basis.shape[-1]
  keys, values = jnp.split(features, [key_channels], axis=-1)
  what, where = jnp.split(queries, [key_channels], axis=-1)
  logits = jnp.einsum('bqk,bsk->bqs', what, keys)
  logits += jnp.einsum('bqp,sp->bqs', where, basis)
  attention = harden(jax.nn.softmax(logits, axis=-1), threshold)
  return _answer(attention, values, basis), attention


def attend_by_norm(
  features: jax.Array,
  basis: jax.Array,
  key_channels: int,
  norm_includes_basis: bool,
  threshold: float = 0.0,
) -> tuple[jax.Array, jax.Array]:
  """Attends to where keys are large: softmax(|K|_2) V, one map (S3TA 4.4).

  Args:
    features: float32 [B, cells, channels], as for `attend`.
    basis: float32 [cells, basis_channels], S.
    key_channels: how many of the features' first channels are keys.
    norm_includes_basis: take the norm of [O_K, S] instead of O_K. A norm of 0
      passes no gradient.
    threshold: as for `attend`.

  Returns:
    answers and attention as `attend`, with heads = 1.
  """
  keys, values = jnp.split(features, [key_channels], axis=-1)
  squares = jnp.sum(jnp.square(keys), axis=-1)
  if norm_includes_basis:
    squares += jnp.sum(jnp.square(basis), axis=-1)[None]
  # The root's gradient is infinite at 0, and jnp.where alone would not keep
  # that out of the product in the backward pass.
  safe = jnp.where(squares > 0.0, squares, 1.0)
  logits = jnp.where(squares > 0.0, jnp.sqrt(safe), 0.0)
  attention = harden(jax.nn.softmax(logits, axis=-1)[:, None], threshold)
  return _answer(attention, values, basis), attention


def harden(attention: jax.Array, threshold: float) -> jax.Array:
  """Drops weights below a share of the largest (S3TA Eqs. 12-13).

  Args:
    attention: float32 [..., cells], sums to 1 over cells.
    threshold: t in [0, 1]; weights below t times the largest become 0, and the
      others are divided by their sum.

  Returns:
    float32 [..., cells]; for a threshold of 0 the very array given.
  """
  if not threshold:
    return attention
  largest = jnp.max(attention, axis=-1, keepdims=True)
  kept = jnp.where(attention < threshold * largest, 0.0, attention)
  return kept / jnp.sum(kept, axis=-1, keepdims=True)


def _answer(
  attention: jax.Array, values: jax.Array, basis: jax.Array
) -> jax.Array:
  """A . [O_V, S], float32 [B, heads, value channels + basis channels]."""
  return jnp.concatenate(
    [
      jnp.einsum('bqs,bsv->bqv', attention, values),
      jnp.einsum('bqs,sp->bqp', attention, basis),
    ],
    axis=-1,
  )


def normalize_over_cells(features: jax.Array) -> jax.Array:
  """Brings each channel to mean 0 and deviation 1 over cells.

  Instance normalisation (Ulyanov et al. 2016) without scale and shift. What is
  the same in all cells gives 0. An object in few cells stands out by up to
  sqrt(cells) deviations, so that a map which weighs cells slightly unevenly
  passes it on. An exactly even map passes 0.

  Args:
    features: float32 [..., height, width, channels].

  Returns:
    float32, the same shape.
  """
  axes = (-3, -2)
  centred = features - jnp.mean(features, axes, keepdims=True)
  variance = jnp.mean(jnp.square(centred), axes, keepdims=True)
  return centred * jax.lax.rsqrt(variance + _LEAST_VARIANCE)


# Choices of `S3TAConfig.feature_norm`.
NORMS = {'none': lambda features: features, 'cells': normalize_over_cells}


def keys_and_values(
  features: jax.Array, basis: jax.Array, key_channels: int
) -> tuple[jax.Array, jax.Array]:
  """Builds K = [O_K, S] and V = [O_V, S] in full, for analysis.

  Args:
    features: float32 [..., height, width, channels], O.
    basis: float32 [height, width, basis_channels], S.
    key_channels: how many of O's first channels are keys.

  Returns:
    keys: float32 [..., height, width, key_channels + basis_channels].
    values: float32 [..., height, width, channels - key_channels +
      basis_channels].
  """
  keys, values = jnp.split(features, [key_channels], axis=-1)
  basis = jnp.broadcast_to(basis, features.shape[:-1] + basis.shape[-1:])
  return (
    jnp.concatenate([keys, basis], axis=-1),
    jnp.concatenate([values, basis], axis=-1),
  )

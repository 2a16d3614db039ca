"""Fully connected layers whose gradient is fast in loops over time."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn


@jax.custom_vjp
def product(inputs: jax.Array, kernel: jax.Array) -> jax.Array:
  """Multiplies by a kernel; reverse-mode differentiation only.

  Args:
    inputs: float [..., channels].
    kernel: float [channels, features].

  Returns:
    [..., features].
  """
  return jnp.dot(inputs, kernel)


def _forward(
  inputs: jax.Array, kernel: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
  # What is the same in all steps of `jax.lax.scan`, JAX computes before them:
  # the kernel is transposed once. On CPU, XLA multiplies few rows by a
  # transposed kernel much more slowly.
  return product(inputs, kernel), (inputs, jnp.transpose(kernel))


def _backward(
  residuals: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array, jax.Array]:
  inputs, transposed = residuals
  rows = tuple(range(inputs.ndim - 1))
  into_kernel = jax.lax.dot_general(inputs, gradient, ((rows, rows), ((), ())))
  return jnp.dot(gradient, transposed), into_kernel


product.defvjp(_forward, _backward)


def _dot_general(
  inputs: jax.Array, kernel: jax.Array, *_: Any, **__: Any
) -> jax.Array:
  """What `nn.Dense` calls with its own kernel and default precision."""
  return product(inputs, kernel)


# `nn.Dense` with `product`: the same parameters and numbers.
Dense = functools.partial(nn.Dense, dot_general=_dot_general)

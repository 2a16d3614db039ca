"""The rows of an unroll while it is being played."""

from collections.abc import Sequence
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import types


class Rows(Protocol):
  """Gathers T + 1 time steps and T logits, each where it stays."""

  def put(self, t: int, timestep: types.TimeStep) -> None:
    """Takes row t, t = 0, 1, ..., T in this order."""

  def at(self, t: int) -> types.TimeStep:
    """Row t, for the policy; leading axis [B]."""

  def put_logits(self, logits: jax.Array) -> None:
    """Takes those of the next step, float32 [B, num_actions]."""

  def all(self) -> tuple[types.TimeStep, types.Array]:
    """`TimeStep` [T + 1, B, ...] and logits [T, B, num_actions]."""


class HostRows:
  """On the host, each row copied once."""

  def __init__(self, first: types.TimeStep, num_rows: int):
    """Makes room for `num_rows` (T + 1) and puts the first one there."""
    self._rows = _empty(first, num_rows)
    self._logits: list[jax.Array] = []
    self.put(0, first)

  def put(self, t: int, timestep: types.TimeStep) -> None:
    """See `Rows`."""
    for rows, value in zip(self._rows, timestep, strict=True):
      rows[t] = value

  def at(self, t: int) -> types.TimeStep:
    """See `Rows`."""
    return types.TimeStep(*(rows[t] for rows in self._rows))

  def put_logits(self, logits: jax.Array) -> None:
    """See `Rows`."""
    self._logits.append(logits)

  def all(self) -> tuple[types.TimeStep, np.ndarray]:
    """See `Rows`."""
    return self._rows, np.stack(self._logits)


class DeviceRows:
  """What is large stays on the device that the policy computes on.

  Observations are sent there for the policy once, and joined there. Rewards,
  discounts and step types are a few bytes, which the host needs to count.
  """

  def __init__(self, first: types.TimeStep, num_rows: int):
    """Makes room for `num_rows` (T + 1) and puts the first one there."""
    no_screen = first._replace(observation=np.empty(0, np.uint8))
    self._small = _empty(no_screen, num_rows)
    self._observations: list[jax.Array] = []
    self._logits: list[jax.Array] = []
    self.put(0, first)

  def put(self, t: int, timestep: types.TimeStep) -> None:
    """See `Rows`."""
    # Nothing is sent if it is there already, as the last unroll's last row is.
    self._observations.append(jax.device_put(timestep.observation))
    for rows, value in zip(self._small[1:], timestep[1:], strict=True):
      rows[t] = value

  def at(self, t: int) -> types.TimeStep:
    """See `Rows`."""
    return types.TimeStep(
      self._observations[t], *(rows[t] for rows in self._small[1:])
    )

  def put_logits(self, logits: jax.Array) -> None:
    """See `Rows`."""
    self._logits.append(logits)

  def all(self) -> tuple[types.TimeStep, jax.Array]:
    """See `Rows`."""
    observation, logits = _stack(self._observations, self._logits)
    return self._small._replace(observation=observation), logits


@jax.jit
def _stack(
  observations: Sequence[jax.Array], logits: Sequence[jax.Array]
) -> tuple[jax.Array, jax.Array]:
  return jnp.stack(observations), jnp.stack(logits)


def _empty(first: types.TimeStep, num_rows: int) -> types.TimeStep:
  return types.TimeStep(
    *(np.empty((num_rows, *x.shape), x.dtype) for x in first)
  )

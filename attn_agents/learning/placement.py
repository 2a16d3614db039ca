"""Puts batches where a pmapped update reads them without another copy."""

from collections.abc import Callable, Sequence

import jax
import numpy as np

from attn_agents import types
from attn_agents.learning import train_state


def sharder(
  devices: Sequence[jax.Device],
) -> Callable[[types.Nest], types.Nest]:
  """Returns a function that gives each device its part of a tree of arrays.

  That takes arrays [D, ...], NumPy's on the host or JAX's on any one device, to
  arrays [D, ...] of which each of the D devices holds one row, laid out as
  `jax.pmap` over these devices expects.

  Args:
    devices: of the pmap, in its order.
  """
  devices = list(devices)
  # JAX has changed what pmap expects: a layout of its own, which only
  # `device_put_sharded` makes, and since then a NamedSharding, for which that
  # function was removed. Either in the other's place works, but copies every
  # batch once more at every update. So pmap itself is asked.
  layout = jax.pmap(lambda x: x, devices=devices, axis_name=train_state.AXIS)(
    np.zeros(len(devices), np.float32)
  ).sharding

  def put(array: types.Array) -> jax.Array:
    if isinstance(layout, jax.sharding.NamedSharding):
      return jax.device_put(array, layout)
    return jax.device_put_sharded(list(array), devices)

  return lambda tree: jax.tree.map(put, tree)

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

  The function takes arrays [D, ...], of NumPy or on any one JAX device. It
  returns arrays [D, ...] with one row on each of the D devices, in the layout
  that `jax.pmap` over these devices expects.

  Args:
    devices: of the pmap, in its order.
  """
  devices = list(devices)
  # Older JAX expects a layout that only `device_put_sharded` makes; newer JAX a
  # NamedSharding, and lacks that function. The wrong one works, but copies each
  # batch once more at each update. So the layout is taken from pmap itself.
  layout = jax.pmap(lambda x: x, devices=devices, axis_name=train_state.AXIS)(
    np.zeros(len(devices), np.float32)
  ).sharding

  def put(array: types.Array) -> jax.Array:
    if isinstance(layout, jax.sharding.NamedSharding):
      return jax.device_put(array, layout)
    return jax.device_put_sharded(list(array), devices)

  return lambda tree: jax.tree.map(put, tree)

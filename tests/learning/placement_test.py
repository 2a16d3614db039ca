"""A batch is where pmap looks for it, on two devices in a process of its own.

A device can only be split in two before JAX starts.
"""

from tests.learning import two_devices

_CODE = """
import jax, jax.numpy as jnp, numpy as np
from attn_agents.learning import placement

devices = jax.devices()[::-1]
assert len(devices) == 2
tree = {
  'a': np.arange(12, dtype=np.uint8).reshape(2, 2, 3),
  'b': np.ones(2),
  # As from actors that share the first device: that is the last of these.
  'c': jnp.arange(8, dtype=jnp.float32).reshape(2, 4),
}
assert tree['c'].devices() == {devices[1]}
put = placement.sharder(devices)(tree)
double = jax.pmap(lambda x: x * 2, devices=devices)
for key, array in tree.items():
  np.testing.assert_array_equal(put[key], array)
  expected = double(array)
  assert put[key].sharding.is_equivalent_to(expected.sharding, array.ndim)
  # As an array of pmap's own does, it reaches the devices without a copy.
  assert type(put[key].sharding) is type(expected.sharding)
  for row, device in enumerate(devices):
    (shard,) = [s for s in put[key].addressable_shards if s.device == device]
    np.testing.assert_array_equal(np.ravel(shard.data), np.ravel(array[row]))
print('done')
"""


def test_each_device_has_its_row_as_pmap_expects_it():
  assert two_devices.run('-c', _CODE) == 'done\n'

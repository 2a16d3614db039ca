"""Devices put together the very screens that were packed."""

import jax
import numpy as np
import pytest

from attn_agents import frame_changes
from attn_agents.learning import batching, feeder, placement, screens
from attn_agents.transport import packing, packing_layout
from tests import trajectories
from tests.learning import two_devices

DEVICES = jax.local_devices()[:1]


def _read(items):
  """What is left of arrays of frames once they were packed."""
  spec = packing_layout.ArraySpec(items[0].shape, items[0].dtype)
  packer, unpacker = packing.Packer([spec]), packing.Unpacker([spec])
  return [unpacker.read(packer.pack([x]))[0] for x in items]


def _restored(chunks, devices=DEVICES):
  on_devices = placement.sharder(devices)(chunks)
  return np.asarray(screens.Restorer(devices).restore(on_devices))


@pytest.mark.parametrize(
  'shape',
  [
    # Words of eight bytes, four, two and one.
    (4, 1, 8, 8, 1),
    (3, 3, 2, 2, 1),
    (5, 1, 7, 2, 3),
    (2, 1, 3, 3, 1),
    (6, 2, 12, 10, 4),
    # Places of 32 bits.
    (3, 1, 5, 104960, 1),
  ],
)
def test_devices_restore_what_was_packed(shape):
  items = [trajectories.changing(shape) for _ in range(4)]
  joined = frame_changes.Joined(_read(items))
  want = np.concatenate(items, axis=1)
  assert joined.shape == want.shape
  np.testing.assert_array_equal(joined.restore(), want)
  got = _restored(screens.split(joined, 1))
  assert (got.dtype, got.shape) == (np.uint8, (1, *want.shape))
  np.testing.assert_array_equal(got[0], want)


@pytest.mark.parametrize('changed', [0, 1, 23, 24, 25, 60])
def test_any_number_of_changed_words(changed, monkeypatch):
  # One row of one item changes: 24 chunks of a word, and one more or less.
  monkeypatch.setattr(screens, '_CHUNK', 24)
  frames = np.zeros((3, 1, 9, 9, 1), np.uint8)
  frames[1:].reshape(2, -1)[:, :changed] = 7
  chunks = screens.split(frame_changes.Joined(_read([frames])), 1)
  assert len(chunks.places) == -(-changed // 24)
  np.testing.assert_array_equal(_restored(chunks)[0], frames)


def test_no_two_words_are_added_in_one_place(monkeypatch):
  monkeypatch.setattr(screens, '_CHUNK', 50)
  items = _read([trajectories.changing((4, 1, 8, 8, 1)) for _ in range(4)])
  chunks = screens.split(frame_changes.Joined(items), 2)
  inside = 4 * 2 * 64
  for places in chunks.places:
    for of_device in places:
      assert len({*of_device.tolist()}) == len(of_device)
      assert ((of_device >= inside) | (of_device % 8 == 0)).all()


def test_items_that_devices_would_share_are_put_together_here():
  items = [trajectories.changing((4, 2, 8, 8, 1)) for _ in range(3)]
  joined = frame_changes.Joined(_read(items))
  assert screens.split(joined, 2) is None
  made = [trajectories.numbered(i) for i in range(3)]
  mixed = batching.concatenate(made)
  observation = frame_changes.Joined(
    _read([x.unroll.timestep.observation for x in made])
  )
  mixed = mixed._replace(
    timestep=mixed.timestep._replace(observation=observation)
  )
  want = batching.shard(batching.concatenate(made), 2)
  got = batching.shard(mixed, 2)
  for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
    np.testing.assert_array_equal(a, b)


def test_what_has_too_many_bytes_for_places_is_put_together_here(monkeypatch):
  joined = frame_changes.Joined(
    _read([trajectories.changing((4, 1, 8, 8, 1))] * 2)
  )
  monkeypatch.setattr(screens, '_MOST_BYTES', 4 * 2 * 64)
  assert screens.split(joined, 1) is not None
  monkeypatch.setattr(screens, '_MOST_BYTES', 4 * 2 * 64 - 1)
  assert screens.split(joined, 1) is None
  # Places outside are still numbers of 32 bits.
  monkeypatch.undo()
  assert screens._MOST_BYTES + screens._CHUNK == 2**31 - 1


def test_a_feeder_gives_the_learner_frames():
  made = [trajectories.numbered(i) for i in range(4)]

  def without_frames(trajectory):
    unroll = trajectory.unroll
    (read,) = _read([unroll.timestep.observation])
    timestep = unroll.timestep._replace(observation=read)
    return trajectory._replace(unroll=unroll._replace(timestep=timestep))

  batches = []
  for items in (made, [without_frames(x) for x in made]):
    reading = feeder.Feeder(iter([items]), DEVICES, prefetch=1)
    batch, info = reading.get(60)
    assert info.agent_steps == batching.describe(made).agent_steps
    batches.append(batch)
  plain, restored = batches
  assert jax.tree.structure(plain) == jax.tree.structure(restored)
  for a, b in zip(*map(jax.tree.leaves, batches), strict=True):
    assert (a.dtype, a.sharding) == (b.dtype, b.sharding)
    np.testing.assert_array_equal(a, b)


def test_adding_words_copies_nothing():
  restorer = screens.Restorer(DEVICES)
  chunks = screens.split(
    frame_changes.Joined(_read([trajectories.changing((3, 1, 8, 8, 1))])), 1
  )
  first, places, flips = placement.sharder(DEVICES)(
    (chunks.first, chunks.places[0], chunks.flips[0])
  )
  begun = restorer._begin(first, 3)
  restorer._add(begun, places, flips)
  assert begun.is_deleted()


def test_states_that_look_like_frames_are_joined_by_environment():
  made = [trajectories.numbered(i) for i in range(3)]
  states = [trajectories.changing((2, 6, 4)) for _ in made]

  def having(trajectory, state):
    core = trajectory.unroll.agent_state._replace(core_state=(state,))
    return trajectory._replace(
      unroll=trajectory.unroll._replace(agent_state=core)
    )

  parts = map(having, made, _read(states))
  (got,) = batching.concatenate([*parts]).agent_state.core_state
  np.testing.assert_array_equal(got, np.concatenate(states))


_CODE = """
import jax, numpy as np
from attn_agents import frame_changes
from attn_agents.learning import placement, screens
from tests import trajectories
from tests.learning import screens_test

devices = jax.devices()[::-1]
assert len(devices) == 2
# One device has more to add than the other.
items = [trajectories.changing((5, 2, 8, 8, 1), n) for n in (2, 3, 30, 40)]
joined = frame_changes.Joined(screens_test._read(items))
screens._CHUNK = 32
got = screens.Restorer(devices).restore(
  placement.sharder(devices)(screens.split(joined, 2))
)
want = placement.sharder(devices)(
  np.stack([np.concatenate(items[i:i + 2], axis=1) for i in (0, 2)])
)
np.testing.assert_array_equal(got, want)
assert got.sharding == want.sharding
print('done')
"""


def test_each_device_restores_its_own():
  assert two_devices.run('-c', _CODE) == 'done\n'

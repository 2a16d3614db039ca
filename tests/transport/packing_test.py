"""Packed trajectories come back bit by bit, or not at all."""

import jax
import ml_dtypes
import numpy as np
import pytest
import zstandard

from attn_agents import experiment
from attn_agents.algorithms import registry
from attn_agents.transport import (
  compression,
  packed_frames,
  packing,
  packing_layout,
)
from configs import agents, resolution
from tests import trajectories

RNG = np.random.default_rng(0)


def _spec(array):
  return packing_layout.ArraySpec(np.shape(array), np.asarray(array).dtype)


def _made(arrays):
  specs = [_spec(x) for x in arrays]
  return packing.Packer(specs), packing.Unpacker(specs)


def _check_equal(got, sent):
  assert len(got) == len(sent)
  for a, b in zip(got, sent, strict=True):
    assert (a.dtype, a.shape) == (b.dtype, np.shape(b))
    assert a.tobytes() == b.tobytes()


def _noise(shape, dtype):
  dtype = np.dtype(dtype)
  size = int(np.prod(shape)) * dtype.itemsize
  flat = np.frombuffer(RNG.bytes(size), np.uint8)
  if dtype == np.bool_:
    flat = flat % 2
  return flat.view(dtype).reshape(shape)


def _specs_of_all_agents():
  """The arrays that each agent sends, at the sizes of both presets."""
  for agent in agents.AGENTS:
    for preset in ('paper', 'small'):
      config = resolution.resolve(
        resolution.Request(agent=agent, preset=preset), 'cpu', 1, 2
      )
      if registry.get(config.algorithm).replay(config) is None:
        spec = experiment.Experiment(config).trajectory_spec()
        yield pytest.param(jax.tree.leaves(spec), id=f'{agent} {preset}')


@pytest.mark.parametrize('specs', _specs_of_all_agents())
def test_what_agents_send_comes_back(specs):
  # Full sizes of rows, fewer of them.
  specs = [
    packing_layout.ArraySpec((min(x.shape[0], 4), *x.shape[1:]), x.dtype)
    if x.shape
    else packing_layout.ArraySpec((), x.dtype)
    for x in specs
  ]
  packer, unpacker = packing.Packer(specs), packing.Unpacker(specs)
  sent = [
    trajectories.changing(x.shape) if len(x.shape) > 2 and x.dtype == np.uint8
    else _noise(x.shape, x.dtype)
    for x in specs
  ]  # fmt: skip
  (got,) = unpacker.unpack([packer.pack(sent)], 1)
  _check_equal(got, sent)


@pytest.mark.parametrize(
  'shape',
  [
    (4, 1, 8, 8, 1),
    (3, 2, 3, 3, 1),
    (2, 1, 2, 1, 1),
    (5, 3, 7, 2, 3),
    (2, 1, 1),
  ],
)
@pytest.mark.parametrize(
  'frames', [trajectories.changing, lambda x: _noise(x, np.uint8)]
)
def test_frames_of_any_size(shape, frames):
  sent = [frames(shape), np.zeros((2, 2), np.float32)]
  packer, unpacker = _made(sent)
  (got,) = unpacker.unpack([packer.pack(sent)], 1)
  _check_equal(got, sent)


@pytest.mark.parametrize(
  'dtype',
  ['b1', 'i1', 'u1', 'i4', 'u4', 'i8', 'f2', 'f4', 'f8', ml_dtypes.bfloat16],
)
@pytest.mark.parametrize('shape', [(), (1,), (3, 5), (2, 3, 4), (0, 3)])
def test_other_arrays_of_any_dtype(dtype, shape):
  sent = [_noise((1,), 'u1'), _noise(shape, dtype), _noise((5, 2), 'f4')]
  packer, unpacker = _made(sent)
  (got,) = unpacker.unpack([packer.pack(sent)], 1)
  _check_equal(got, sent)


def test_several_arrays_of_frames():
  sent = [
    trajectories.changing((3, 2, 5, 1)),
    np.float32(7),
    _noise((4, 2, 9), 'u1'),
  ]
  packer, unpacker = _made(sent)
  (got,) = unpacker.unpack([packer.pack(sent)], 1)
  _check_equal(got, sent)


def test_a_packer_keeps_nothing_of_the_trajectory_before():
  # Of sizes that need filling up.
  noise = [_noise((4, 1, 3, 3, 1), 'u1')]
  still = [np.full((4, 1, 3, 3, 1), 5, np.uint8)]
  still[0][2, 0, 1, 1] = 6
  packer, unpacker = _made(noise)
  first = packer.pack(still)
  packer.pack(noise)
  assert packer.pack(still) == first
  _check_equal(unpacker.unpack([first], 1)[0], still)


def test_frames_that_are_not_in_one_piece():
  whole = trajectories.changing((6, 4, 8, 8, 1))
  sent = [whole[::2, 1:3], np.asfortranarray(_noise((5, 2), 'f4'))]
  packer, unpacker = _made(sent)
  _check_equal(unpacker.unpack([packer.pack(sent)], 1)[0], sent)


def test_frames_of_a_batch_lie_side_by_side():
  sent = [
    [trajectories.changing((4, 2, 8, 8, 1)), np.int64(i)] for i in range(3)
  ]
  packer, unpacker = _made(sent[0])
  got = unpacker.unpack([packer.pack(x) for x in sent], len(sent))
  whole = got[0][0].base
  assert whole.shape == (4, 6, 8, 8, 1)
  np.testing.assert_array_equal(
    whole, np.concatenate([frames for frames, _ in sent], axis=1)
  )
  for a, b in zip(got, sent, strict=True):
    assert a[0].base is whole
    _check_equal(a, b)


@pytest.mark.parametrize('number', [4, 6])
def test_another_number_of_items_than_said_is_refused(number):
  sent = [
    [trajectories.changing((6, 2, 8, 8, 1)), np.int64(i)] for i in range(5)
  ]
  packer, unpacker = _made(sent[0])
  with pytest.raises(ValueError, match='zip'):
    unpacker.unpack([packer.pack(x) for x in sent], number)


def test_other_arrays_keep_nothing_of_the_frames():
  sent = [_noise((6, 2, 8, 8, 1), 'u1'), _noise((5, 2), 'f4')]
  packer, unpacker = _made(sent)
  ((_, other),) = unpacker.unpack([packer.pack(sent)], 1)
  held = other if other.base is None else other.base
  assert held.nbytes == other.nbytes


def test_an_item_is_read_before_the_next_is_asked_for(monkeypatch):
  sent = [[trajectories.changing((3, 1, 8, 8, 1))] for _ in range(3)]
  packer, unpacker = _made(sent[0])
  packed = [packer.pack(x) for x in sent]
  seen = []
  real = unpacker._decompressor.decompress

  def read(item):
    seen.append('read')
    return real(item)

  def coming():
    for item in packed:
      seen.append('asked')
      yield item

  monkeypatch.setattr(unpacker._decompressor, 'decompress', read)
  got = unpacker.unpack(coming(), 3)
  assert seen == ['asked', 'read'] * 3
  for a, b in zip(got, sent, strict=True):
    _check_equal(a, b)


def test_memory_is_used_again_once_nobody_has_it():
  sent = [[np.full((2, 1, 8, 8, 1), i, np.uint8)] for i in range(20)]
  packer, unpacker = _made(sent[0])
  packed = [packer.pack(x) for x in sent]
  (got,) = unpacker.unpack([packed[0]], 1)
  address = got[0].ctypes.data
  held = [got[0][1, :, 2]]
  del got
  for i in range(1, 20):
    # Somebody still has a part of it.
    held.append(unpacker.unpack([packed[i]], 1)[0][0])
  for i, part in enumerate(held):
    assert (part == i).all()
  assert len({x.ctypes.data for x in held[1:]} | {address}) == 20
  del held, part
  (got,) = unpacker.unpack([packed[3]], 1)
  address = got[0].ctypes.data
  del got
  for i in (5, 6):
    (got,) = unpacker.unpack([packed[i]], 1)
    assert got[0].ctypes.data == address
    _check_equal(got, sent[i])
    del got


def test_memory_that_a_device_may_share_is_left_alone():
  sent = [[np.full((2, 1, 64, 64, 1), i, np.uint8)] for i in range(9)]
  packer, unpacker = _made(sent[0])
  packed = [packer.pack(x) for x in sent]
  on_device = [
    jax.device_put(unpacker.unpack([x], 1)[0][0].base) for x in packed
  ]
  for got, (frames,) in zip(on_device, sent, strict=True):
    np.testing.assert_array_equal(got, frames)


def test_a_screen_that_hardly_changes_is_small():
  frames = np.zeros((51, 1, 210, 160, 3), np.uint8)
  frames[:, :, 20:180, 10:150] = 99
  for t in range(51):
    frames[t, 0, 50 + t : 60 + t, 30:40] = 200
  packer, _ = _made([frames])
  assert 500 * len(packer.pack([frames])) < frames.nbytes


def _packed():
  sent = jax.tree.leaves(trajectories.numbered(3))
  sent = [np.asarray(x) for x in sent]
  sent[0] = trajectories.changing(sent[0].shape)
  packer, unpacker = _made(sent)
  return sent, packer.pack(sent), unpacker


def test_a_changed_bit_is_found_wherever_it_is():
  sent, packed, unpacker = _packed()
  unchanged = 0
  for place in range(len(packed)):
    for bit in (1, 128):
      damaged = bytearray(packed)
      damaged[place] ^= bit
      try:
        (got,) = unpacker.unpack([bytes(damaged)], 1)
      except compression.DamagedError as error:
        assert '\n' not in str(error)
        continue
      # A few bits of zstd's own header say nothing about the content.
      _check_equal(got, sent)
      unchanged += 1
  assert unchanged < 4


@pytest.mark.parametrize('length', [0, 1, 4, 12, 40, -5, -1])
def test_what_is_cut_short_is_refused(length):
  _, packed, unpacker = _packed()
  with pytest.raises(compression.DamagedError):
    unpacker.unpack([packed[:length]], 1)


@pytest.mark.parametrize('more', [b'\0', b'more', None])
def test_what_is_too_long_is_refused(more):
  _, packed, unpacker = _packed()
  with pytest.raises(compression.DamagedError):
    unpacker.unpack([packed + (packed if more is None else more)], 1)


def test_too_large_a_size_is_refused_before_it_is_taken():
  _, _, unpacker = _packed()
  zeros = zstandard.ZstdCompressor().compress(bytes(1 << 30))
  assert len(zeros) < 1 << 17
  unpacker._decompressor._decompressor = None
  with pytest.raises(compression.DamagedError, match='1073741824 bytes, not'):
    unpacker.unpack([zeros], 1)


def test_content_without_a_size_is_refused():
  _, packed, unpacker = _packed()
  content = zstandard.ZstdDecompressor().decompress(packed)
  unsized = zstandard.ZstdCompressor(write_content_size=False)
  with pytest.raises(compression.DamagedError):
    unpacker.unpack([unsized.compress(content)], 1)


@pytest.mark.parametrize('change', [-8, -1, 1, 8, 16])
def test_another_number_of_changed_words_than_counted_is_refused(change):
  _, packed, unpacker = _packed()
  content = zstandard.ZstdDecompressor().decompress(packed)
  content = content[:change] if change < 0 else content + bytes(change)
  with pytest.raises(compression.DamagedError, match='bytes, not'):
    unpacker.unpack([zstandard.ZstdCompressor().compress(content)], 1)


def _with_a_change(column):
  """An unpacker, and content that changes byte `column` of the last row."""
  # 9 bytes of row 0 and 3 counts of 4 bytes, each filled up to 8.
  sent = [np.full((4, 1, 3, 3, 1), 5, np.uint8)]
  packer, unpacker = _made(sent)
  packed = packer.pack(sent)
  content = bytearray(zstandard.ZstdDecompressor().decompress(packed))
  assert content == bytes([5] * 9 + [0] * 7 + [0] * 16)
  content[16 + 8] = 1
  content += bytes([column] + [0] * 7 + [7] + [0] * 7)
  return unpacker, zstandard.ZstdCompressor().compress(bytes(content))


def test_what_lies_where():
  unpacker, packed = _with_a_change(8)
  ((frames,),) = unpacker.unpack([packed], 1)
  want = np.full((4, 1, 3, 3, 1), 5, np.uint8)
  want[3, 0, 2, 2, 0] = 5 ^ 7
  np.testing.assert_array_equal(frames, want)


@pytest.mark.parametrize('column', [9, 255])
def test_a_word_that_there_is_not_is_refused(column):
  unpacker, packed = _with_a_change(column)
  with pytest.raises(
    compression.DamagedError, match='words that there are not'
  ):
    unpacker.unpack([packed], 1)


def test_a_change_in_half_of_a_word_is_seen():
  # Words of 8 bytes, compared as two halves each.
  for place in range(16):
    frames = np.zeros((2, 1, 4, 4, 1), np.uint8)
    frames[1].reshape(-1)[place] = 1
    packer, unpacker = _made([frames])
    _check_equal(unpacker.unpack([packer.pack([frames])], 1)[0], [frames])


@pytest.mark.parametrize('value', [0, 32, 255])
def test_a_change_is_seen_wherever_it_is(value):
  frames = np.full((3, 1, 11, 40, 1), value, np.uint8)
  packer, unpacker = _made([frames])
  flat = frames.reshape(-1)
  for place in range(len(flat)):
    flat[place] ^= 1
    _check_equal(unpacker.unpack([packer.pack([frames])], 1)[0], [frames])
    flat[place] ^= 1


def test_columns_that_take_more_than_two_bytes():
  # 65,600 words of 8 bytes.
  frames = np.zeros((3, 1, 5, 104960, 1), np.uint8)
  frames[1, 0, 4, -1], frames[2, 0, 0, 3], frames[2, 0, 4, -9] = 1, 2, 3
  packer, unpacker = _made([frames])
  _check_equal(unpacker.unpack([packer.pack([frames])], 1)[0], [frames])


def test_trajectories_of_other_shapes_are_refused():
  _, packed, _ = _packed()
  other = [np.asarray(x) for x in jax.tree.leaves(trajectories.numbered(3, 9))]
  _, unpacker = _made(other)
  with pytest.raises(compression.DamagedError):
    unpacker.unpack([packed], 1)


@pytest.mark.parametrize('shape', [(3, 2, 84, 84, 1), (4, 5, 6, 3), (2, 3, 1)])
def test_single_frames_come_back(shape):
  frames = trajectories.changing((7, *shape))[2]
  packed = packed_frames.FramePacker().pack(frames)
  assert (packed.dtype, packed.shape) == (np.dtype(object), shape[:-3])
  unpacker = packed_frames.FrameUnpacker(shape[-3:])
  _check_equal([unpacker.unpack(packed)], [frames])


def test_a_damaged_frame_is_refused():
  packed = packed_frames.FramePacker().pack(_noise((1, 4, 5, 1), 'u1'))
  unpacker = packed_frames.FrameUnpacker((4, 5, 1))
  whole = packed[0]
  unpacker.unpack(packed)
  for damaged in (b'', whole[:-1], whole + b'x', whole[:-6] + bytes(6)):
    packed[0] = damaged
    with pytest.raises(compression.DamagedError):
      unpacker.unpack(packed)
  larger = packed_frames.FramePacker().pack(np.zeros((1, 4, 6, 1), np.uint8))
  with pytest.raises(compression.DamagedError, match='24 bytes, not 20'):
    unpacker.unpack(larger)

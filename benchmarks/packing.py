"""Lossless ways to make an unroll's observations smaller.

Each takes uint8 [T + 1, height, width, channels], the rows of one environment,
and gives arrays from which the same rows can be made again.
"""

import importlib
import importlib.util
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

Arrays = list[np.ndarray]

# How a row of stacked frames follows from the row before.
SHIFTED, REPEATED, FILLED, OTHER = range(4)


class Packing(NamedTuple):
  """`unpack(pack(rows), rows.shape)` is `rows`."""

  pack: Callable[[np.ndarray], Arrays]
  unpack: Callable[[Arrays, Sequence[int]], np.ndarray]


def kinds(rows: np.ndarray) -> np.ndarray:
  """How each row but the first follows from the one before: uint8 [T].

  Within a game a stack is SHIFTED by one frame. The row after a lost life shows
  the same stack again, REPEATED; a new game's is FILLED with one screen. After
  an opening that the agent does not see (`fire_reset`) none of these holds:
  OTHER.

  Args:
    rows: uint8 [T + 1, height, width, 4], four frames from oldest to newest.
  """
  stacks = _as_words(rows)
  before, after = stacks[:-1], stacks[1:]
  result = np.full(len(after), OTHER, np.uint8)
  for t in range(len(after)):
    newest = after[t] >> 24
    if np.array_equal(after[t] & 0xFFFFFF, before[t] >> 8):
      result[t] = SHIFTED
    elif np.array_equal(after[t], before[t]):
      result[t] = REPEATED
    elif np.array_equal(after[t], newest * np.uint32(0x01010101)):
      result[t] = FILLED
  return result


def _as_words(rows: np.ndarray) -> np.ndarray:
  """Four bytes as one number, the newest frame's in its highest byte."""
  return np.ascontiguousarray(rows).view('<u4')[..., 0]


def _pack_newest(rows: np.ndarray) -> Arrays:
  kind = kinds(rows)
  newest = (_as_words(rows)[1:] >> 24).astype(np.uint8)
  if np.any(kind == REPEATED):
    newest = newest[kind != REPEATED]
  return [kind, rows[0].copy(), newest, rows[1:][kind == OTHER]]


def _unpack_newest(arrays: Arrays, shape: Sequence[int]) -> np.ndarray:
  kind, first, newest, others = arrays
  rows = np.empty(shape, np.uint8)
  rows[0] = first
  stacks = _as_words(rows)
  frames, wholes = iter(newest), iter(others)
  for t, follows in enumerate(kind, start=1):
    if follows == REPEATED:
      stacks[t] = stacks[t - 1]
      continue
    frame = next(frames).astype(np.uint32)
    if follows == OTHER:
      rows[t] = next(wholes)
    elif follows == FILLED:
      np.multiply(frame, np.uint32(0x01010101), out=stacks[t])
    else:
      np.bitwise_or(stacks[t - 1] >> 8, frame << 24, out=stacks[t])
  return rows


def _pack_runs(rows: np.ndarray) -> Arrays:
  flat = _difference(rows).ravel()
  ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]), flat.size - 1)
  lengths = np.diff(ends, prepend=-1).astype(np.uint32)
  return [flat[ends], lengths]


def _unpack_runs(arrays: Arrays, shape: Sequence[int]) -> np.ndarray:
  return _sum(np.repeat(*arrays).reshape(shape))


def _difference(rows: np.ndarray) -> np.ndarray:
  """The first row, then what changes from row to row, modulo 256."""
  result = rows.copy()
  result[1:] -= rows[:-1]
  return result


def _sum(rows: np.ndarray) -> np.ndarray:
  return np.cumsum(rows, axis=0, dtype=np.uint8)


def _compressed(
  compress: Callable[[np.ndarray], bytes],
  decompress: Callable[[bytes], bytes],
  difference: bool,
) -> Packing:
  """A compressor of bytes, on rows or on what changes between them."""

  def pack(rows: np.ndarray) -> Arrays:
    source = _difference(rows) if difference else np.ascontiguousarray(rows)
    return [np.frombuffer(compress(source), np.uint8)]

  def unpack(arrays: Arrays, shape: Sequence[int]) -> np.ndarray:
    flat = np.frombuffer(decompress(arrays[0].tobytes()), np.uint8)
    rows = flat.reshape(shape)
    return _sum(rows) if difference else rows

  return Packing(pack, unpack)


def _compressors() -> dict[str, tuple[Callable, Callable]]:
  """Those of the standard library, and of packages that happen to be here."""
  found: dict[str, tuple[Callable, Callable]] = {
    'zlib 1': (lambda x: zlib.compress(x, 1), zlib.decompress)
  }
  if importlib.util.find_spec('lz4'):
    lz4 = importlib.import_module('lz4.frame')
    found['lz4'] = (lz4.compress, lz4.decompress)
  if importlib.util.find_spec('zstandard'):
    zstd = importlib.import_module('zstandard')
    found['zstd 1'] = (
      zstd.ZstdCompressor(level=1).compress,
      zstd.ZstdDecompressor().decompress,
    )
  if importlib.util.find_spec('cramjam'):
    snappy = importlib.import_module('cramjam').snappy
    found['snappy'] = (snappy.compress_raw, snappy.decompress_raw)
  return found


def packings(stacked: bool) -> dict[str, Packing]:
  """All there are here, by name; one only for stacks of four grey frames."""
  result = {}
  if stacked:
    result['newest frame'] = Packing(_pack_newest, _unpack_newest)
  for name, (compress, decompress) in _compressors().items():
    result[name] = _compressed(compress, decompress, difference=False)
    result[f'change, {name}'] = _compressed(
      compress, decompress, difference=True
    )
  result['change, run lengths'] = Packing(_pack_runs, _unpack_runs)
  return result

"""A run at its very first moment, and a number that tells two states apart."""

import dataclasses
import zlib

import numpy as np

from attn_agents.runs import snapshots


def test_a_run_begins_with_nothing():
  assert not any(dataclasses.astuple(snapshots.Counters()))


def test_the_digest_is_of_the_bytes_of_all_arrays_in_their_order():
  a, b = np.arange(6, dtype=np.int32).reshape(2, 3).T, np.float32([1.5])
  state = {'x': a, 'y': b}
  snapshot = snapshots.Snapshot(state, snapshots.Counters(frames=8))
  assert snapshots.digest(snapshot) == zlib.crc32(a.tobytes() + b.tobytes())

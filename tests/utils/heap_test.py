"""Memory between what is in use goes back to the system."""

import subprocess
import sys

# Every second block is freed, so that no heap can shrink from its end.
_FRAGMENTED = """
import ctypes, psutil
from attn_agents.utils import heap
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
size, count = 100_000, 2_000
blocks = [libc.malloc(ctypes.c_size_t(size)) for _ in range(count)]
for block in blocks:
  ctypes.memset(ctypes.c_void_p(block), 1, size)
process = psutil.Process()
for block in blocks[::2]:
  libc.free(ctypes.c_void_p(block))
before = process.memory_info().rss
heap.give_back()
after = process.memory_info().rss
assert all(ctypes.string_at(b, size) == bytes([1]) * size for b in blocks[1::2])
print((before - after) / (size * count / 2))
"""


def test_pages_between_blocks_in_use_are_given_back():
  done = subprocess.run(
    [sys.executable, '-c', _FRAGMENTED],
    capture_output=True, text=True, check=True,
  )  # fmt: skip
  assert 0.8 < float(done.stdout) < 1.1

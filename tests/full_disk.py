"""A disk without room, where no tmpfs can be mounted: writes are refused."""

import contextlib
import errno
import os

import pytest


@contextlib.contextmanager
def without_room(room=0, number=errno.ENOSPC):
  """`os.write` takes `room` bytes more, then raises as a full disk does."""
  write = os.write
  left = [room]

  def refuse(file, data):
    if not left[0]:
      raise OSError(number, os.strerror(number))
    part = bytes(data)[: left[0]]
    left[0] -= len(part)
    return write(file, part)

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(os, 'write', refuse)
    yield

"""Gives memory that was freed back to the system."""

import ctypes


def give_back() -> None:
  """Lets glibc return what is free in its heaps; nothing with other libraries.

  A heap keeps pages between what is in use. In processes with many threads and
  large, short-lived arrays they add up over an hour.
  """
  trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
  if trim is not None:
    trim(0)

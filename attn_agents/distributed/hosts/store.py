"""The key-value store of JAX's coordinator: small texts that all hosts see."""

import ctypes
import json
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

# Where one host waits for another's word, it asks so often.
ASK_SECONDS = 0.2


class Client(Protocol):
  """What we use of JAX's client."""

  def key_value_set(
    self, key: str, value: str, allow_overwrite: bool = False
  ) -> None:
    """Writes a value."""

  def key_value_dir_get(self, key: str) -> list[tuple[str, str]]:
    """All values below a name, at once."""


class Store:
  """Values of each host, by name; any of them may be replaced by its host."""

  def __init__(self, client: Client, index: int):
    """Asks nothing yet.

    Args:
      client: of JAX's coordinator, connected.
      index: of this host.
    """
    self._client = client
    self._index = index

  def put(self, name: str, value: Any) -> None:
    """Writes this host's value, which JSON can hold."""
    self._client.key_value_set(
      f'{name}/{self._index}', json.dumps(value), allow_overwrite=True
    )

  def get(self, name: str) -> dict[int, Any]:
    """The values of all hosts that have one, by host."""
    found = self._client.key_value_dir_get(f'{name}/')
    return {
      int(key.rpartition('/')[2]): json.loads(value) for key, value in found
    }

  def gather(self, name: str, count: int, seconds: float) -> None:
    """Returns once all hosts have called it; whoever is lost, `watch.py` tells.

    Args:
      name: of this occasion, which no other has.
      count: of hosts.
      seconds: to wait for those that live, but do not come.

    Raises:
      TimeoutError: some have not come, named.
    """
    self.put(name, True)
    deadline = time.monotonic() + seconds
    while missing := set(range(count)) - set(self.get(name)):
      if time.monotonic() > deadline:
        hosts = ', '.join(map(str, sorted(missing)))
        raise TimeoutError(
          f'not {name} after {seconds:.0f} s: learner hosts {hosts}'
        )
      time.sleep(ASK_SECONDS)


def within(seconds: float, connect: Callable[[], None]) -> bool:
  """Runs what has no other way to give up than to abort.

  Returns:
    Whether it has ended in time; if not, it goes on in a thread.

  Raises:
    BaseException: what it has raised.
  """
  failed: list[BaseException] = []

  def run() -> None:
    try:
      connect()
    except BaseException as error:
      failed.append(error)

  thread = threading.Thread(target=run, name='connecting', daemon=True)
  thread.start()
  thread.join(max(0.0, seconds))
  if failed:
    raise failed[0]
  return not thread.is_alive()


def outlast_aborts() -> None:
  """Keeps this process alive when JAX's client calls `abort`.

  It does so the moment the coordinator is gone, and some time after another
  host is, before anybody could save or say why. Its thread then waits here for
  ever; `watch.py`, which notices the same, ends the process. Calls of the
  client may wait for ever, too.
  """
  libc = ctypes.CDLL(None)
  wait = ctypes.cast(libc.pause, ctypes.c_void_p)
  libc.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
  libc.signal(int(signal.SIGABRT), wait)

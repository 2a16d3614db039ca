"""Sharing parameters: the learner publishes, actors poll by version."""

import threading
import time

import numpy as np
import reverb

from attn_agents import types
from attn_agents.transport.reverb import servers

_POLL_SECONDS = 0.02
# Where an actor does nothing until the next version is there.
_EAGER_POLL_SECONDS = 0.002
# Share of the time between two unrolls after which parameters are fetched for
# the next: late, so that they are new, but in time to have arrived.
_FETCH_AFTER = 0.75


class VariablePublisher:
  """The learner's end of the variable server."""

  def __init__(self, address: str):
    """Connects to the server at 'host:port', waiting until it is up."""
    servers.wait_until_up(address)
    self._client = reverb.Client(address)

  def publish(self, values: types.Array, version: int) -> None:
    """Makes `values` (float32 [P]) the newest parameters.

    Parameters go first and the version second: whoever sees a version finds
    parameters at least as new.
    """
    number = np.int64(version)
    self._client.insert(
      (np.asarray(values, np.float32), number),
      {servers.PARAMETERS_TABLE: 1.0},
    )
    self._client.insert(number, {servers.VERSION_TABLE: 1.0})


class VariablePoller:
  """The actor's end: a thread that fetches what is new, shortly before use.

  The actor never waits for parameters (but for the very first ones), and none
  are sent that it already has or will not use: at most one version per unroll,
  fetched when most of the time between two unrolls has passed. An eager poller
  fetches each version as soon as it is there, for actors that wait for it.
  """

  def __init__(self, address: str, eager: bool = False):
    """Starts polling the server at 'host:port', waiting until it is up."""
    servers.wait_until_up(address)
    self._client = reverb.Client(address)
    self._eager = eager
    self._changed = threading.Condition()
    self._newest: tuple[int, np.ndarray] | None = None
    self._known = -1
    self._taken_at, self._interval = time.monotonic(), 0.0
    self._fetch_at = 0.0
    self._error: BaseException | None = None
    self.fetches = 0
    threading.Thread(
      target=self._run, name='variable-poller', daemon=True
    ).start()

  def take(self) -> tuple[int, np.ndarray] | None:
    """(version, float32 [P]) if newer than the last taken, else None.

    Raises:
      RuntimeError: the thread has died; the cause is chained.
    """
    self._check()
    with self._changed:
      now = time.monotonic()
      interval = now - self._taken_at
      # The shorter of two, so that one pause does not delay the next fetch.
      self._fetch_at = now + _FETCH_AFTER * min(interval, self._interval)
      self._taken_at, self._interval = now, interval
      newest, self._newest = self._newest, None
      self._changed.notify_all()
      return newest

  def wait(self, timeout: float | None = None) -> bool:
    """Blocks until parameters are there to take; False after `timeout`.

    Raises:
      RuntimeError: the thread has died; the cause is chained.
    """
    with self._changed:
      arrived = self._changed.wait_for(
        lambda: self._newest is not None or self._error is not None, timeout
      )
    self._check()
    return arrived

  def _check(self) -> None:
    if self._error is not None:
      raise RuntimeError(
        f'fetching parameters failed: {self._error}'
      ) from self._error

  def _run(self) -> None:
    try:
      while True:
        with self._changed:
          self._changed.wait_for(lambda: self._newest is None)
          delay = max(self._fetch_at - time.monotonic(), _POLL_SECONDS)
        time.sleep(_EAGER_POLL_SECONDS if self._eager else delay)
        self._poll()
    except BaseException as error:
      with self._changed:
        self._error = error
        self._changed.notify_all()

  def _poll(self) -> None:
    try:
      (newest,) = self._sample(servers.VERSION_TABLE)
      if newest <= self._known:
        return
      values, version = self._sample(servers.PARAMETERS_TABLE)
    except (reverb.errors.ReverbError, RuntimeError):
      # The server is going away or coming back; the run's lifecycle decides
      # what that means, an actor only keeps the parameters it has.
      return
    self._known = int(version)
    self.fetches += 1
    with self._changed:
      self._newest = (self._known, values)
      self._changed.notify_all()

  def _sample(self, table: str) -> list[np.ndarray]:
    """The table's one item; leaves lose the step axis that `insert` adds."""
    sample = next(self._client.sample(table, 1, emit_timesteps=False))
    return [leaf[0] for leaf in sample.data]

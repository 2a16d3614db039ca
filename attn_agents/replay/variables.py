"""Sharing parameters: the learner publishes, actors poll by version."""

import threading
import time

import numpy as np
import reverb

from attn_agents.replay import servers

_POLL_SECONDS = 0.05


class VariablePublisher:
  """The learner's end of the variable server."""

  def __init__(self, address: str):
    """Connects to the server at 'host:port', waiting until it is up."""
    servers.wait_until_up(address)
    self._client = reverb.Client(address)

  def publish(self, values: np.ndarray, version: int) -> None:
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
  """The actor's end: a thread that fetches whatever is new.

  The actor never waits for parameters (but for the very first ones), and
  parameters that have not changed are not sent again.
  """

  def __init__(self, address: str):
    """Starts polling the server at 'host:port', waiting until it is up."""
    servers.wait_until_up(address)
    self._client = reverb.Client(address)
    self._lock = threading.Lock()
    self._arrived = threading.Event()
    self._newest: tuple[int, np.ndarray] | None = None
    self._known = -1
    self.fetches = 0
    threading.Thread(
      target=self._poll, name='variable-poller', daemon=True
    ).start()

  def take(self) -> tuple[int, np.ndarray] | None:
    """(version, float32 [P]) if newer than the last taken, else None."""
    with self._lock:
      newest, self._newest = self._newest, None
      return newest

  def wait(self, timeout: float | None = None) -> bool:
    """Blocks until any parameters have arrived; False if `timeout` passed."""
    return self._arrived.wait(timeout)

  def _poll(self) -> None:
    while True:
      try:
        (newest,) = self._sample(servers.VERSION_TABLE)
        if newest > self._known:
          values, version = self._sample(servers.PARAMETERS_TABLE)
          self._known = int(version)
          self.fetches += 1
          with self._lock:
            self._newest = (self._known, values)
          self._arrived.set()
      except (reverb.errors.ReverbError, RuntimeError):
        # The server is going away or coming back; the run's lifecycle decides
        # what that means, an actor only keeps the parameters it has.
        time.sleep(1.0)
      time.sleep(_POLL_SECONDS)

  def _sample(self, table: str) -> list[np.ndarray]:
    """The table's one item; leaves lose the step axis that `insert` adds."""
    sample = next(self._client.sample(table, 1, emit_timesteps=False))
    return [leaf[0] for leaf in sample.data]

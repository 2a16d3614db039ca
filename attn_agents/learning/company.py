"""The other learner hosts, as the loop of one host sees them."""

from typing import TYPE_CHECKING, Protocol

from attn_agents.runs import snapshots

if TYPE_CHECKING:
  # Loads TensorBoard's writer, which who only scores or looks has no use for.
  from attn_agents.learning import metrics


class Company(Protocol):
  """Makes all hosts begin the same number of updates.

  An update ends once every host has begun it. So a run ends in two steps: every
  host stops beginning updates of its own, and then makes those that some host
  has begun.

  Attributes:
    leads: whether this host saves and writes, for all.
  """

  leads: bool

  def wishes_to_stop(self) -> bool:
    """Whether this host does."""

  def hear_wish(self) -> None:
    """That some host has told its wish to stop in an update."""

  def leave_for(self, why: str) -> bool:
    """Has all hosts save and stop for a reason; False if there are none."""

  def begin_update(self) -> bool:
    """Counts one more update; False if the run ends before it."""

  def end_update(self) -> None:
    """That it has been handed to the devices, and the one before has ended."""

  def behind(self) -> int:
    """Begins no more updates; how many others have begun beyond ours."""

  def ask_to_save(self) -> None:
    """Has all hosts save after the same update, if this one leads."""

  def wishes_to_save(self) -> bool:
    """Whether the next update is to tell that all save."""

  def hear_save(self, update: int) -> None:
    """That an update has told it: all save after the next one.

    Args:
      update: its number.
    """

  def saves_after(self, update: int) -> bool:
    """Whether all save after that update, the newest."""

  def compare(self, snapshot: snapshots.Snapshot) -> None:
    """Returns when no host is known to have another state there.

    Does not return if one is: the process ends.
    """


class Alone:
  """A host without other learners; see `Company`.

  Attributes:
    why: what `leave_for` was called with; '' if it was not.
  """

  leads = True

  def __init__(self, has_actor_hosts: bool = False):
    """Remembers what it has.

    Args:
      has_actor_hosts: whether actors play on other hosts, so that a run without
        data is to be continued, as one that has lost a host.
    """
    self._has_actor_hosts = has_actor_hosts
    self._saves = False
    self.why = ''

  def wishes_to_stop(self) -> bool:
    """It asks nobody."""
    return False

  def hear_wish(self) -> None:
    """There is nobody to tell one."""

  def leave_for(self, why: str) -> bool:
    """Saves and stops, if actor hosts may be the reason."""
    if self._has_actor_hosts:
      self.why = why
    return self._has_actor_hosts

  def begin_update(self) -> bool:
    """It may."""
    return True

  def end_update(self) -> None:
    """Nobody waits for that."""

  def behind(self) -> int:
    """There is none."""
    return 0

  def ask_to_save(self) -> None:
    """It does so at once."""
    self._saves = True

  def wishes_to_save(self) -> bool:
    """It asks nobody."""
    return False

  def hear_save(self, update: int) -> None:
    """There is nobody to tell one."""

  def saves_after(self, update: int) -> bool:
    """Whether it has been asked to."""
    del update
    saves, self._saves = self._saves, False
    return saves

  def compare(self, snapshot: snapshots.Snapshot) -> None:
    """There is no other state."""


class Writer(Protocol):
  """Where rows of metrics go, e.g. `metrics.MetricsWriter`."""

  @property
  def trouble(self) -> str:
    """Why rows wait; '' if none do."""

  def write(self, row: 'metrics.Row') -> None:
    """Adds one row."""

  def close(self) -> None:
    """Writes what waits."""


class Saver(Protocol):
  """Where checkpoints go, e.g. `checkpoints.Checkpointer`."""

  def save(self, snapshot: snapshots.Snapshot) -> bool:
    """Writes one; False if there is nothing to write."""


class NoMetrics:
  """Stands where another host writes metrics.csv; see `MetricsWriter`."""

  trouble = ''

  def write(self, row: object) -> None:
    """Writes nothing."""

  def close(self) -> None:
    """There is nothing to close."""


class NoCheckpoints:
  """Stands where another host saves; see `Checkpointer`."""

  def save(self, snapshot: object) -> bool:
    """Saves nothing."""
    del snapshot
    return False

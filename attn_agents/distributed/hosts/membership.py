"""A learner's part in a run of several hosts, from joining to leaving."""

import dataclasses
import threading
import time
from collections.abc import Callable
from typing import Any

from attn_agents.distributed import lifecycle, topology
from attn_agents.distributed.hosts import company, joining, watch
from attn_agents.runs import snapshots

_FLUSH_SECONDS = 1.5
# Host 0 stays until the others know that it has saved.
_LINGER_SECONDS = 2.0


class Membership:
  """Joined; the other hosts are watched.

  Attributes:
    company: for the learner's loop.
  """

  def __init__(
    self,
    place: topology.Topology,
    stop: threading.Event,
    end: Callable[[str, bool], None],
  ):
    """Joins the other hosts' learners; see `joining.join`.

    Args:
      place: of the run.
      stop: set once the run is to stop; and here, when another host is.
      end: see `watch.Watch`.
    """
    self._count = place.num_hosts
    self._store = joining.join(
      place.coordinator, place.num_hosts, place.host_index, place.join_seconds
    )
    self.company = company.Company(place.num_hosts, place.host_index, stop)
    self._watch = watch.Watch(
      self._store, self.company, place.num_hosts, place.host_index,
      place.coordinator, lifecycle.beat_path(place.logdir), end,
    )  # fmt: skip

  def hand_over(self, start: snapshots.Snapshot) -> snapshots.Snapshot:
    """Gives all hosts what host 0 starts from.

    Args:
      start: of host 0; of others only the shapes and dtypes count.
    """
    if self.company.leads:
      self._store.put('start', dataclasses.asdict(start.counters))
    # The first collective of gloo waits for the others for 30 seconds only, and
    # host 0 may take longer to restore.
    self._store.gather('ready', self._count, watch.Limits().first_update)
    state = joining.hand_over(start.state)
    # Host 0 wrote them before it gave its arrays.
    counters = snapshots.Counters(**self._store.get('start')[0])
    return dataclasses.replace(start, state=state, counters=counters)

  def is_reason(self, error: BaseException) -> bool:
    """Whether this host itself is the reason of an error.

    Does not return if another host is: the process ends.
    """
    import jax

    if isinstance(error, jax.errors.JaxRuntimeError):
      self._watch.doubt()
    return True

  def fail(self, error: BaseException) -> None:
    """Tells the others why this host ends."""
    text = ' '.join(f'{type(error).__name__}: {error}'.split())[:300]
    self.company.tell(failed=text)
    time.sleep(_FLUSH_SECONDS)
    self._watch.relax()

  def part(self, saved: int | None, seconds: float) -> int | None:
    """Leaves in good order, after host 0 has saved.

    Args:
      saved: frames at host 0's last checkpoint, on host 0.
      seconds: to wait for it on the others.

    Returns:
      Frames at the last checkpoint; None if it is not known.
    """
    members = self.company
    if members.leads:
      members.tell(saved=-1 if saved is None else saved)
      self._watch.relax()
      _wait(members.all_have_left, _LINGER_SECONDS)
      return saved
    _wait(lambda: members.said('saved') is not None, seconds)
    self._watch.relax()
    members.tell(left=True)
    time.sleep(_FLUSH_SECONDS / 3)
    told: Any = members.said('saved')
    return None if told in (None, -1) else int(told)

  def relax(self) -> None:
    """From now on no host is missed."""
    self._watch.relax()


def _wait(condition: Callable[[], bool], seconds: float) -> None:
  deadline = time.monotonic() + seconds
  while not condition() and time.monotonic() < deadline:
    time.sleep(0.05)

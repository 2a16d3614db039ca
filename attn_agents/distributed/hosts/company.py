"""What one learner host knows and says of itself and the others.

Each host says a few words several times a second, through the coordinator's
store (`watch.py` carries them): how many updates it has begun, whether it
begins more, and why it wishes to stop. Whoever sees that another begins no more
begins no more either. Then all know how many updates there are, and the run
ends after the same update everywhere, whether a host computes, waits for data
or compiles: it then makes those that it lacks, without data if it has none.
"""

import threading
import time
from typing import Any

from attn_agents.runs import snapshots

ASKED = 'was asked to stop'
# Of the newest saves, for hosts that hear late.
_STATES_TOLD = 3
# A host that is lost has no word any more.
_COMPARE_SECONDS = 10.0
# The first updates compile.
_COMPILED_AFTER = 3


class Company:
  """See `learning.company.Company`; any thread may call its methods.

  Attributes:
    leads: whether this is host 0.
    differs: that this host has another state than some other, in words; '' as
      long as none is known.
    changed: notified when this host's own words change, or others' come in.
  """

  def __init__(self, count: int, index: int, stop: threading.Event):
    """Says nothing yet.

    Args:
      count: learner hosts.
      index: of this one.
      stop: set where this host is asked to stop, and here once any is.
    """
    self.leads = index == 0
    self.differs = ''
    self.changed = threading.Condition()
    self._index, self._stop = index, stop
    self._own: dict[str, Any] = {
      'updates': 0, 'closed': False, 'waiting': True, 'wish': '', 'failed': '',
      'saved': None, 'left': False, 'states': [],
    }  # fmt: skip
    self._others: dict[int, dict[str, Any]] = {
      other: {} for other in range(count) if other != index
    }
    self._since: float | None = None
    self._longest = 0.0
    # Host 0 asks once, until all have saved.
    self._asks, self._asked = False, False
    self._saves_after: int | None = None

  def words(self) -> dict[str, Any]:
    """What this host has to say now; asked to be told to the others."""
    with self.changed:
      if self._stop.is_set():
        self._close(ASKED)
      return dict(self._own)

  def hear(self, others: dict[int, dict[str, Any]]) -> None:
    """Takes in what the others say."""
    with self.changed:
      self._others.update(others)
      if any(said.get('closed') for said in others.values()):
        self._close('')
      self._compare()
      self.changed.notify_all()

  def wishes_to_stop(self) -> bool:
    """See `learning.company.Company`."""
    return self._stop.is_set()

  def hear_wish(self) -> None:
    """See `learning.company.Company`."""
    with self.changed:
      self._close('')

  def leave_for(self, why: str) -> bool:
    """See `learning.company.Company`."""
    with self.changed:
      self._close(why)
    return True

  def begin_update(self) -> bool:
    """See `learning.company.Company`."""
    with self.changed:
      if self._own['closed']:
        return False
      self._own['updates'] += 1
      self._own['waiting'] = False
      self._since = time.monotonic()
      return True

  def end_update(self) -> None:
    """See `learning.company.Company`."""
    with self.changed:
      if self._since is not None and self._own['updates'] > _COMPILED_AFTER:
        took = time.monotonic() - self._since
        self._longest = max(self._longest, took)
      self._own['waiting'] = True
      self._since = None

  def behind(self) -> int:
    """See `learning.company.Company`; waits until all have closed."""
    with self.changed:
      self._close('')
      while not all(x.get('closed') for x in self._others.values()):
        self.changed.wait(1.0)
      most = max(x['updates'] for x in self._others.values())
      lacking = max(0, most - self._own['updates'])
      self._own['updates'] += lacking
      return lacking

  def ask_to_save(self) -> None:
    """See `learning.company.Company`."""
    if self.leads and not self._asked:
      self._asks = self._asked = True

  def wishes_to_save(self) -> bool:
    """See `learning.company.Company`."""
    asks, self._asks = self._asks, False
    return asks

  def hear_save(self, update: int) -> None:
    """See `learning.company.Company`."""
    self._saves_after = update + 1

  def saves_after(self, update: int) -> bool:
    """See `learning.company.Company`."""
    if self._saves_after is None or update < self._saves_after:
      return False
    self._saves_after, self._asked = None, False
    return True

  def compare(self, snapshot: snapshots.Snapshot) -> None:
    """See `learning.company.Company`."""
    update = snapshot.counters.learner_steps
    own = [update, snapshots.digest(snapshot)]
    deadline = time.monotonic() + _COMPARE_SECONDS
    with self.changed:
      if own in self._own['states']:
        # Saving it has failed before.
        return
      self._own['states'] = [*self._own['states'], own][-_STATES_TOLD:]
      self._compare()
      self.changed.notify_all()
      while self.differs or not self._all_told(update):
        if not self.differs and time.monotonic() > deadline:
          print(f'update {update}: not all hosts told their state', flush=True)
          return
        self.changed.wait(0.1)
    print(f'update {update}: all hosts have state {own[1]:08x}', flush=True)

  def overdue(self, least: float, first: float) -> float:
    """Seconds for which an update has taken much too long; 0.0 if none has.

    One that waits for a host that has no data yet takes as long as that.

    Args:
      least: seconds that any update may take.
      first: seconds that one may take which compiles.
    """
    with self.changed:
      if self._since is None:
        return 0.0
      updates = self._own['updates']
      limit = max(least, 20 * self._longest)
      if updates <= _COMPILED_AFTER:
        limit = first
      waited = time.monotonic() - self._since
      for said in self._others.values():
        if said.get('waiting') and said['updates'] < updates:
          return 0.0
      return waited if waited > limit else 0.0

  def forgive(self, seconds: float) -> None:
    """Time in which this process stood still is not counted."""
    with self.changed:
      if self._since is not None:
        self._since += seconds

  def tell(self, **words: Any) -> None:
    """Says more, e.g. `failed` or `saved`."""
    with self.changed:
      self._own.update(words)
      self.changed.notify_all()

  def said(self, name: str, who: int = 0) -> Any:
    """What a host has said last; None if nothing."""
    with self.changed:
      return self._others.get(who, {}).get(name)

  def all_have_left(self) -> bool:
    """Whether no other host needs this one any more."""
    with self.changed:
      return all(x.get('left') for x in self._others.values())

  def why(self) -> str:
    """Why the run stops, if that was not asked of this host; '' if it was."""
    with self.changed:
      if self._own['wish'] not in ('', ASKED):
        return str(self._own['wish'])
      for other, said in sorted(self._others.items()):
        if said.get('wish'):
          return f'host {other}: {said["wish"]}'
    return ''

  def _all_told(self, update: int) -> bool:
    """Whether all others have told the state that they have there."""
    return all(
      update in dict(said.get('states', ())) for said in self._others.values()
    )

  def _compare(self) -> None:
    own = dict(self._own['states'])
    for other, said in self._others.items():
      for update, number in said.get('states', ()):
        if own.get(update, number) != number and not self.differs:
          first, second = sorted((self._index, other))
          self.differs = (
            f'hosts {first} and {second} have different parameters or '
            f'optimisers after update {update:,}: one of them computes or '
            'remembers wrongly'
          )

  def _close(self, wish: str) -> None:
    if not self._own['closed']:
      if not wish and self._stop.is_set():
        wish = ASKED
      self._own.update(closed=True, wish=wish)
      self._stop.set()
      self.changed.notify_all()

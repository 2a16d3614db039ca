"""Finds out which learner host is lost or stuck, and carries what they say.

Two threads, since whatever asks the coordinator may wait for ever: one asks,
the other looks whether there are answers.
"""

import contextlib
import pathlib
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from attn_agents.distributed.hosts import company, store
from attn_agents.distributed.relay import addresses

# What every host says again and again, with a number that grows.
_NAME = 'words'
# A process that was suspended for longer finds all others silent.
_GAP_SECONDS = 4.0
_GUARD_SECONDS = 0.5
_TELL_SECONDS = 1.5


class Limits(NamedTuple):
  """After how many seconds a host counts as lost.

  Attributes:
    silent: without a word.
    doubted: without a word, once an update has failed.
    update: in which an update does not end, or 20 times as long as the longest
      before it if that is longer. Not while a host waits for data.
    first_update: the same of the first ones, which compile.
  """

  silent: float = 20.0
  doubted: float = 5.0
  update: float = 60.0
  first_update: float = 1800.0


class Watch:
  """Looks after the others for as long as the process lives."""

  def __init__(
    self,
    words: store.Store,
    members: company.Company,
    count: int,
    index: int,
    coordinator: str,
    beat: pathlib.Path,
    end: Callable[[str, bool], None],
    limits: Limits | None = None,
  ):
    """Starts both threads.

    Args:
      words: carries what hosts say.
      members: what they say.
      count: learner hosts.
      index: of this one.
      coordinator: 'host:port'.
      beat: a file that is written again and again, by which the parent sees
        that this process lives.
      end: called once, when a host is lost, with what happened, and whether it
        said that it failed; ends the process.
      limits: of patience.
    """
    self._store, self._company = words, members
    self._index, self._coordinator = index, coordinator
    self._beat, self._end = beat, end
    self._limits = limits or Limits()
    self._over = threading.Event()
    self._doubts = False
    now = time.monotonic()
    self._answered = now
    self._seen = {i: (-1, now) for i in range(count) if i != index}
    for name, run in (('words', self._talk), ('watch', self._guard)):
      threading.Thread(target=run, name=name, daemon=True).start()

  def doubt(self) -> None:
    """An update has failed: waits less for a host's next word.

    Returns when all hosts have said something since, which means that none of
    them is the reason.
    """
    self._doubts = True
    before = {i: number for i, (number, _) in self._seen.items()}
    # After so long the guard has ended the process.
    deadline = time.monotonic() + 2 * self._limits.silent
    while time.monotonic() < deadline:
      time.sleep(_GUARD_SECONDS)
      if all(n > before[i] + 8 for i, (n, _) in self._seen.items()):
        return

  def relax(self) -> None:
    """From now on no host is missed."""
    self._over.set()

  def _talk(self) -> None:
    number = 0
    while True:
      number += 1
      try:
        self._store.put(_NAME, {**self._company.words(), 'number': number})
        said = self._store.get(_NAME)
      except Exception as error:
        print(f'the coordinator does not answer: {error}', flush=True)
        time.sleep(_GUARD_SECONDS)
        continue
      now = time.monotonic()
      self._answered = now
      said.pop(self._index, None)
      for other, words in said.items():
        if words['number'] != self._seen[other][0]:
          self._seen[other] = (words['number'], now)
      self._company.hear(said)
      with self._company.changed:
        self._company.changed.wait(store.ASK_SECONDS)

  def _guard(self) -> None:
    beats, last = 0, time.monotonic()
    while not self._over.wait(_GUARD_SECONDS):
      beats += 1
      with contextlib.suppress(OSError):
        self._beat.write_text(str(beats))
      now = time.monotonic()
      if now - last > _GAP_SECONDS:
        self._forgive(now - last)
      last = now
      trouble, failed = self._trouble(now)
      if self._company.differs:
        # All see it by themselves, if they hear the others.
        time.sleep(_TELL_SECONDS)
      if trouble and not self._over.is_set():
        self._end(trouble, failed)
        return

  def _forgive(self, seconds: float) -> None:
    self._answered += seconds
    self._seen = {i: (n, t + seconds) for i, (n, t) in self._seen.items()}
    self._company.forgive(seconds)

  def _trouble(self, now: float) -> tuple[str, bool]:
    """What has happened to another host, and whether it failed; ''."""
    if self._company.differs:
      return self._company.differs, True
    limit = self._limits.doubted if self._doubts else self._limits.silent
    for other in self._seen:
      if why := self._company.said('failed', other):
        return f'host {other} failed: {why}', True
    unanswered = now - self._answered
    if unanswered > limit or (unanswered > 2 and self._is_refused()):
      return (
        f'host 0, the coordinator at {self._coordinator}, is gone or does not '
        f'answer ({unanswered:.0f} s)'
      ), False
    for other, (_, when) in self._seen.items():
      # It has not answered to us, either, while nobody did.
      silent = self._answered - when
      if silent > limit:
        return (
          f'host {other} is gone or does not answer ({silent:.0f} s)',
          False,
        )
    overdue = self._company.overdue(
      self._limits.update, self._limits.first_update
    )
    if overdue:
      return f'an update has not ended for {overdue:.0f} s', False
    return '', False

  def _is_refused(self) -> bool:
    try:
      addresses.connect(self._coordinator, 1.0).close()
    except ConnectionRefusedError:
      return True
    except OSError:
      return False
    return False

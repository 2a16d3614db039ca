"""The rules that a run must keep whatever is done to it."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

GOES_ON, HANGS = 'goes on', 'hangs'
CONTINUED = 'continued'
# A run has 20 seconds to stop; a busy machine adds to that.
MOST_SECONDS = 30.0
_LAST_LINES = ('done;', 'stopped', 'failed:')


@dataclasses.dataclass(frozen=True)
class Observed:
  """One fault, and what followed from it.

  Attributes:
    number: of the round.
    runtime, algorithm: of the run.
    kind, detail: of the fault.
    moment: of the run when it came: 'training', 'starting' or 'between' runs.
    allowed: what the run may do, an exit code or `GOES_ON`, each with a
      regular expression that its last line matches.
    outcome: what it did: an exit code, `GOES_ON` or `HANGS`.
    lines: its last lines, at most five; all that it printed if it was refused.
    seconds: from the fault to the outcome; from the fault's end, if the run
      outlived it.
    orphans: what was still alive afterwards.
    next: what the next start did: `CONTINUED`, or its last line.
    reported: frames of the newest checkpoint that the run is known to have had.
    start: frames where it went on, None if it did not stop.
    seen: frames of the newest row of metrics.csv before it stopped.
    rows: what is wrong with metrics.csv afterwards, '' if nothing.
  """

  number: int
  runtime: str
  algorithm: str
  kind: str
  detail: str
  moment: str
  allowed: Mapping[str, str]
  outcome: str
  lines: tuple[str, ...] = ()
  seconds: float = 0.0
  orphans: tuple[str, ...] = ()
  next: str = CONTINUED
  reported: int = 0
  start: int | None = None
  seen: int = 0
  rows: str = ''

  @property
  def line(self) -> str:
    """What the run said last."""
    return self.lines[-1] if self.lines else ''

  @property
  def lost(self) -> int:
    """Frames that were learned from and are learned anew."""
    return 0 if self.start is None else max(0, self.seen - self.start)


def from_json(values: Mapping[str, Any]) -> Observed:
  """Inverse of `dataclasses.asdict`, once JSON has made lists of tuples."""
  plain: dict[str, Any] = {
    k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
  }
  return Observed(**plain)


def _outcome(seen: Observed) -> str:
  if seen.outcome not in seen.allowed:
    return f'{seen.outcome} ({seen.line}), allowed: {", ".join(seen.allowed)}'
  words = seen.allowed[seen.outcome]
  if not re.search(words, seen.line):
    return f"'{seen.line}' does not say '{words}'"
  return ''


def _one_line(seen: Observed) -> str:
  if seen.outcome == '2':
    return f'{len(seen.lines)} lines, not one' if len(seen.lines) != 1 else ''
  ended_by_itself = seen.outcome not in (GOES_ON, HANGS, '-9')
  if ended_by_itself and not seen.line.startswith(_LAST_LINES):
    return f"the last line is '{seen.line}'"
  return ''


def _orphans(seen: Observed) -> str:
  return f'left alive: {"; ".join(seen.orphans)}' if seen.orphans else ''


def _next_start(seen: Observed) -> str:
  return '' if seen.next == CONTINUED else f'next start: {seen.next}'


def _checkpoint(seen: Observed) -> str:
  if seen.start is not None and seen.start < seen.reported:
    return (
      f'went on at {seen.start:,} frames; a checkpoint had {seen.reported:,}'
    )
  return ''


def _metrics(seen: Observed) -> str:
  return seen.rows


def _in_time(seen: Observed) -> str:
  # Damage shows when a start has come to restore the checkpoint, and of two
  # starts one loses when it has come to the lock.
  after_a_start = seen.kind in ('damage', 'two_starts')
  ended = seen.outcome != GOES_ON and not after_a_start
  late = ended and seen.seconds > MOST_SECONDS
  return f'took {seen.seconds:.0f} s' if late else ''


RULES: Mapping[str, Callable[[Observed], str]] = {
  'ends as the table of exit codes says': _outcome,
  'says why in one line': _one_line,
  'leaves no process behind': _orphans,
  'continues': _next_start,
  'loses no checkpoint': _checkpoint,
  'keeps its rows': _metrics,
  'notices in time': _in_time,
}


def broken(seen: Observed) -> dict[str, str]:
  """The rules that were broken, each with how."""
  found = {name: rule(seen) for name, rule in RULES.items()}
  return {name: how for name, how in found.items() if how}

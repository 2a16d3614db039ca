"""A long run of `small`: memory, files and threads of every process."""

import dataclasses
import pathlib
import shutil
import signal
import statistics
import time
from collections.abc import Sequence
from typing import Any

import psutil

from attn_agents.distributed import lifecycle
from tests.chaos import ledger, started

_PERIOD_SECONDS = 60.0
# What is allocated in the first minutes stays: caches, compiled functions.
_SETTLED_MINUTES = 20.0
MOST_GROWTH = 0.03
# Of a soak that proves anything; its last sample is a minute before its end.
_LEAST_MINUTES = 120.0
# At each end, since a checkpoint may be under way and pools of threads breathe.
_SAMPLES = 10


@dataclasses.dataclass(frozen=True)
class Sample:
  """One process at one time.

  Attributes:
    minute: since the start.
    name: of the process, e.g. 'learner-0'.
    pid: its process id.
    anonymous: bytes that are no file's. Those of files are shared with other
      processes, and come and go with them.
    rss: resident set size, bytes.
    files: open file descriptors.
    threads: of the system.
  """

  minute: float
  name: str
  pid: int
  anonymous: int
  rss: int
  files: int
  threads: int


@dataclasses.dataclass(frozen=True)
class Growth:
  """One process at minute 20 and at the end: medians of some samples.

  Attributes:
    name: of the process.
    anonymous, files, threads: (earlier, later).
    minutes: (earlier, later).
    broken: the rules that it breaks, in words; '' if none.
  """

  name: str
  minutes: tuple[float, float]
  anonymous: tuple[float, float]
  files: tuple[float, float]
  threads: tuple[float, float]
  broken: str


def judge(samples: Sequence[Sample]) -> list[Growth]:
  """Compares the first samples after minute 20 with the last.

  A run too short for that is compared with its first samples, which says
  little. A process that is missing at either end breaks a rule.
  """
  last = max(s.minute for s in samples)
  settled = _SETTLED_MINUTES if last > _SETTLED_MINUTES else 0.0
  times = sorted({s.minute for s in samples if s.minute >= settled})
  ends = times[:_SAMPLES], times[-_SAMPLES:]
  return [
    _growth(name, [s for s in samples if s.name == name], ends)
    for name in sorted({s.name for s in samples})
  ]


def _growth(
  name: str,
  samples: Sequence[Sample],
  ends: tuple[Sequence[float], Sequence[float]],
) -> Growth:
  early, late = ([s for s in samples if s.minute in times] for times in ends)
  if not (early and late):
    minutes = min(s.minute for s in samples), max(s.minute for s in samples)
    nothing = (0.0, 0.0)
    return Growth(name, minutes, nothing, nothing, nothing, 'not there always')

  def pair(field: str) -> tuple[float, float]:
    first, second = (
      statistics.median(getattr(s, field) for s in part)
      for part in (early, late)
    )
    return first, second

  memory, files, threads = pair('anonymous'), pair('files'), pair('threads')
  broken = []
  grown = memory[1] / max(memory[0], 1) - 1
  if abs(grown) > MOST_GROWTH:
    broken.append(f'memory {grown:+.1%}')
  for what, (first, second) in (('files', files), ('threads', threads)):
    range_ = [getattr(s, what) for s in early]
    if not min(range_) <= second <= max(range_):
      broken.append(f'{what} {first:g} to {second:g}')
  if len({s.pid for s in samples}) > 1:
    broken.append('was started again')
  return Growth(
    name, (early[0].minute, late[-1].minute), memory, files, threads,
    ', '.join(broken),
  )  # fmt: skip


def run(root: pathlib.Path, minutes: float, *args: str) -> None:
  """Trains for that long, with a sample of every process each minute."""
  logdir = root / 'soak'
  path = root / 'soak.jsonl'
  path.unlink(missing_ok=True)
  shutil.rmtree(logdir, ignore_errors=True)
  # `small` as it is: what compiles fast would be another program.
  training = started.Started(
    logdir, root / 'soak.txt', '--preset=small', *args, env={'XLA_FLAGS': ''}
  )
  start = time.monotonic()
  try:
    while (passed := time.monotonic() - start) <= 60 * minutes:
      if training.code() is not None:
        raise RuntimeError('\n'.join(training.lines()[-5:]))
      for sample in take(training, passed / 60):
        ledger.append(path, dataclasses.asdict(sample))
      time.sleep(_PERIOD_SECONDS - (time.monotonic() - start) % _PERIOD_SECONDS)
  finally:
    started.send(training.process.pid, signal.SIGTERM)
    training.orphans(patience=30.0)
    training.end_all()


def take(training: started.Started, minute: float) -> list[Sample]:
  """A sample of each process of a run."""
  names = {s.pid: s.name for s in lifecycle.read_statuses(training.logdir)}
  samples = []
  for pid, role in training.alive().items():
    try:
      process = psutil.Process(pid)
      anonymous = sum(part.anonymous for part in process.memory_maps())
      samples.append(
        Sample(
          minute=round(minute, 2), name=names.get(pid, role), pid=pid,
          anonymous=anonymous, rss=process.memory_info().rss,
          files=process.num_fds(), threads=process.num_threads(),
        )
      )  # fmt: skip
    except psutil.NoSuchProcess:
      continue
  return samples


def report(root: pathlib.Path) -> tuple[str, bool]:
  """The table, and whether the soak was long enough and broke no rule."""
  lines: list[dict[str, Any]] = ledger.read(root / 'soak.jsonl')
  if not lines:
    return '', True
  grown = judge([Sample(**line) for line in lines])
  heads = 'process,minutes,anonymous memory (MB),files,threads,rule broken'
  table = [tuple(heads.split(','))]
  for each in grown:
    table.append(
      (
        each.name,
        '{:.0f} and {:.0f}'.format(*each.minutes),
        '{:.0f} and {:.0f}'.format(*(x / 1e6 for x in each.anonymous)),
        '{:g} and {:g}'.format(*each.files),
        '{:g} and {:g}'.format(*each.threads),
        each.broken,
      )
    )
  text, good = ledger.rows(table), not any(each.broken for each in grown)
  minutes = max(line['minute'] for line in lines)
  if minutes < _LEAST_MINUTES - _PERIOD_SECONDS / 60:
    text += f'\ntoo short: {minutes:.0f} of {_LEAST_MINUTES:.0f} minutes'
    good = False
  return text, good

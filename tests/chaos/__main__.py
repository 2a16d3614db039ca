"""The command; see the package."""

import dataclasses
import pathlib
import signal
import sys
import time

from absl import flags

from attn_agents.utils import disk
from configs import errors
from launch import command_line, paths
from tests.chaos import (
  faults,
  judging,
  ledger,
  malformed,
  rounds,
  sandbox,
  soak,
  stage,
)

_ROOT = paths.define('root', None, 'Directory for what is seen.')
_HOURS = flags.DEFINE_float('hours', None, 'Random faults for so long.')
_SEED = flags.DEFINE_integer('seed', 0, 'Seed of the faults.')
_KINDS = flags.DEFINE_list(
  'kinds', [], f'Only these faults of {", ".join(faults.MOMENTS)}.'
)
_MALFORMED = flags.DEFINE_bool('malformed', False, 'Malformed inputs.')
_ONLY = flags.DEFINE_string(
  'only', '', 'Only malformed inputs with this in their name.'
)
_SOAK = flags.DEFINE_float('soak', None, 'Trains `small` for so many minutes.')
_TRAINING = flags.DEFINE_multi_string(
  'training', [], 'A flag of the training of --soak, as --game=boxing.'
)
_REPORT = flags.DEFINE_bool(
  'report', False, 'Print what was seen; exit code 1 if a rule was broken.'
)


def main() -> int:
  """Does what the flags say; returns the exit code."""
  if not _ROOT.value:
    raise errors.ConfigError('--root is missing: expected a directory')
  root = pathlib.Path(_ROOT.value).absolute()
  for kind in _KINDS.value:
    if kind not in faults.MOMENTS:
      raise errors.unknown('fault', kind, faults.MOMENTS)
  asked = [_HOURS.value is not None, _MALFORMED.value, _SOAK.value is not None]
  if sum([*asked, _REPORT.value]) != 1:
    raise errors.ConfigError(
      'expected one of --hours=N, --malformed, --soak=MINUTES and --report'
    )
  disk.require_writable('--root', root)
  root.mkdir(parents=True, exist_ok=True)
  # Whatever ends the harness, its runs end, too.
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
  # What nohup ignores its children would ignore, too.
  signal.signal(signal.SIGHUP, signal.SIG_DFL)
  if _HOURS.value is not None:
    _break(root, _HOURS.value)
  elif _MALFORMED.value:
    malformed.run(root, _ONLY.value)
  elif _SOAK.value is not None:
    soak.run(root, _SOAK.value, *_TRAINING.value)
  return _report(root)


def _break(root: pathlib.Path, hours: float) -> None:
  """Rounds, from the first that was not played, until the time is up."""
  sandbox.enter()
  missing = sandbox.missing()
  for kind, reason in missing.items():
    print(f'skipped: {kind}, {reason}')
  deadline = time.monotonic() + 3600 * hours
  stage.prepare(root)
  path = root / 'faults.jsonl'
  stages: dict[tuple[str, str], stage.Stage] = {}
  try:
    while time.monotonic() < deadline:
      number = len(ledger.read(path))
      choice, rng = rounds.choose(
        _SEED.value, number, missing, tuple(_KINDS.value)
      )
      place = choice.runtime, choice.algorithm
      if place not in stages:
        _end(stages)
        stages[place] = stage.Stage(root, choice, number)
      try:
        seen = stages[place].play(number, choice, rng)
      except stage.NotStartedError as error:
        seen = judging.Observed(
          number, *place, choice.kind, 'does not train', choice.moment,
          {}, judging.HANGS, (str(error),),
        )  # fmt: skip
      ledger.append(path, dataclasses.asdict(seen))
      broken = judging.broken(seen)
      print(_in_words(seen, broken), flush=True)
      if broken:
        stages[place].keep(number)
        # What follows must not suffer from it.
        _end(stages)
  finally:
    _end(stages)


def _end(stages: dict[tuple[str, str], stage.Stage]) -> None:
  while stages:
    stages.popitem()[1].end()


def _in_words(seen: judging.Observed, broken: dict[str, str]) -> str:
  what = '; '.join(f'{rule}: {how}' for rule, how in broken.items())
  return (
    f'{time.strftime("%H:%M:%S")} {seen.number:4} {seen.runtime:9} '
    f'{seen.algorithm:10} {seen.moment:8} {seen.kind} {seen.detail}: '
    f'{seen.outcome} after {seen.seconds:.1f} s, {seen.lost} frames lost'
    + (f'  BROKEN {what}' if what else '')
  )


def _report(root: pathlib.Path) -> int:
  """Prints all that was seen below `root`; returns the exit code."""
  good = True
  seen = [judging.from_json(x) for x in ledger.read(root / 'faults.jsonl')]
  if seen:
    print(ledger.summary(seen))
    good &= not any(judging.broken(each) for each in seen)
  for part in (malformed, soak):
    text, fine = part.report(root)
    if text:
      print(f'\n{text}')
    good &= fine
  return 0 if good else 1


if __name__ == '__main__':
  sys.exit(command_line.run(main))

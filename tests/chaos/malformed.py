"""Malformed inputs: one line each, exit code 2, and nothing written.

What could not be seen before it was read in full may end with 1 and its cause.
"""

import dataclasses
import hashlib
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from attn_agents.runs import saved_runs
from tests.chaos import inputs, ledger
from tests.launch import commands

_SECONDS = 90.0
# Of each process: an absurd size that is not refused must not take the machine.
_MOST_BYTES = 8 << 30


@dataclasses.dataclass(frozen=True)
class Answer:
  """What a command made of it.

  Attributes:
    name: of the case.
    code: exit code; None if it did not end.
    stdout, stderr: its lines.
    written: what was added, changed or removed beside the input.
  """

  name: str
  code: int | None
  stdout: tuple[str, ...] = ()
  stderr: tuple[str, ...] = ()
  written: tuple[str, ...] = ()


def broken(answer: Answer) -> str:
  """Which rule an answer breaks, '' if none."""
  said = [*answer.stdout, *answer.stderr]
  if answer.code is None:
    return 'did not end'
  if answer.code not in (1, 2):
    return f'exit code {answer.code}'
  if any(line.startswith('Traceback') for line in said):
    return f'a traceback: {said[-1]}'
  if answer.code == 2 and (answer.stdout or len(answer.stderr) != 1):
    return f'{len(said)} lines: {" / ".join(said)[:300]}'
  if not said:
    return 'says nothing'
  if answer.code == 1 and not said[-1].startswith(('failed:', 'error:')):
    return f'exit code 1 without a cause: {said[-1]}'
  if answer.written:
    return f'wrote {", ".join(answer.written)}'
  return ''


def run(root: pathlib.Path, only: str = '') -> None:
  """Tries every case that was not tried, or was answered wrong."""
  path = root / 'malformed.jsonl'
  answers = {a.name: a for a in _read(path)}
  left = [
    case
    for case in inputs.cases()
    if only in case.name
    and (case.name not in answers or broken(answers[case.name]))
  ]
  if not left:
    return
  whole = root / 'whole'
  if not (whole / 'made').exists():
    _make_whole(whole)
  for case in left:
    answer = ask(case, whole, root / 'inputs' / _file_name(case.name))
    ledger.append(path, dataclasses.asdict(answer))
    print(f'{case.name}: {answer.code}, {broken(answer) or "good"}', flush=True)


def ask(case: inputs.Case, whole: pathlib.Path, here: pathlib.Path) -> Answer:
  """Makes the input of a case, gives it to its command, and looks.

  Args:
    case: which.
    whole: a directory with a whole run, which stays as it is.
    here: a directory for the input, removed again.
  """
  shutil.rmtree(here, ignore_errors=True)
  shutil.copytree(whole / inputs.RUN, here / inputs.RUN)
  case.make(here)
  before = _contents(here)
  places = {'here': str(here), 'run': str(here / inputs.RUN)}
  script, *args = (_placed(text, places) for text in case.command)
  code, stdout, stderr = None, '', ''
  try:
    done = subprocess.run(
      [
        *_limited(), sys.executable, str(commands.LAUNCH / f'{script}.py'),
        *args,
      ],
      capture_output=True, text=True, errors='replace', timeout=_SECONDS,
      check=False, cwd=here,
    )  # fmt: skip
    code, stdout, stderr = done.returncode, done.stdout, done.stderr
  except subprocess.TimeoutExpired:
    pass
  after = _contents(here)
  shutil.rmtree(here)
  changed = {p for p in {*before, *after} if before.get(p) != after.get(p)}
  return Answer(
    case.name,
    code,
    tuple(stdout.strip().splitlines()[-20:]),
    tuple(stderr.strip().splitlines()[-20:]),
    tuple(sorted(changed)),
  )


def _limited() -> list[str]:
  """What a command is started by, so that it gets no more than that memory."""
  return ['prlimit', f'--data={_MOST_BYTES}'] if shutil.which('prlimit') else []


def report(root: pathlib.Path) -> tuple[str, bool]:
  """The table of what was tried, and whether no rule was broken."""
  answers = {a.name: a for a in _read(root / 'malformed.jsonl')}
  if not answers:
    return '', True
  table = [('malformed input', 'exit code', 'it says', 'rule broken')]
  for answer in answers.values():
    said = (*answer.stdout, *answer.stderr)[-1:] or ('',)
    table.append(
      (
        answer.name,
        str(answer.code),
        said[0][:160].replace('|', '/'),
        broken(answer).replace('|', '/'),
      )
    )
  wrong = sum(bool(broken(a)) for a in answers.values())
  text = f'{ledger.rows(table)}\n{len(answers)} inputs, {wrong} answered wrong'
  return text, not wrong


def _make_whole(whole: pathlib.Path) -> None:
  """A run with checkpoints, rows, an evaluation and a recording."""
  shutil.rmtree(whole, ignore_errors=True)
  # Compiles little, and trains nothing.
  from attn_agents.learning import metrics
  from tests.watching import runs

  made = runs.Run(whole / inputs.RUN, agent=inputs.AGENT)
  for step in inputs.STEPS:
    made.save(step)
  writer = metrics.MetricsWriter(made.directory.path, 0)
  for step in inputs.STEPS:
    row = dict.fromkeys(metrics.columns(), 1.0)
    writer.write({**row, 'learner_steps': step, 'frames': 40.0 * step})
  writer.close()
  made.directory.evaluation_curve.write_text(
    'frames,wall_time,return_mean\n120,1,0.5\n480,2,0.6\n'
  )
  for command, *args in (
    ('evaluate', '--run={run}', '--episodes=2'),
    inputs.ANALYZE,
  ):
    done = commands.run(
      command,
      *(_placed(text, {'run': str(whole / inputs.RUN)}) for text in args),
      timeout=600.0,
    )
    if done.returncode:
      raise RuntimeError(f'{command}: {done.stderr}')
  assert saved_runs.steps(made.directory.checkpoints) == list(inputs.STEPS)
  (whole / 'made').touch()


def _placed(text: str, places: Mapping[str, str]) -> str:
  for name, value in places.items():
    text = text.replace(f'{{{name}}}', value)
  return text


def _contents(directory: pathlib.Path) -> dict[str, str]:
  """A digest of every file, and an entry for every directory."""
  return {
    str(path.relative_to(directory)): (
      hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else 'd'
    )
    for path in directory.rglob('*')
  }


def _read(path: pathlib.Path) -> list[Answer]:
  answers = []
  for line in ledger.read(path):
    plain: dict[str, Any] = {
      k: tuple(v) if isinstance(v, list) else v for k, v in line.items()
    }
    answers.append(Answer(**plain))
  return answers


def _file_name(name: str) -> str:
  return ''.join(c if c.isalnum() else '_' for c in name)

"""What was submitted to Slurm, from our own records.

    <records>/<name>-<time>/
      job.sbatch            the script
      job.json              the job's number, and where its runs lie
      <job>.out             what the script and the run wrote
      <job>.events          what the script noted of itself
      <job>.progress        see `slurm_body`

Clusters forget a job minutes after its end unless they keep accounts. Elements
of an array are `<job>_<index>`.
"""

import dataclasses
import json
import pathlib
import re
from collections.abc import Mapping, Sequence

from configs import errors

_SCRIPT = 'job.sbatch'
_CONTENT = 'job.json'
# In the queue, these have ended.
_OVER = (
  'BOOT_FAIL', 'CANCELLED', 'COMPLETED', 'DEADLINE', 'FAILED', 'NODE_FAIL',
  'OUT_OF_MEMORY', 'PREEMPTED', 'TIMEOUT',
)  # fmt: skip
_ENDED = re.compile(r'ended with (?P<code>\d+)(?:, (?P<then>.*))?')


@dataclasses.dataclass(frozen=True)
class Submission:
  """A job that was submitted.

  Attributes:
    path: its records.
    job: its number.
    name: of the job.
    runs: where each of its runs lies, by the name of the job or element.
  """

  path: pathlib.Path
  job: str
  name: str
  runs: Mapping[str, str]

  def output(self, job: str) -> pathlib.Path:
    """The file that has what a job or element wrote."""
    return self.path / f'{job}.out'


@dataclasses.dataclass(frozen=True)
class State:
  """Of a job or element.

  Attributes:
    words: what it does, or how it ended.
    nodes: where it runs; '' if it does not.
    starts: how often it has started.
  """

  words: str
  nodes: str = ''
  starts: int = 0


def new_directory(root: pathlib.Path, name: str, time: str) -> pathlib.Path:
  """A name for the records of a new job, which do not exist yet."""
  path = root / f'{name}-{time}'
  number = 1
  while path.exists():
    number += 1
    path = root / f'{name}-{time}-{number}'
  return path


def write_script(path: pathlib.Path, text: str) -> str:
  """Makes the records of a job with its script, and returns its path."""
  path.mkdir(parents=True)
  script = path / _SCRIPT
  script.write_text(text)
  script.chmod(0o755)
  return str(script)


def forget(path: pathlib.Path) -> None:
  """Removes the records of a job that was not submitted."""
  (path / _SCRIPT).unlink()
  path.rmdir()


def record(
  path: pathlib.Path, job: str, name: str, runs: Sequence[tuple[int, str]] | str
) -> Submission:
  """Notes what was submitted.

  Args:
    path: of the records.
    job: its number.
    name: of the job.
    runs: where the run lies, or of an array each index and where its run lies.
  """
  named = (
    {job: runs}
    if isinstance(runs, str)
    else {f'{job}_{index}': logdir for index, logdir in runs}
  )
  content = {'job': job, 'name': name, 'runs': named}
  (path / _CONTENT).write_text(json.dumps(content, indent=2) + '\n')
  return Submission(path, job, name, named)


def read(root: pathlib.Path) -> list[Submission]:
  """All submissions with records below `root`, the oldest first."""
  found = []
  for path in root.glob(f'*/{_CONTENT}'):
    content = json.loads(path.read_text())
    found.append(
      Submission(path.parent, content['job'], content['name'], content['runs'])
    )
  return sorted(found, key=lambda x: int(x.job))


def find(
  submissions: Sequence[Submission], job: str
) -> tuple[Submission, list[str]]:
  """The submission of a job, and its elements or the one that is named.

  Raises:
    ConfigError: it is not among them, with the nearest.
  """
  for each in submissions:
    if job == each.job:
      return each, list(each.runs)
    if job in each.runs:
      return each, [job]
  known = [each.job for each in submissions]
  number = job.partition('_')[0]
  if number in known:
    runs = list(submissions[known.index(number)].runs)
    raise errors.ConfigError(
      f'--job={job}: job {number} has no such element; expected '
      + (f'{runs[0]} to {runs[-1]}' if len(runs) > 1 else runs[0])
    )
  if not known:
    raise errors.ConfigError(
      f'--job={job}: there are no records of jobs here; expected --records '
      'with the directory that jobs were submitted with'
    )
  raise errors.unknown('job', job, known)


def state(events: Sequence[str], queued: tuple[str, str, str] | None) -> State:
  """What a job or element does.

  Args:
    events: lines that its script noted, without the time.
    queued: state, nodes and reason that the queue has, if it is there.
  """
  starts = sum(line.startswith('started on ') for line in events)
  if queued is not None and queued[0] not in _OVER:
    words, nodes, reason = queued
    words = words.lower()
    if words == 'pending':
      again = 'waits to go on' if starts else 'waits'
      words = f'{again} ({reason})'
    return State(words, nodes, starts)
  last = events[-1] if events else ''
  if last.startswith('failed: '):
    return State(last, starts=starts)
  found = _ENDED.fullmatch(last)
  if found is None and queued is not None:
    return State(queued[0].lower(), starts=starts)
  if found is None:
    return State('cut off' if starts else 'never started', starts=starts)
  if found['code'] == '0':
    return State('done', starts=starts)
  if found['then'] is None:
    return State(f'failed (exit code {found["code"]})', starts=starts)
  if found['then'].startswith('could not'):
    return State(f'stopped, {found["then"]}', starts=starts)
  # Also one that was cancelled while it waited to go on.
  return State('cancelled', starts=starts)


def waits(
  events: Sequence[str],
  job: str,
  queued: Mapping[str, tuple[str, str, str]] | None,
) -> bool:
  """Whether a job or element waits for its start, or to go on.

  Args:
    events: lines that its script noted, without the time.
    job: its name.
    queued: see `slurm_commands.queue`; None if nobody knows.
  """
  if queued is not None:
    return job in queued and queued[job][0] == 'PENDING'
  found = _ENDED.fullmatch(events[-1]) if events else None
  return found is not None and (found['then'] or '').startswith('requeued')


def events(submission: Submission, job: str) -> list[str]:
  """Lines that the script of a job or element noted, without the time."""
  try:
    text = (submission.path / f'{job}.events').read_text()
  except FileNotFoundError:
    return []
  return [line.partition(' ')[2] for line in text.splitlines()]

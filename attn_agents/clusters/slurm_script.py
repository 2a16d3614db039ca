"""A batch script of Slurm for a run, or for an array of runs.

The script starts the run with one task on each node, and requeues itself when
the run was stopped and has saved. What it notes lies in its records, a
directory on a disk that all nodes share: `<job>.events` is for people and for
`slurm_jobs`, `<job>.progress` counts starts without a new checkpoint.
"""

import dataclasses
import pathlib
import re
import shlex
from collections.abc import Iterable

from attn_agents.clusters import slurm_arrays, slurm_body, slurm_values
from configs import errors

MAX_NODES = 32
# A run saves within 20 seconds and its bucket may need as long. Slurm looks at
# its limits every 30 seconds.
_LEAST_SAVE_SECONDS = 60
_SIGNAL = 'B:USR1'
_OWN = re.compile(
  r'--(array|signal|output|error|open-mode|requeue|no-requeue|job-name|nodes'
  r'|ntasks.*|cpus-per-task|gpus-per-node|mem|time|partition|account)(=.*)?'
)
_DIRECTIVE = re.compile(r'--[a-z][a-z-]*(=[^\n\r]+)?')


@dataclasses.dataclass(frozen=True)
class Job:
  """A job to be described.

  Attributes:
    name: of the job.
    command: of the run, without what `Array.arguments` add.
    logdir: of the run, an absolute path or a bucket; '' of an array.
    checkpoints: where on this machine its checkpoints are; '' of an array.
    directory: where it is submitted, and what relative paths start from.
    records: see above.
    time: limit of each start, as Slurm writes it; '' for that of the partition.
    array: the runs, if there are several.
    nodes: learner hosts of each run.
    cpus_per_task: cores of each node, since each has one task.
    gpus_per_node: number of GPUs, as '4' or 'a100:4'; '' for none.
    memory: of each node, as '64G'; '' for what the cluster gives.
    partition, account: '' for the cluster's own.
    directives: further ones, as '--constraint=a100'.
    save_seconds: how long before the time limit a run is told to save.
    most_idle: starts in a row without a new checkpoint that end the job.
    look_seconds: between two looks whether a node is drained.
    afterwards: what is run once the run is done, as `command`; of an array,
      --run is added.
  """

  name: str
  command: tuple[str, ...]
  logdir: str
  checkpoints: str
  directory: pathlib.Path
  records: pathlib.Path
  time: str = ''
  array: slurm_arrays.Array | None = None
  nodes: int = 1
  cpus_per_task: int = 8
  gpus_per_node: str = ''
  memory: str = ''
  partition: str = ''
  account: str = ''
  directives: tuple[str, ...] = ()
  save_seconds: int = 120
  most_idle: int = 5
  look_seconds: int = 120
  afterwards: tuple[str, ...] = ()

  def __post_init__(self) -> None:
    slurm_values.check_name('--job_name', self.name)
    for flag, number, most in (
      ('--nodes', self.nodes, MAX_NODES),
      ('--cpus_per_task', self.cpus_per_task, 4096),
      ('--max_idle_starts', self.most_idle, 1000),
    ):
      errors.require(1 <= number <= most, flag, number, f'1 to {most}')
    for flag, value, check in (
      ('--gpus_per_node', self.gpus_per_node, slurm_values.check_gpus),
      ('--mem', self.memory, slurm_values.check_memory),
      ('--partition', self.partition, slurm_values.check_name),
      ('--account', self.account, slurm_values.check_name),
    ):
      if value:
        check(flag, value)
    self._check_times()
    for text in self.directives:
      _check_directive(text)
    # sbatch puts numbers of jobs in place of %.
    errors.require(
      not re.search(r'[%\\\n]', str(self.records)),
      '--records',
      self.records,
      'a directory without % and \\ in its path',
    )
    if self.array is not None:
      self.array.chosen  # noqa: B018 - raises

  def _check_times(self) -> None:
    limit = slurm_values.seconds('--time', self.time) if self.time else None
    most = 65_535 if limit is None else limit - 1
    if limit is not None and limit <= _LEAST_SAVE_SECONDS:
      raise errors.ConfigError(
        f'--time={self.time}: a run needs {_LEAST_SAVE_SECONDS} seconds to '
        'save before it; expected at least 2 (minutes)'
      )
    errors.require(
      _LEAST_SAVE_SECONDS <= self.save_seconds <= most,
      '--save_seconds',
      self.save_seconds,
      f'{_LEAST_SAVE_SECONDS} to {most}'
      + (f', less than --time={self.time}' if self.time else ''),
    )

  @property
  def runs(self) -> str | list[tuple[int, str]]:
    """Where the run lies, or each element's index and where its run lies."""
    if self.array is None:
      return self.logdir
    return [(i, str(self.array.logdir(i))) for i in self.array.chosen]

  @property
  def output(self) -> str:
    """Name of the file that has what the job says, as sbatch writes it."""
    return f'{self.records}/{"%A_%a" if self.array else "%j"}.out'


def _check_directive(text: str) -> None:
  if not _DIRECTIVE.fullmatch(text):
    near = text.replace('\n', ' ').strip().lstrip('-')
    raise errors.ConfigError(
      f'--directive={text!r}: expected an option of sbatch, as '
      '--directive=--constraint=a100'
      + (f'; the nearest is --directive=--{near}' if near else '')
    )
  if _OWN.fullmatch(text):
    name = text.partition('=')[0]
    raise errors.ConfigError(
      f'--directive={text}: the script sets {name} itself; expected another '
      'option of sbatch'
    )


def write(job: Job) -> str:
  """The whole script."""
  return '\n'.join([*_head(job), '', *_run(job), '', slurm_body.TEXT])


def _head(job: Job) -> list[str]:
  directives = {
    'job-name': job.name,
    'nodes': job.nodes,
    'ntasks-per-node': 1,
    'cpus-per-task': job.cpus_per_task,
    'gpus-per-node': job.gpus_per_node,
    'mem': job.memory,
    'time': job.time,
    'partition': job.partition,
    'account': job.account,
    'array': job.array.directive if job.array else '',
    'signal': f'{_SIGNAL}@{job.save_seconds}',
    'output': shlex.quote(job.output),
    'open-mode': 'append',
  }
  return [
    '#!/bin/bash',
    '# Written by launch/slurm.py; `sbatch` takes it as it is.',
    *(f'#SBATCH --{name}={x}' for name, x in directives.items() if x),
    '#SBATCH --requeue',
    *(f'#SBATCH {text}' for text in job.directives),
  ]


def _run(job: Job) -> list[str]:
  """What differs between runs: where each lies, and its command."""
  lines = [
    f'cd {shlex.quote(str(job.directory))} || exit 1',
    f'records={shlex.quote(str(job.records))}',
    f'most_idle={job.most_idle}  # starts in a row without a new checkpoint',
    f'look_seconds={job.look_seconds}  # until the next look for drained nodes',
  ]
  if job.array is None:
    return [
      *lines,
      'job=$SLURM_JOB_ID',
      f'checkpoints={shlex.quote(job.checkpoints)}',
      *_bash_array('command', map(shlex.quote, job.command)),
      *_bash_array('afterwards', map(shlex.quote, job.afterwards)),
    ]
  afterwards = map(shlex.quote, job.afterwards)
  return [
    *lines,
    'job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID',
    '',
    '# Which of the runs this element is.',
    *job.array.variables(),
    'checkpoints=$logdir/checkpoints',
    *_bash_array(
      'command', [*map(shlex.quote, job.command), *job.array.arguments()]
    ),
    *_bash_array(
      'afterwards',
      [*afterwards, '--run="$logdir"'] if job.afterwards else [],
    ),
  ]


def _bash_array(name: str, words: Iterable[str]) -> list[str]:
  lines = [f'  {word}' for word in words]
  return [f'{name}=(', *lines, ')'] if lines else [f'{name}=()']

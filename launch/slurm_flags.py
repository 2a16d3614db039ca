"""Flags of jobs of Slurm, and the job that they describe.

Importing this module defines them.
"""

import dataclasses
import datetime
import pathlib
import re

from absl import flags

from attn_agents.clusters import (
  slurm_arrays,
  slurm_commands,
  slurm_jobs,
  slurm_script,
)
from attn_agents.utils import disk, output
from configs import errors
from launch import command_line, paths

_CPUS = flags.DEFINE_integer('cpus_per_task', 8, 'Cores of each node.')
_GPUS = flags.DEFINE_string(
  'gpus_per_node', '', 'GPUs of each node, as 4 or a100:4; none if unset.'
)
_MEMORY = flags.DEFINE_string(
  'mem', '', "Memory of each node, as 64G. If unset: the cluster's default."
)
_TIME = flags.DEFINE_string(
  'time',
  '',
  'Time limit of each start, as 24:00:00. A run goes on after it. If unset: '
  "the partition's.",
)
_PARTITION = flags.DEFINE_string(
  'partition', '', "If unset: the cluster's default."
)
_ACCOUNT = flags.DEFINE_string('account', '', 'Whom it is charged to.')
_DIRECTIVES = flags.DEFINE_multi_string(
  'directive', [], 'Another option of sbatch, as --constraint=a100.'
)
_JOB_NAME = flags.DEFINE_string(
  'job_name', '', 'If unset: attn-agents-<agent>-<game>.'
)
_SAVE_SECONDS = flags.DEFINE_integer(
  'save_seconds', 120, 'How long before its time limit a run saves and ends.'
)
_IDLE_STARTS = flags.DEFINE_integer(
  'max_idle_starts',
  5,
  'A job that starts so often in a row without a new checkpoint fails.',
)
_RECORDS = paths.define(
  'records', 'runs/slurm', 'Directory for scripts, records and output of jobs.'
)
# As Slurm writes them.
for _name in ('cpus_per_task', 'gpus_per_node', 'job_name'):
  flags.DEFINE_alias(_name.replace('_', '-'), _name)


@dataclasses.dataclass(frozen=True)
class Runs:
  """What a job is to run; see `slurm_script.Job`.

  Attributes:
    name: for the job.
    command: of the run.
    logdir, checkpoints: of it, '' if there are several.
    array: the runs, if there are several.
    afterwards: what is run when one is done.
  """

  name: str
  command: tuple[str, ...]
  logdir: str = ''
  checkpoints: str = ''
  array: slurm_arrays.Array | None = None
  afterwards: tuple[str, ...] = ()


def present() -> list[str]:
  """Names of these flags that were given."""
  known = flags.FLAGS.get_flags_for_module(__name__)
  return [flag.name for flag in known if flag.present]


def refuse() -> None:
  """Raises ConfigError if there are flags of jobs without a job."""
  for name in present():
    raise errors.ConfigError(
      f'--{name} with --backend=local; expected --backend=slurm'
    )


def records() -> pathlib.Path:
  """The directory of all records."""
  return pathlib.Path(_RECORDS.value).absolute()


def name_of_array(kind: str, root: pathlib.Path) -> str:
  """The name of a job array whose runs are in a directory."""
  return f'{kind}-' + re.sub(r'[^\w.-]+', '-', root.name)


def submit_array(runs: Runs, dry_run: bool) -> int:
  """As `submit`; returns the exit code, and says why Slurm does not answer."""
  try:
    submit(runs, dry_run=dry_run)
  except slurm_commands.SlurmError as error:
    output.say(f'failed: {error}')
    return command_line.FAILED
  return 0


def submit(runs: Runs, nodes: int = 1, dry_run: bool = False) -> None:
  """Submits a job for these runs, or prints its script.

  Args:
    runs: what it runs.
    nodes: learner hosts of each run.
    dry_run: whether to print the script only.

  Raises:
    ConfigError: a flag is wrong, or Slurm refuses the job.
    SlurmError: Slurm does not answer.
  """
  name = _JOB_NAME.value or runs.name
  time = datetime.datetime.now(datetime.timezone.utc).strftime('%Y%m%d-%H%M%S')
  job = slurm_script.Job(
    name=name,
    command=runs.command,
    logdir=runs.logdir,
    checkpoints=runs.checkpoints,
    directory=pathlib.Path.cwd(),
    records=slurm_jobs.new_directory(records(), name, time),
    time=_TIME.value,
    array=runs.array,
    nodes=nodes,
    cpus_per_task=_CPUS.value,
    gpus_per_node=_GPUS.value,
    memory=_MEMORY.value,
    partition=_PARTITION.value,
    account=_ACCOUNT.value,
    directives=tuple(_DIRECTIVES.value),
    save_seconds=_SAVE_SECONDS.value,
    most_idle=_IDLE_STARTS.value,
    afterwards=runs.afterwards,
  )
  script = slurm_script.write(job)
  if dry_run:
    output.say(script.rstrip())
    return
  slurm_commands.require_installed()
  slurm_commands.check_partition(_PARTITION.value)
  disk.require_writable('--records', str(records()))
  path = slurm_jobs.write_script(job.records, script)
  try:
    number = slurm_commands.submit(path)
  except (errors.ConfigError, slurm_commands.SlurmError):
    slurm_jobs.forget(job.records)
    raise
  done = slurm_jobs.record(job.records, number, name, job.runs)
  output.say(f'submitted job {number}: {len(done.runs)} run(s), {path}')
  output.say(f'status    launch/slurm.py --status --job={number}')

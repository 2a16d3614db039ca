"""What `launch/slurm.py` says of jobs that were submitted."""

import pathlib

from attn_agents.clusters import slurm_commands, slurm_jobs
from attn_agents.runs import run_directory
from attn_agents.utils import metrics_table, output, text_table
from configs import errors

# Of an output that is shown.
_LAST_LINES = 40
_COLUMNS = ('job', 'state', 'nodes', 'starts', 'frames', 'where')


def status(records: pathlib.Path, job: str) -> int:
  """Prints a line for each run; returns the exit code.

  Args:
    records: the directory of all records.
    job: or an element of an array; '' for all.
  """
  submissions = slurm_jobs.read(records)
  if not submissions and not job:
    output.say(f'no jobs were submitted with records in {records}')
    return 0
  chosen = [(each, list(each.runs)) for each in submissions]
  if job:
    chosen = [slurm_jobs.find(submissions, job)]
  queued = slurm_commands.queue()
  rows = [_COLUMNS]
  for submission, names in chosen:
    for name in names:
      found = slurm_jobs.state(
        slurm_jobs.events(submission, name), queued.get(name)
      )
      logdir = submission.runs[name]
      rows.append(
        (
          name, found.words, found.nodes or '-', str(found.starts),
          _frames(logdir), logdir,
        )
      )  # fmt: skip
  for line in text_table.lines(rows):
    output.say(line)
  return 0


def logs(records: pathlib.Path, job: str) -> int:
  """Prints the end of what a job wrote; of an array, the last lines."""
  submission, names = slurm_jobs.find(slurm_jobs.read(records), _named(job))
  for name in names:
    path = submission.output(name)
    if not path.exists():
      output.say(f'{path}: nothing yet')
      continue
    lines = path.read_text(errors='replace').splitlines()
    if len(names) > 1:
      output.say(f'{path}: {lines[-1] if lines else ""}')
      continue
    output.say(
      f'# {path}; logs of processes are in {submission.runs[name]}/logs'
    )
    for line in lines[-_LAST_LINES:]:
      output.say(line)
  return 0


def cancel(records: pathlib.Path, job: str) -> int:
  """Cancels a job or an element; it saves, and stays cancelled."""
  slurm_jobs.find(slurm_jobs.read(records), _named(job))
  slurm_commands.cancel(job)
  output.say(f'cancelled {job}; what runs saves and ends')
  return 0


def _named(job: str) -> str:
  if not job:
    raise errors.ConfigError(
      '--job is not set; expected the number of a job, as --status shows it'
    )
  return job


def _frames(logdir: str) -> str:
  """Emulator frames of training; '-' where this machine does not know them."""
  row = metrics_table.last(run_directory.RunDirectory(logdir).metrics)
  return f'{int(row["frames"])}' if row else '-'

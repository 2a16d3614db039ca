"""What `launch/runs.py` says of a run, from what lies in its directory."""

import dataclasses
import json
import math
import pathlib
import time
from collections.abc import Mapping

from attn_agents.clusters import slurm_commands, slurm_jobs
from attn_agents.distributed import lifecycle
from attn_agents.population import history as history_lib
from attn_agents.runs import run_directory, saved_runs
from attn_agents.utils import metrics_table
from configs import errors

STATES = (
  *('running', 'queued', 'waiting', 'done', 'stopped', 'failed', 'cut off'),
  'damaged',
)
# A run writes metrics.csv every few seconds, and a shared disk may be late.
_ALIVE_SECONDS = 120.0
_UNKNOWN = '-'


@dataclasses.dataclass(frozen=True)
class Listed:
  """A run, in words.

  Attributes:
    game, agent: of its config.
    frames: emulator frames of training.
    score: mean of an evaluation, or of training.
    state: one of `STATES`.
    detail: why it failed, or what it waits for.
    where: the host of its last start, and its job of Slurm.
  """

  game: str = _UNKNOWN
  agent: str = _UNKNOWN
  frames: str = _UNKNOWN
  score: str = _UNKNOWN
  state: str = 'damaged'
  detail: str = ''
  where: str = _UNKNOWN


@dataclasses.dataclass(frozen=True)
class Job:
  """The newest job of Slurm of a run.

  Attributes:
    name: its number, of an array `<job>_<index>`.
    waits: whether it is in the queue, to start or to go on.
  """

  name: str
  waits: bool


def jobs(records: pathlib.Path) -> dict[str, Job]:
  """The newest job of Slurm of each run, by the run's directory.

  Where Slurm does not answer, its script's last note says whether it waits.
  """
  submissions = slurm_jobs.read(records)
  if not submissions:
    return {}
  try:
    queued = slurm_commands.queue()
  except slurm_commands.SlurmError:
    queued = None
  return {
    logdir: Job(
      job, slurm_jobs.waits(slurm_jobs.events(each, job), job, queued)
    )
    for each in submissions
    for job, logdir in each.runs.items()
  }


def read(path: pathlib.Path, jobs_of: Mapping[str, Job]) -> Listed:
  """A run; a damaged one says what is wrong.

  Args:
    path: its directory.
    jobs_of: see `jobs`.
  """
  run = run_directory.RunDirectory(path)
  try:
    content = run.content()
    row = metrics_table.last(run.metrics)
    config = content['config']
    job = jobs_of.get(str(path.absolute()))
    state, detail = _state(run, row, int(config['max_frames']))
    if state == 'done' and _is_between_generations(run):
      state, detail = 'waiting', 'for its next generation'
    if job and job.waits and state != 'done' and not run.is_locked():
      state, detail = 'queued', ''
    where = [content['hardware']['hostname']]
    if job:
      where.append(f'job {job.name}')
    return Listed(
      config['environment']['game'],
      config['agent'],
      f'{int(row["frames"]):,}' if row else '0',
      _score(run, row),
      state,
      detail,
      ', '.join(where),
    )
  except errors.ConfigError as error:
    return Listed(detail=str(error))
  except (KeyError, TypeError, ValueError) as error:
    return Listed(detail=f'config.json: {type(error).__name__}: {error}')


def _state(
  run: run_directory.RunDirectory, row: metrics_table.Row | None, most: int
) -> tuple[str, str]:
  """Its state, and why it failed."""
  if run.is_locked():
    return 'running', ''
  statuses = lifecycle.read_statuses(run.path)
  learner = next((s for s in statuses if s.role == 'learner'), None)
  if learner is not None and learner.state in ('done', 'failed'):
    return learner.state, learner.detail if learner.state == 'failed' else ''
  if row and 0 < most <= row['frames']:
    return 'done', ''
  if learner is not None and learner.state == 'stopped':
    return 'stopped', ''
  # Another host's lock may not be seen on a shared disk.
  alive = run.metrics.exists() and (
    time.time() - run.metrics.stat().st_mtime < _ALIVE_SECONDS
  )
  return ('running', '') if alive else ('cut off', '')


def _is_between_generations(run: run_directory.RunDirectory) -> bool:
  """Whether it is of a population, and is not at the population's end."""
  history = history_lib.History(run.path.parent)
  return history.exists() and not saved_runs.is_trained(
    run, history.population().max_frames
  )


def _score(
  run: run_directory.RunDirectory, row: metrics_table.Row | None
) -> str:
  newest: tuple[float, float] | None = None
  for path in run.evaluations.glob('*/summary.json'):
    try:
      summary = json.loads(path.read_text())
      found = (float(summary['frames']), float(summary['mean']))
    except (ValueError, KeyError, TypeError) as error:
      raise errors.ConfigError(
        f'{path} is damaged ({type(error).__name__}: {error})'
      ) from error
    newest = max(newest or found, found)
  if newest is not None:
    return f'{newest[1]:.4g}'
  mean = row.get('episode_return_mean', math.nan) if row else math.nan
  return _UNKNOWN if math.isnan(mean) else f'{mean:.4g} (training)'

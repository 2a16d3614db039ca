"""Where the members of a population are on disk, and how far each is.

    <root>/
      member_00/            an ordinary run
      donors/00/<n>/        its checkpoint at the end of generation n, for those
                            that copy it

All that is known of a member follows from its files and the history, so that
any process may be killed and started again.
"""

import math
import os
import pathlib
import shutil

from attn_agents.evaluation import scores
from attn_agents.learning import game_columns
from attn_agents.population import decisions
from attn_agents.runs import run_directory, saved_runs
from attn_agents.utils import metrics_table
from configs import games


def run_of(root: pathlib.Path, member: int) -> run_directory.RunDirectory:
  """The run of a member."""
  return run_directory.RunDirectory(root / name_of(member))


def name_of(member: int) -> str:
  """The name of a member's directory."""
  return f'member_{member:02}'


def frames_of(run: run_directory.RunDirectory) -> int:
  """Emulator frames of a run so far, from metrics.csv."""
  row = metrics_table.last(run.metrics)
  return int(row['frames']) if row else 0


def step_of(run: run_directory.RunDirectory) -> int:
  """Learner step of a run's newest checkpoint, 0 if there is none."""
  return max(saved_runs.steps(run.checkpoints), default=0)


def fitness_of(run: run_directory.RunDirectory, game: str) -> float:
  """The mean of a run's last games, NaN before the first has ended.

  Human-normalised and capped at 1, as S3TA's appendix A.2 has it, of several
  games the mean; the plain return where no game has a human score.

  Args:
    run: of a member.
    game: that it plays, or names of several.
  """
  row = metrics_table.last(run.metrics) or {}
  names = games.members(game)
  if len(names) > 1 and any(map(scores.has_references, names)):
    return row.get(game_columns.CAPPED, math.nan)
  value = row.get('episode_return_mean', math.nan)
  if math.isnan(value) or not scores.has_references(game):
    return value
  return scores.mean_capped({game: value})


def pending(
  root: pathlib.Path, record: decisions.Record, member: int
) -> decisions.Entry | None:
  """A member's last decision, if its run does not have it yet.

  Applying one makes a checkpoint of a later learner step.
  """
  last = record.last(member)
  if last and step_of(run_of(root, member)) <= last.step:
    return last
  return None


def donor_directory(
  root: pathlib.Path, member: int, generation: int
) -> pathlib.Path:
  """Where the checkpoint is that a member had at the end of a generation."""
  return root / 'donors' / f'{member:02}' / str(generation)


def donate(root: pathlib.Path, member: int, generation: int) -> None:
  """Keeps a member's newest checkpoint for those that copy it.

  Args:
    root: of the population.
    member: whose run has ended for now.
    generation: that has ended.
  """
  place = donor_directory(root, member, generation)
  if place.exists():
    return
  run = run_of(root, member)
  step = str(step_of(run))
  partial = place.with_name(f'{generation}.partial')
  shutil.rmtree(partial, ignore_errors=True)
  shutil.copytree(
    run.checkpoints / step, partial / step, copy_function=_link_or_copy
  )
  os.replace(partial, place)


def discard_donors(
  root: pathlib.Path, record: decisions.Record, size: int
) -> None:
  """Removes donated checkpoints that nobody will copy any more.

  Args:
    root: of the population.
    record: its history.
    size: number of its members.
  """
  waiting = [pending(root, record, member) for member in range(size)]
  needed = {(x.parent, x.parent_generation) for x in waiting if x}
  for member in range(size):
    newest = record.generation(member) - 1
    for place in (root / 'donors' / f'{member:02}').glob('[0-9]*'):
      if not place.name.isdigit():
        continue
      generation = int(place.name)
      if generation < newest and (member, generation) not in needed:
        shutil.rmtree(place, ignore_errors=True)


def _link_or_copy(source: str, target: str) -> None:
  # Orbax never writes to a file of a finished checkpoint again.
  try:
    os.link(source, target)
  except OSError:
    shutil.copy2(source, target)

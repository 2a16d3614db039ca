"""A suite of runs as a job array of Slurm."""

import pathlib
import sys
from collections.abc import Sequence

from attn_agents.clusters import slurm_arrays, slurm_values
from launch import slurm_flags, suite

_LAUNCH = pathlib.Path(__file__).parent


def runs(
  planned: Sequence[suite.Run], at_a_time: int | None
) -> slurm_flags.Runs:
  """What an array runs: the runs of a suite that are not done.

  Args:
    planned: the whole suite, in the order of `suite.plan`; at least one run is
      not done.
    at_a_time: how many run at a time; None for the default.
  """
  first = planned[0]
  left = [i for i, run in enumerate(planned) if run.left()]
  most = f'%{at_a_time}' if at_a_time else ''
  array = slurm_arrays.Runs(
    agents=tuple(dict.fromkeys(run.agent for run in planned)),
    games=tuple(dict.fromkeys(run.game for run in planned)),
    seeds=tuple(dict.fromkeys(run.seed for run in planned)),
    root=first.logdir.parent,
    which=f'{slurm_values.ranges(left)}{most}',
  )
  afterwards: tuple[str, ...] = ()
  if first.episodes:
    afterwards = (
      sys.executable,
      f'{_LAUNCH}/evaluate.py',
      f'--episodes={first.episodes}',
      f'--max_episode_frames={first.max_episode_frames}',
    )
  return slurm_flags.Runs(
    name=slurm_flags.name_of_array('suite', first.logdir.parent),
    command=(
      sys.executable,
      f'{_LAUNCH}/run_local.py',
      f'--max_frames={first.max_frames}',
      *([f'--max_hours={first.max_hours}'] if first.max_hours else []),
      *first.arguments,
    ),
    array=array,
    afterwards=afterwards,
  )

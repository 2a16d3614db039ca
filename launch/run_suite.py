#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
"""Trains several agents on several games with several seeds.

    launch/run_suite.py --agents=s3ta,impala_ff --games=pong,boxing --seeds=3 \
        --max_frames=2000000 --root=runs/compare

The same command again continues where it was stopped and skips finished runs.
`launch/report_scores.py` makes tables and figures of the runs. Exit codes: 0
all done, or stopped by Ctrl-C; 75 stopped by the machine, to be continued; 1
some runs failed; 2 bad input. With --backend=slurm it submits them as a job
array and ends.
"""

import pathlib
import shlex
import sys

from absl import flags

from attn_agents.evaluation import protocols
from attn_agents.utils import disk, output
from configs import (
  agents,
  errors,
  games,
  overrides,
  ranges,
  resolution,
  validation,
)
from launch import (
  command_line,
  paths,
  slurm_flags,
  slurm_suite,
  suite,
  suite_worker,
)

_AGENTS = flags.DEFINE_list('agents', ['s3ta'], 'Agents to train.')
_GAMES = flags.DEFINE_string(
  'games',
  'sweep6',
  f'Games or sets of games ({", ".join(games.GAME_SETS)}), comma-separated.',
)
_SEEDS = flags.DEFINE_integer(
  'seeds',
  3,
  'Number of seeds (0, 1, ...) of each agent and game. A suite has at most '
  f'{suite.MAX_RUNS} runs.',
)
_MAX_FRAMES = flags.DEFINE_integer(
  'max_frames', None, 'Emulator frames of each run.'
)
_MAX_HOURS = flags.DEFINE_float(
  'max_hours', None, 'Hours after which a run is done, too; see run_local.py.'
)
_EPISODES = flags.DEFINE_integer(
  'episodes', 200, 'Games to evaluate each run with at its end; 0 for none.'
)
_MAX_EPISODE_FRAMES = flags.DEFINE_integer(
  'max_episode_frames',
  protocols.MAX_EPISODE_FRAMES,
  'Emulator frames after which a game of these evaluations is cut.',
)
_ROOT = paths.define('root', 'runs/suite', 'Directory for the runs.')
_JOBS = flags.DEFINE_integer('jobs', 1, 'Number of runs at a time.')
_PRESET = flags.DEFINE_string('preset', 'auto', 'See run_local.py.')
_ALGORITHM = flags.DEFINE_string('algorithm', 'auto', 'See run_local.py.')
_RUNTIME = flags.DEFINE_string('runtime', 'auto', 'See run_local.py.')
_SET = flags.DEFINE_multi_string('set', [], 'See run_local.py.')
_BACKEND = flags.DEFINE_string(
  'backend',
  'local',
  'local: the runs are processes of this machine. slurm: they are a job array, '
  'with the flags of launch/slurm.py.',
)
_DRY_RUN = flags.DEFINE_bool(
  'dry_run',
  False,
  'Print the remaining commands, or the batch script, and run nothing.',
)


def main() -> int:
  """Plans and runs the suite; returns the exit code."""
  for flag, least in ((_SEEDS, 1), (_EPISODES, 0), (_JOBS, 1)):
    errors.require(
      flag.value >= least, f'--{flag.name}', flag.value, f'at least {least}'
    )
  if not _MAX_FRAMES.value or _MAX_FRAMES.value < 0:
    raise errors.ConfigError(
      f'--max_frames={_MAX_FRAMES.value}: expected the frames of each run, at '
      'least 1'
    )
  errors.choice('--backend', _BACKEND.value, ('local', 'slurm'))
  if _BACKEND.value == 'local':
    slurm_flags.refuse()
  validation.check_cap('--max_episode_frames', _MAX_EPISODE_FRAMES.value, 1)
  errors.require(
    bool(_AGENTS.value), '--agents', '', 'names of agents, comma-separated'
  )
  disk.require_writable('--root', _ROOT.value)
  for agent in _AGENTS.value:
    resolution.check_names(
      resolution.Request(
        agent=agent,
        preset=_PRESET.value,
        algorithm=_ALGORITHM.value,
        runtime=_RUNTIME.value,
      )
    )
  runs = suite.plan(
    _AGENTS.value,
    _GAMES.value,
    _SEEDS.value,
    pathlib.Path(_ROOT.value).absolute(),
    _MAX_FRAMES.value,
    [
      f'--preset={_PRESET.value}',
      f'--algorithm={_ALGORITHM.value}',
      f'--runtime={_RUNTIME.value}',
      *(f'--set={text}' for text in _SET.value),
    ],
    _EPISODES.value,
    _MAX_EPISODE_FRAMES.value,
    _max_hours(),
  )
  suite.require_readable(runs)
  if _BACKEND.value == 'slurm':
    return _submit(runs)
  suite.require_any_valid(
    {run.logdir: _request(run) for run in runs if not run.trained},
    _MAX_EPISODE_FRAMES.value,
    {run.logdir: _request(run) for run in runs if run.exists},
  )
  if _DRY_RUN.value:
    for run in runs:
      for command in run.left():
        output.say(shlex.join(command))
    return 0
  worker = suite_worker.Worker(_JOBS.value, output.say)
  outcome = worker.run(runs)
  for name, line in outcome.failed.items():
    output.say(f'{name}: failed with {line}')
  if outcome.failed:
    output.say(f'{len(outcome.failed)} of {len(runs)} failed')
  if worker.stop_signal:
    output.say('stopped; the same command goes on')
  elif outcome.unfinished:
    output.say(
      f'{len(outcome.unfinished)} of {len(runs)} were stopped '
      f'({", ".join(outcome.unfinished)}); the same command goes on with them'
    )
  elif not outcome.failed:
    output.say(f'all {len(runs)} done')
  return worker.exit_code(outcome)


def _max_hours() -> float:
  """By the flag, or by --set, which counts more.

  Raises:
    ConfigError: it is no number, or out of range.
  """
  asked = [x for x in _SET.value if x.partition('=')[0].strip() == 'max_hours']
  if _MAX_HOURS.value is not None:
    asked.insert(0, f'max_hours={_MAX_HOURS.value}')
  config = overrides.apply(agents.make(_AGENTS.value[0], 'small'), asked)
  ranges.check(config)
  return config.max_hours


def _submit(runs: list[suite.Run]) -> int:
  """Submits what is left as a job array; returns the exit code."""
  if not any(run.left() for run in runs):
    output.say(f'all {len(runs)} done')
    return 0
  at_a_time = _JOBS.value if flags.FLAGS['jobs'].present else None
  return slurm_flags.submit_array(
    slurm_suite.runs(runs, at_a_time), _DRY_RUN.value
  )


def _request(run: suite.Run) -> resolution.Request:
  return resolution.Request(
    agent=run.agent,
    game=run.game,
    preset=_PRESET.value,
    algorithm=_ALGORITHM.value,
    runtime=_RUNTIME.value,
    seed=run.seed,
    max_frames=run.max_frames,
    max_hours=_MAX_HOURS.value,
    settings=_SET.value,
  )


if __name__ == '__main__':
  sys.exit(command_line.run(main))

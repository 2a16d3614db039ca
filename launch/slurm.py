#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
r"""Trains as a batch job of Slurm, or as an array of them.

    launch/slurm.py --game=pong --logdir=runs/pong --time=24:00:00 \
        --gpus_per_node=1 --cpus_per_task=16 --dry_run

prints the script; without --dry_run it is submitted. --games, --agents and
--seeds make a job array. All flags of launch/run_local.py are those of the run.
--status, --logs and --cancel speak of what was submitted. Exit codes: 0 done; 1
Slurm does not answer; 2 bad input.
"""

import sys

from absl import flags

from attn_agents.clusters import slurm_arrays, slurm_commands
from attn_agents.utils import output
from configs import errors
from launch import command_line, paths, slurm_flags, slurm_queries, slurm_runs

_NODES = flags.DEFINE_integer(
  'nodes', 1, 'Learner hosts of each run; more than one run together.'
)
_AGENTS = flags.DEFINE_list('agents', [], 'Agents of an array; see --games.')
_GAMES = flags.DEFINE_string(
  'games',
  '',
  'Games or sets of games of an array, comma-separated. Each agent plays each '
  'game with each seed, in a directory below --root.',
)
_SEEDS = flags.DEFINE_integer(
  'seeds', None, 'Number of seeds (0, 1, ...) of each agent and game.'
)
_ROOT = paths.define(
  'root', '', "Directory for an array's runs. If unset: runs/suite."
)
_ARRAY = flags.DEFINE_string(
  'array',
  '',
  'Of several runs: which of them, and how many at a time, as 0-9%4 or %4. If '
  f'unset: all, {slurm_arrays.AT_A_TIME} at a time.',
)
_DRY_RUN = flags.DEFINE_bool('dry_run', False, 'Print the script only.')
_STATUS = flags.DEFINE_bool(
  'status', False, 'Say what submitted jobs do, or that of --job.'
)
_LOGS = flags.DEFINE_bool('logs', False, 'Show the end of what --job wrote.')
_CANCEL = flags.DEFINE_bool('cancel', False, 'Cancel --job.')
_JOB = flags.DEFINE_string(
  'job', '', 'Number of a job, or of an element of an array, as 12_3.'
)


def main() -> int:
  """Submits a job, or answers about those there are; returns the exit code."""
  records = slurm_flags.records()
  asked = [f for f in (_STATUS, _LOGS, _CANCEL, _DRY_RUN) if f.value]
  if len(asked) > 1:
    raise errors.ConfigError(
      f'{" and ".join(f"--{f.name}" for f in asked)}: expected one of them'
    )
  try:
    if _STATUS.value:
      return slurm_queries.status(records, _JOB.value)
    if _LOGS.value:
      return slurm_queries.logs(records, _JOB.value)
    if _CANCEL.value:
      return slurm_queries.cancel(records, _JOB.value)
    if _JOB.value:
      raise errors.ConfigError(
        f'--job={_JOB.value}: expected --status, --logs or --cancel with it'
      )
    return _submit()
  except slurm_commands.SlurmError as error:
    output.say(f'failed: {error}')
    return command_line.FAILED


def _submit() -> int:
  several = slurm_runs.Several(
    tuple(_AGENTS.value),
    _GAMES.value,
    _SEEDS.value,
    _ROOT.value,
    _ARRAY.value,
  )
  runs = slurm_runs.given(_NODES.value, several)
  slurm_flags.submit(runs, _NODES.value, _DRY_RUN.value)
  return 0


if __name__ == '__main__':
  sys.exit(command_line.run(main))

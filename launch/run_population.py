#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
"""Trains several runs of one agent whose hyperparameters evolve.

    launch/run_population.py --size=16 --agent=s3ta --game=pong \
        --interval_frames=4000000 --burn_in_frames=20000000 \
        --max_frames=200000000 --root=runs/population

All flags of launch/run_local.py but --logdir and --seed are handed to each
member. The same command again continues, and with a larger --max_frames trains
on. With --member=i the command works for that member only, so that the elements
of a job array over a shared --root train a population together. --show tells
how far a population is, and draws it. Exit codes: 0 done, or stopped by Ctrl-C;
75 stopped by the machine, to be continued; 1 some members failed; 2 bad input.
"""

import pathlib
import shlex
import sys

from absl import flags

from attn_agents.algorithms import registry
from attn_agents.clusters import slurm_arrays, slurm_values
from attn_agents.population import decisions, members, rules
from attn_agents.population import history as history_lib
from attn_agents.runs import saved_runs
from attn_agents.utils import disk, output
from configs import errors
from launch import (
  command_line,
  paths,
  population,
  run_local,
  slurm_flags,
  suite_worker,
  this_machine,
  training_flags,
)

# Members are told apart by two digits, and each is a run.
_MOST_MEMBERS = 100
# Flags of run_local.py that are the population's to choose.
_OWN = ('--seed', '--max_frames', '--logdir')

_SIZE = flags.DEFINE_integer('size', 16, 'Number of members.')
_ROOT = paths.define('root', None, "Directory of the members' runs.")
_RULE = flags.DEFINE_string(
  'rule',
  'impala',
  'Who copies whom: impala (a member that is drawn, if it is fitter by the '
  'margin) or truncation (the worst fifth copies the best fifth).',
)
_MARGIN = flags.DEFINE_float(
  'margin',
  0.05,
  'How much fitter another member has to be to be copied, for impala.',
)
_BURN_IN = flags.DEFINE_integer(
  'burn_in_frames', 0, 'Emulator frames of a member before its first decision.'
)
_INTERVAL = flags.DEFINE_integer(
  'interval_frames',
  None,
  'Emulator frames between two decisions of a member.',
)
_JOBS = flags.DEFINE_integer('jobs', 1, 'Number of members at work at a time.')
_MEMBER = flags.DEFINE_integer('member', None, 'Works for this member only.')
_BACKEND = flags.DEFINE_string(
  'backend',
  'local',
  'local: members are processes of this machine. slurm: they are the elements '
  'of a job array, with the flags of launch/slurm.py.',
)
_SHOW = flags.DEFINE_bool(
  'show', False, 'Tell how far the population in --root is, and draw it.'
)
_DRY_RUN = flags.DEFINE_bool(
  'dry_run',
  False,
  'Print the commands of the next generation, or the batch script, and run '
  'nothing.',
)
# What a job array says to each element, too.
_OF_MEMBERS = (_SIZE, _RULE, _MARGIN, _BURN_IN, _INTERVAL)


def main() -> int:
  """Trains or shows the population; returns the exit code."""
  if not _ROOT.value:
    raise errors.ConfigError(
      "--root is not set; expected a directory for the members' runs"
    )
  root = pathlib.Path(_ROOT.value).absolute()
  history = history_lib.History(root)
  if _SHOW.value:
    return _show(history)
  errors.choice('--backend', _BACKEND.value, ('local', 'slurm'))
  if _BACKEND.value == 'local':
    slurm_flags.refuse()
  asked = _population()
  disk.require_writable('--root', root)
  history.check(asked)
  if _BACKEND.value == 'slurm':
    return _submit(root, asked)
  if _DRY_RUN.value:
    record = decisions.Record(asked, history.entries())
    for member in range(asked.size):
      generation = population.Generation(root, member, asked, record)
      for command in generation.left():
        output.say(shlex.join(command))
    return 0
  history.create(asked)
  worker = suite_worker.Worker(_JOBS.value, output.say)
  only = None if _MEMBER.value is None else [_MEMBER.value]
  outcome = worker.run(population.Turns(root, lambda: worker.active, only))
  for name, line in outcome.failed.items():
    output.say(f'{name}: failed with {line}')
  if worker.stop_signal or outcome.unfinished:
    output.say('stopped; the same command goes on')
  elif not outcome.failed and only is None:
    _show(history)
    output.say(f'all {asked.size} done')
  return worker.exit_code(outcome)


def _submit(root: pathlib.Path, asked: decisions.Population) -> int:
  """Submits a job array of the members that are not done."""
  left = [
    member
    for member in range(asked.size)
    if not saved_runs.is_trained(members.run_of(root, member), asked.max_frames)
  ]
  if not left:
    output.say(f'all {asked.size} done')
    return 0
  command = (
    *(sys.executable, str(pathlib.Path(__file__).absolute())),
    *(f'--{flag.name}={flag.value}' for flag in _OF_MEMBERS),
    f'--root={root}',
    f'--seed={asked.seed}',
    f'--max_frames={asked.max_frames}',
    *asked.arguments,
  )
  most = _JOBS.value if _JOBS.present else asked.size
  which = f'{slurm_values.ranges(left)}%{most}'
  runs = slurm_flags.Runs(
    name=slurm_flags.name_of_array('population', root),
    command=command,
    array=slurm_arrays.Members(
      root, tuple(map(members.name_of, range(asked.size))), which=which
    ),
  )
  return slurm_flags.submit_array(runs, _DRY_RUN.value)


def _population() -> decisions.Population:
  """What the flags ask for.

  Raises:
    ConfigError: of a flag, with what was expected.
  """
  given = training_flags.given()
  size, interval = _SIZE.value, _INTERVAL.value or 0
  errors.require(
    2 <= size <= _MOST_MEMBERS,
    '--size',
    size,
    f'2 to {_MOST_MEMBERS}',
  )
  errors.choice('--rule', _RULE.value, tuple(rules.RULES))
  errors.require(_MARGIN.value >= 0, '--margin', _MARGIN.value, 'at least 0')
  errors.require(
    _BURN_IN.value >= 0, '--burn_in_frames', _BURN_IN.value, 'at least 0'
  )
  errors.require(_JOBS.value >= 1, '--jobs', _JOBS.value, 'at least 1')
  errors.require(
    interval > 0,
    '--interval_frames',
    _INTERVAL.value,
    'the emulator frames between two decisions, at least 1',
  )
  errors.require(
    _MEMBER.value is None or 0 <= _MEMBER.value < size,
    '--member',
    _MEMBER.value,
    f'0 to {size - 1}',
  )
  if given.logdir:
    raise errors.ConfigError(
      f'--logdir={given.logdir}: members have directories in --root'
    )
  config = this_machine.probe().resolve(run_local.requested())
  errors.require(
    not config.max_hours,
    '--max_hours',
    config.max_hours,
    'none: generations end by frames, so that members end by --max_frames',
  )
  algorithm = registry.get(config.algorithm)
  first = _BURN_IN.value or interval
  errors.require(
    config.max_frames > first,
    '--max_frames',
    config.max_frames,
    f'more than {first}, the frames before the first decision',
  )
  if algorithm.has_target_network:
    raise errors.ConfigError(
      f'--algorithm={config.algorithm}: expected an algorithm without a '
      f'replay, whose contents members cannot copy (appo, for example)'
    )
  optimizer = config.optimizer
  return decisions.Population(
    size=size,
    seed=config.seed,
    rule=_RULE.value,
    margin=_MARGIN.value,
    burn_in_frames=_BURN_IN.value,
    interval_frames=interval,
    max_frames=config.max_frames,
    hyperparameters={
      'learning_rate': optimizer.learning_rate,
      'entropy_cost': algorithm.entropy_cost(config),
      'epsilon': optimizer.epsilon,
      'clip_threshold': optimizer.clip_threshold,
    },
    game=config.environment.game,
    arguments=tuple(x for x in given.arguments if x.split('=')[0] not in _OWN),
  )


def _show(history: history_lib.History) -> int:
  """Tells how far each member is, replays the decisions, and draws them."""
  from attn_agents.population import report

  asked, entries = history.population(), history.entries()
  for line in report.table(history.root, asked, entries):
    output.say(line)
  differ = decisions.replay(asked, entries)
  for line in differ:
    output.say(line)
  if not differ:
    output.say(f'replayed  {len(entries)} decisions, all the same')
  output.say(f'figure    {report.draw(history.root, asked, entries)}')
  return 1 if differ else 0


if __name__ == '__main__':
  sys.exit(command_line.run(main))

"""Which run a job of Slurm is to make, or which runs an array of them.

Importing this module defines the flags of a run.
"""

import dataclasses
import pathlib
import sys

from absl import flags

from attn_agents.clusters import slurm_arrays
from attn_agents.runs.buckets import addresses
from configs import errors, resolution
from configs import games as configs_games
from launch import run_cluster, slurm_flags, suite, training_flags

_LAUNCH = pathlib.Path(__file__).parent
# Slurm says which hosts there are.
_OF_HOSTS = tuple(
  flag.name for flag in flags.FLAGS.get_flags_for_module(run_cluster.__name__)
)
_KEPT_OF_HOSTS = 'start_seconds'
# What differs between the runs of an array.
_OF_ELEMENTS = ('agent', 'game', 'seed', 'logdir')


@dataclasses.dataclass(frozen=True)
class Several:
  """What makes several runs; all unset for one.

  Attributes:
    agents: names.
    games: games and sets of games, comma-separated.
    seeds: how many, from 0 on.
    root: the directory of the runs' directories.
    which: elements of the array; see `slurm_arrays.Array`.
  """

  agents: tuple[str, ...]
  games: str
  seeds: int | None
  root: str
  which: str


def given(nodes: int, several: Several) -> slurm_flags.Runs:
  """The runs of this command line.

  Args:
    nodes: learner hosts of each.
    several: what makes an array of them.

  Raises:
    ConfigError: a name is unknown, or flags contradict each other.
  """
  run = training_flags.given()
  present = [name for name in _OF_HOSTS if flags.FLAGS[name].present]
  for name in present:
    if name != _KEPT_OF_HOSTS:
      raise errors.ConfigError(
        f'--{name}: under Slurm the job says which hosts there are; expected '
        '--nodes'
      )
  errors.require(
    nodes > 1 or not present,
    '--nodes',
    nodes,
    f'2 or more with --{_KEPT_OF_HOSTS}',
  )
  script = (
    ('run_cluster.py', '--cluster=slurm') if nodes > 1 else ('run_local.py',)
  )
  command = (sys.executable, f'{_LAUNCH}/{script[0]}', *script[1:])
  if several.agents or several.games or several.seeds is not None:
    return _array(several, run, command)
  for flag, value in (('array', several.which), ('root', several.root)):
    if value:
      raise errors.ConfigError(
        f'--{flag}={value} with one run; expected --games, --agents or --seeds '
        'with it'
      )
  # That of run_local depends on the node.
  logdir = run.logdir or f'runs/{run.agent}_{run.game}'
  directory = pathlib.Path(logdir).absolute()
  if addresses.is_address(logdir):
    directory = addresses.parse('--logdir', logdir).directory
  else:
    logdir = str(directory)
  return slurm_flags.Runs(
    name=_name(run.agent, run.game),
    command=(*command, *_without(('logdir',), run), f'--logdir={logdir}'),
    logdir=logdir,
    checkpoints=f'{directory}/checkpoints',
  )


def _array(
  several: Several, run: training_flags.Given, command: tuple[str, ...]
) -> slurm_flags.Runs:
  value = flags.FLAGS.flag_values_dict()
  for one, many in (
    ('logdir', 'root'), ('agent', 'agents'), ('game', 'games'),
    ('seed', 'seeds'),
  ):  # fmt: skip
    if flags.FLAGS[one].present and (many == 'root' or getattr(several, many)):
      raise errors.ConfigError(
        f'--{one}={value[one]} and several runs; expected --{many}'
      )
  if not value['max_frames'] and not value['max_hours']:
    raise errors.ConfigError(
      '--max_frames is not set; expected the frames of each run, or its '
      '--max_hours, so that others have their turn'
    )
  games: tuple[str, ...] = (configs_games.canonical(value['game']),)
  if several.games:
    games = tuple(suite.games_of(several.games))
  agents = tuple(dict.fromkeys(several.agents)) or (value['agent'],)
  for agent in agents:
    resolution.check_names(resolution.Request(agent=agent))
  first = value['seed'] or 0 if several.seeds is None else 0
  seeds = 1 if several.seeds is None else several.seeds
  most = suite.MAX_RUNS // (len(agents) * len(games))
  errors.require(1 <= seeds <= most, '--seeds', seeds, f'1 to {most}')
  array = slurm_arrays.Runs(
    agents=agents,
    games=games,
    seeds=tuple(range(first, first + seeds)),
    root=pathlib.Path(several.root or 'runs/suite').absolute(),
    names=tuple(map(configs_games.in_directory, games)),
    which=several.which,
  )
  return slurm_flags.Runs(
    name=_name(
      agents[0] if len(agents) == 1 else f'{len(agents)}-agents',
      run.game if not several.games else f'{len(games)}-games',
    ),
    command=(*command, *_without(_OF_ELEMENTS, run)),
    array=array,
  )


def _without(names: tuple[str, ...], run: training_flags.Given) -> list[str]:
  """The arguments that were given but those of these flags."""
  return [
    each
    for each in run.arguments
    if each.partition('=')[0].lstrip('-') not in names
  ]


def _name(agent: str, game: str) -> str:
  return f'attn-agents-{agent}-{game}'.replace('_', '-')

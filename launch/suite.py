"""A suite of training runs: which runs it has.

Each run is the command that a user would type, in a process of its own, so that
a run of a suite can be repeated alone.
"""

import dataclasses
import itertools
import pathlib
import sys
from collections.abc import Mapping, Sequence

from attn_agents.evaluation import protocols
from attn_agents.runs import run_directory, saved_runs
from configs import errors, games, resolution, validation
from launch import this_machine

# More than anybody trains; their commands are held in memory.
MAX_RUNS = 10_000

_LAUNCH = pathlib.Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Run:
  """One run of a suite.

  Attributes:
    agent, game, seed: what distinguishes it from the others.
    logdir: its directory, named after them.
    max_frames: emulator frames of training.
    arguments: further flags of `run_local.py`, the same for all runs.
    episodes: games of the evaluation at its end; 0 for none.
    max_episode_frames: after which these games are cut.
    max_hours: of training, after which it is done, too; 0 for no such end.
  """

  agent: str
  game: str
  seed: int
  logdir: pathlib.Path
  max_frames: int
  arguments: tuple[str, ...] = ()
  episodes: int = 0
  max_episode_frames: int = protocols.MAX_EPISODE_FRAMES
  max_hours: float = 0.0

  @property
  def name(self) -> str:
    """The name of its directory."""
    return self.logdir.name

  @property
  def commands(self) -> list[list[str]]:
    """Training, which continues what there is, and then the evaluation."""
    train = _command(
      'run_local',
      *self.arguments,
      agent=self.agent,
      game=self.game,
      seed=self.seed,
      max_frames=self.max_frames,
      logdir=self.logdir,
      **({'max_hours': self.max_hours} if self.max_hours else {}),
    )
    if not self.episodes:
      return [train]
    evaluate = _command(
      'evaluate',
      run=self.logdir,
      episodes=self.episodes,
      max_episode_frames=self.max_episode_frames,
    )
    return [train, evaluate]

  @property
  def evaluated(self) -> bool:
    """Whether the newest checkpoint has been evaluated."""
    run = run_directory.RunDirectory(self.logdir)
    steps = saved_runs.steps(run.checkpoints)
    name = protocols.directory_name(
      self.game,
      f'{max(steps, default=0)}_sampled',
      'noop',
      self.episodes,
      0,
      self.max_episode_frames,
    )
    return (run.evaluations / name / 'summary.json').exists()

  @property
  def exists(self) -> bool:
    """Whether it has been started."""
    return (self.logdir / 'config.json').is_file()

  @property
  def trained(self) -> bool:
    """Whether nothing of its training is left."""
    run = run_directory.RunDirectory(self.logdir)
    return saved_runs.is_trained(run, self.max_frames, self.max_hours)

  def left(self) -> list[list[str]]:
    """The remaining commands."""
    if self.trained and self.evaluated:
      return []
    return self.commands[1:] if self.trained else self.commands


def plan(
  agents: Sequence[str],
  game_names: str,
  num_seeds: int,
  root: pathlib.Path,
  max_frames: int,
  arguments: Sequence[str] = (),
  episodes: int = 0,
  max_episode_frames: int = protocols.MAX_EPISODE_FRAMES,
  max_hours: float = 0.0,
) -> list[Run]:
  """All runs, game by game, so that agents can be compared early.

  Args:
    agents: names of agents; each counts once.
    game_names: games or sets of games (`configs.games.GAME_SETS`), separated
      by commas.
    num_seeds: number of seeds (0, 1, ...) of each agent and game.
    root: the directory of their directories.
    max_frames: see `Run`.
    arguments: see `Run`.
    episodes: see `Run`.
    max_episode_frames: see `Run`.
    max_hours: see `Run`.

  Raises:
    ConfigError: a game is unknown, or these are more than `MAX_RUNS` runs.
  """
  found = games_of(game_names)
  agents = list(dict.fromkeys(agents))
  most = MAX_RUNS // max(1, len(agents) * len(found))
  errors.require(
    num_seeds <= most,
    '--seeds',
    num_seeds,
    f'at most {most} (a suite has at most {MAX_RUNS} runs)',
  )
  return [
    Run(
      agent,
      game,
      seed,
      root / f'{agent}_{game}_seed{seed}',
      max_frames,
      tuple(arguments),
      episodes,
      max_episode_frames,
      max_hours,
    )
    for game, seed, agent in itertools.product(found, range(num_seeds), agents)
  ]


def require_readable(runs: Sequence[Run]) -> None:
  """Raises `ConfigError` if a run on disk is of an earlier format."""
  for run in runs:
    if run.exists:
      run_directory.RunDirectory(run.logdir).content()


def require_any_valid(
  requests: Mapping[pathlib.Path, resolution.Request],
  max_episode_frames: int = protocols.MAX_EPISODE_FRAMES,
  there: Mapping[pathlib.Path, resolution.Request] | None = None,
) -> None:
  """Refuses what is wrong for every run, before the first one starts.

  Args:
    requests: what each run that still trains asks for, by its directory.
    max_episode_frames: see `Run`.
    there: the same of each run that is on disk, done or not.

  Raises:
    ConfigError: what the first run would say, if none could start here; or a
      run on disk has another config than is asked for.
  """
  if not requests and not there:
    return
  here = this_machine.probe()
  for logdir, request in (there or {}).items():
    run_directory.RunDirectory(logdir).check(here.resolve(request))
  if not requests:
    return
  refusals: list[errors.ConfigError] = []
  for logdir, request in requests.items():
    try:
      config = here.resolve(request)
      validation.check_cap(
        '--max_episode_frames',
        max_episode_frames,
        config.environment.action_repeat,
      )
      run_directory.RunDirectory(logdir).check(config)
    except errors.ConfigError as error:
      refusals.append(error)
    else:
      return
  raise refusals[0]


def games_of(names: str) -> list[str]:
  """The games of 'pong,sweep6', each once, in this order."""
  found: dict[str, None] = {}
  for name in map(str.strip, names.split(',')):
    if name in games.GAME_SETS:
      found.update(dict.fromkeys(games.GAME_SETS[name]))
    elif name in games.names():
      found[name] = None
    else:
      raise errors.unknown('game', name, [*games.GAME_SETS, *games.names()])
  return list(found)


def _command(script: str, *arguments: str, **flags: object) -> list[str]:
  """A command of `launch/`."""
  return [
    sys.executable,
    str(_LAUNCH / f'{script}.py'),
    *(f'--{name}={value}' for name, value in flags.items()),
    *arguments,
  ]

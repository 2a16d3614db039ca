"""A set of training runs: which there are, and how they are worked off.

Each run is the command a user would type, in a process of its own, so that a
suite adds nothing to what a run does and any of them can be repeated alone.
"""

import contextlib
import dataclasses
import itertools
import pathlib
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence

from attn_agents.runs import run_directory, saved_runs
from attn_agents.utils import metrics_table
from configs import errors, games

_LAUNCH = pathlib.Path(__file__).parent
_POLL_SECONDS = 0.2


@dataclasses.dataclass(frozen=True)
class Run:
  """One run of a suite.

  Attributes:
    agent, game, seed: what distinguishes it from the others.
    logdir: its directory, named after them.
    max_frames: where it ends.
    arguments: further flags of `run_local.py`, the same for all runs.
    episodes: of the evaluation at its end; 0 for none.
  """

  agent: str
  game: str
  seed: int
  logdir: pathlib.Path
  max_frames: int
  arguments: tuple[str, ...] = ()
  episodes: int = 0

  @property
  def name(self) -> str:
    """The logdir's last part."""
    return self.logdir.name

  @property
  def commands(self) -> list[list[str]]:
    """Training, which continues what there is, and then the evaluation."""
    train = [
      sys.executable, str(_LAUNCH / 'run_local.py'), f'--agent={self.agent}',
      f'--game={self.game}', f'--seed={self.seed}',
      f'--max_frames={self.max_frames}', f'--logdir={self.logdir}',
      *self.arguments,
    ]  # fmt: skip
    if not self.episodes:
      return [train]
    evaluate = [
      sys.executable, str(_LAUNCH / 'evaluate.py'), f'--run={self.logdir}',
      f'--episodes={self.episodes}',
    ]  # fmt: skip
    return [train, evaluate]

  @property
  def frames(self) -> int:
    """Frames trained so far, by metrics.csv."""
    row = metrics_table.last(run_directory.RunDirectory(self.logdir).metrics)
    return int(row['frames']) if row else 0

  @property
  def evaluated(self) -> bool:
    """Whether an evaluation of the newest checkpoint is there."""
    run = run_directory.RunDirectory(self.logdir)
    steps = saved_runs.steps(run.checkpoints)
    pattern = f'{self.game}_{max(steps, default=0)}_*_{self.episodes}_*'
    return any(run.evaluations.glob(f'{pattern}/summary.json'))

  def left(self) -> list[list[str]]:
    """The commands that have not been done yet."""
    trained = self.frames >= self.max_frames
    if trained and self.evaluated:
      return []
    return self.commands[1:] if trained else self.commands


def plan(
  agents: Sequence[str],
  game_names: str,
  num_seeds: int,
  root: pathlib.Path,
  max_frames: int,
  arguments: Sequence[str] = (),
  episodes: int = 0,
) -> list[Run]:
  """All runs, game by game, so that the first results can be compared.

  Args:
    agents: names of agents.
    game_names: games or sets of games (`configs.games.GAME_SETS`), separated
      by commas.
    num_seeds: seeds 0, 1, ... of each.
    root: the directory of their directories.
    max_frames: of each.
    arguments: further flags of `run_local.py`.
    episodes: of each evaluation; 0 for none.

  Raises:
    ConfigError: a game is unknown.
  """
  return [
    Run(
      agent, game, seed, root / f'{agent}_{game}_seed{seed}', max_frames,
      tuple(arguments), episodes,
    )
    for game, seed, agent in itertools.product(
      _games(game_names), range(num_seeds), agents
    )
  ]  # fmt: skip


def require_readable(runs: Sequence[Run]) -> None:
  """Refuses directories that another version of this program has left.

  Raises:
    ConfigError: there is one, with the command that converts it.
  """
  for run in runs:
    directory = run_directory.RunDirectory(run.logdir)
    if (directory.path / 'config.json').is_file():
      directory.content()


def _games(names: str) -> list[str]:
  """The games of 'pong,sweep6', each once, in this order."""
  found: dict[str, None] = {}
  for name in names.split(','):
    if name in games.GAME_SETS:
      found.update(dict.fromkeys(games.GAME_SETS[name]))
    elif name in games.ALL_GAMES:
      found[name] = None
    else:
      raise errors.unknown('game', name, [*games.GAME_SETS, *games.ALL_GAMES])
  return list(found)


def in_words(command: Sequence[str]) -> str:
  """A command as one would type it."""
  return shlex.join(command)


class Worker:
  """Works a suite off, some runs at a time."""

  def __init__(self, jobs: int, say: Callable[[str], None]):
    """Starts nothing.

    Args:
      jobs: runs at a time.
      say: told one line whenever a run starts or ends.
    """
    self._jobs = jobs
    self._say = say
    self._stopping = False
    self._processes: dict[str, subprocess.Popen] = {}

  def work(self, runs: Sequence[Run]) -> dict[str, int]:
    """Does what is left of each run.

    Returns:
      The exit code of those that failed, by name. Other runs go on.
    """
    waiting = iter(runs)
    failed: dict[str, int] = {}
    active: dict[str, Generator[None, None, int]] = {}
    with self._signals():
      while True:
        while len(active) < self._jobs and not self._stopping:
          run = next(waiting, None)
          if run is None:
            break
          active[run.name] = self._steps(run)
        if not active:
          return failed
        for name, steps in list(active.items()):
          try:
            next(steps)
          except StopIteration as end:
            del active[name]
            if end.value:
              failed[name] = end.value
        time.sleep(_POLL_SECONDS)

  def _steps(self, run: Run) -> Generator[None, None, int]:
    """Yields while the run's commands are under way; returns its exit code."""
    left = run.left()
    if not left:
      self._say(f'{run.name}: is done')
      return 0
    for command in left:
      if self._stopping:
        return 0
      self._say(f'{run.name}: {in_words(command)}')
      run.logdir.parent.mkdir(parents=True, exist_ok=True)
      with open(run.logdir.parent / f'{run.name}.log', 'a') as log:
        process = subprocess.Popen(
          command,
          stdin=subprocess.DEVNULL,
          stdout=log,
          stderr=log,
          # Ctrl-C reaches this process only, which passes it on once.
          start_new_session=True,
        )
      self._processes[run.name] = process
      while process.poll() is None:
        yield
      del self._processes[run.name]
      if process.returncode:
        self._say(
          f'{run.name}: failed with exit code {process.returncode} '
          f'({run.logdir.parent / run.name}.log)'
        )
        return process.returncode
    self._say(f'{run.name}: {"stopped" if self._stopping else "done"}')
    return 0

  @contextlib.contextmanager
  def _signals(self) -> Iterator[None]:
    """Passes the wish to stop on to the runs, which save and end."""

    def stop(number: int, frame: object) -> None:
      del frame
      self._stopping = True
      for process in self._processes.values():
        process.send_signal(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
      yield
    finally:
      for number, handler in before.items():
        signal.signal(number, handler)

  @property
  def stopped(self) -> bool:
    """Whether the user wished it to stop."""
    return self._stopping

"""A suite of training runs: which runs it has, and running them.

Each run is the command that a user would type, in a process of its own, so that
a run of a suite can be repeated alone.
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
    max_frames: emulator frames of training.
    arguments: further flags of `run_local.py`, the same for all runs.
    episodes: games of the evaluation at its end; 0 for none.
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
    )
    if not self.episodes:
      return [train]
    evaluate = _command('evaluate', run=self.logdir, episodes=self.episodes)
    return [train, evaluate]

  @property
  def frames(self) -> int:
    """Emulator frames of training so far, from metrics.csv."""
    row = metrics_table.last(run_directory.RunDirectory(self.logdir).metrics)
    return int(row['frames']) if row else 0

  @property
  def evaluated(self) -> bool:
    """Whether the newest checkpoint has been evaluated."""
    run = run_directory.RunDirectory(self.logdir)
    steps = saved_runs.steps(run.checkpoints)
    pattern = f'{self.game}_{max(steps, default=0)}_*_{self.episodes}_*'
    return any(run.evaluations.glob(f'{pattern}/summary.json'))

  def left(self) -> list[list[str]]:
    """The remaining commands."""
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
  """All runs, game by game, so that agents can be compared early.

  Args:
    agents: names of agents.
    game_names: games or sets of games (`configs.games.GAME_SETS`), separated
      by commas.
    num_seeds: number of seeds (0, 1, ...) of each agent and game.
    root: the directory of their directories.
    max_frames: see `Run`.
    arguments: see `Run`.
    episodes: see `Run`.

  Raises:
    ConfigError: a game is unknown.
  """
  return [
    Run(
      agent,
      game,
      seed,
      root / f'{agent}_{game}_seed{seed}',
      max_frames,
      tuple(arguments),
      episodes,
    )
    for game, seed, agent in itertools.product(
      _games(game_names), range(num_seeds), agents
    )
  ]


def require_readable(runs: Sequence[Run]) -> None:
  """Raises `ConfigError` if a run on disk is of an earlier format."""
  for run in runs:
    directory = run_directory.RunDirectory(run.logdir)
    if (directory.path / 'config.json').is_file():
      directory.content()


def _games(names: str) -> list[str]:
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


class Worker:
  """Runs a suite, several runs at a time.

  Attributes:
    stopped: whether a signal has asked it to stop.
  """

  def __init__(self, jobs: int, say: Callable[[str], None]):
    """Starts nothing.

    Args:
      jobs: number of runs at a time.
      say: called with one line whenever a run starts or ends.
    """
    self._jobs = jobs
    self._say = say
    self.stopped = False
    self._processes: dict[str, subprocess.Popen] = {}

  def run(self, runs: Sequence[Run]) -> dict[str, int]:
    """Runs the remaining commands of each run.

    Returns:
      Exit codes of failed runs, by name. A failure does not stop other runs.
    """
    waiting = iter(runs)
    failed: dict[str, int] = {}
    active: dict[str, Generator[None, None, int]] = {}
    with self._signals():
      while True:
        while len(active) < self._jobs and not self.stopped:
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
    """Yields until the run's commands have ended; returns its exit code."""
    left = run.left()
    if not left:
      self._say(f'{run.name}: already done')
      return 0
    run.logdir.parent.mkdir(parents=True, exist_ok=True)
    log = run.logdir.with_name(f'{run.name}.log')
    for command in left:
      if self.stopped:
        return 0
      self._say(f'{run.name}: {shlex.join(command)}')
      process = self._processes[run.name] = _start(command, log)
      while process.poll() is None:
        yield
      del self._processes[run.name]
      if process.returncode:
        self._say(
          f'{run.name}: failed with exit code {process.returncode} ({log})'
        )
        return process.returncode
    self._say(f'{run.name}: {"stopped" if self.stopped else "done"}')
    return 0

  @contextlib.contextmanager
  def _signals(self) -> Iterator[None]:
    """Forwards signals to the runs, which save and end."""

    def stop(number: int, frame: object) -> None:
      del frame
      self.stopped = True
      for process in self._processes.values():
        process.send_signal(number)

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
      yield
    finally:
      for number, handler in before.items():
        signal.signal(number, handler)


def _start(command: Sequence[str], log: pathlib.Path) -> subprocess.Popen:
  """Starts a command that writes to the end of a log file."""
  with open(log, 'a') as file:
    return subprocess.Popen(
      command,
      stdin=subprocess.DEVNULL,
      stdout=file,
      stderr=file,
      # Ctrl-C reaches only this process, which forwards it once.
      start_new_session=True,
    )

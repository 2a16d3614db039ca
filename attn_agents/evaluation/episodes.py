"""Plays a fixed number of whole games, without a bias to short ones.

Taking the first N games that end in a batch of environments would favour short
ones: while one environment is in a long game, the others end many. So each
environment has a quota, decided beforehand, and plays that many games from the
first to the last, however long they are; what it plays after is not counted.
"""

import hashlib
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from attn_agents import types
from attn_agents.environments import base

GAME_OVER = 'game_over'
FRAME_CAP = 'frame_cap'


class Policy(Protocol):
  """Chooses actions for B environments; `policies` has the kinds there are."""

  def act(self, timestep: types.TimeStep) -> np.ndarray:
    """Actions int32 [B] at one row [B]; rows are given in their order."""


class Episode(NamedTuple):
  """One whole game.

  Attributes:
    environment: which of the batch played it, 0..B - 1.
    game: which of the games of that environment, from 0.
    game_return: sum of the unclipped rewards.
    agent_steps: its length; `action_repeat` times as many frames, without those
      of no-ops and openings, which the agent did not choose.
    end: `GAME_OVER` or `FRAME_CAP`.
    trace: a digest of all that the agent was shown; '' if unknown. Games with
      equal traces are one game, played again.
  """

  environment: int
  game: int
  game_return: float
  agent_steps: int
  end: str
  trace: str = ''


class Progress(NamedTuple):
  """Where an evaluation is.

  Attributes:
    games: games that count and have ended.
    agent_steps: of the longest game in progress that will count.
  """

  games: int
  agent_steps: int


class StoppedError(RuntimeError):
  """The caller asked to stop before all games had ended."""


def quotas(num_episodes: int, num_envs: int) -> np.ndarray:
  """Games of each environment, int [num_envs]: equal but for a remainder."""
  least, rest = divmod(num_episodes, num_envs)
  return least + (np.arange(num_envs) < rest)


def play(
  environment: base.Environment,
  policy: Policy,
  num_episodes: int,
  *,
  report: Callable[[Episode], None] = lambda episode: None,
  progress: Callable[[Progress], None] = lambda progress: None,
  should_stop: Callable[[], bool] = lambda: False,
) -> list[Episode]:
  """Plays `num_episodes` whole games.

  Args:
    environment: B environments whose episodes are whole games.
    policy: for B environments, at the start of a game in all of them.
    num_episodes: how many, at least 1.
    report: called for each that counts, when it has ended.
    progress: called at every row.
    should_stop: asked at every row.

  Returns:
    The games, ordered by environment and then by time, so that the order in
    which they ended leaves no trace.

  Raises:
    StoppedError: `should_stop()` before the last game ended.
  """
  quota = quotas(num_episodes, environment.num_envs)

  def wants(env: int, games: list[Episode]) -> bool:
    return len(games) < quota[env]

  return _play(environment, policy, wants, report, progress, should_stop)


def play_steps(
  environment: base.Environment,
  policy: Policy,
  agent_steps: int,
  *,
  report: Callable[[Episode], None] = lambda episode: None,
  progress: Callable[[Progress], None] = lambda progress: None,
  should_stop: Callable[[], bool] = lambda: False,
) -> list[Episode]:
  """Plays a number of steps, and finishes the games that are in progress then.

  DQN's evaluation drops those unfinished games instead, which favours short
  ones.

  Args:
    environment: see `play`.
    policy: see `play`.
    agent_steps: of all environments together, at least.
    report: see `play`.
    progress: see `play`.
    should_stop: see `play`.

  Returns:
    See `play`; at least one game of each environment.

  Raises:
    StoppedError: see `play`.
  """
  share = agent_steps / environment.num_envs

  def wants(env: int, games: list[Episode]) -> bool:
    del env
    return sum(game.agent_steps for game in games) < share

  return _play(environment, policy, wants, report, progress, should_stop)


def _play(
  environment: base.Environment,
  policy: Policy,
  wants: Callable[[int, list[Episode]], bool],
  report: Callable[[Episode], None],
  progress: Callable[[Progress], None],
  should_stop: Callable[[], bool],
) -> list[Episode]:
  """Plays until no environment, given its games so far, wants another."""
  played: list[list[Episode]] = [[] for _ in range(environment.num_envs)]
  timestep = environment.reset().timestep
  agent_steps = np.zeros(environment.num_envs, np.int64)
  traces = _Traces(timestep)
  while any(wanting := [wants(env, games) for env, games in enumerate(played)]):
    if should_stop():
      raise StoppedError
    progress(Progress(sum(map(len, played)), int(agent_steps[wanting].max())))
    timestep, game_end = environment.step(policy.act(timestep))
    # The row that starts a game is no step of it.
    first = timestep.step_type == types.StepType.FIRST
    agent_steps += ~first
    traces.add(timestep, ~first)
    ended = ~np.isnan(game_end.game_return)
    agent_steps[ended] = 0
    for i in np.flatnonzero(ended):
      if wants(i, played[i]):
        episode = Episode(
          environment=int(i),
          game=len(played[i]),
          game_return=float(game_end.game_return[i]),
          agent_steps=int(game_end.game_length[i]),
          # 1 only where the frame cap cut the game.
          end=FRAME_CAP if timestep.discount[i] else GAME_OVER,
          trace=traces.of(i),
        )
        played[i].append(episode)
        report(episode)
    traces.start(timestep, first)
  return [episode for games in played for episode in games]


class _Traces:
  """Digests of the games in progress, one for each environment."""

  def __init__(self, timestep: types.TimeStep):
    """Starts with the first row [B] of a game in each."""
    self._digests = [_new_digest() for _ in timestep.reward]
    self.start(timestep, np.ones(len(self._digests), bool))

  def start(self, timestep: types.TimeStep, rows: np.ndarray) -> None:
    """Starts new games in some rows, bool [B]."""
    for i in np.flatnonzero(rows):
      self._digests[i] = _new_digest()
    self.add(timestep, rows)

  def add(self, timestep: types.TimeStep, rows: np.ndarray) -> None:
    """Goes on with what some rows, bool [B], show."""
    for i in np.flatnonzero(rows):
      self._digests[i].update(np.ascontiguousarray(timestep.observation[i]))
      self._digests[i].update(np.float32(timestep.reward[i]).tobytes())

  def of(self, i: int) -> str:
    """The digest of the game in progress in environment i."""
    return self._digests[i].hexdigest()


def _new_digest() -> 'hashlib.blake2b':
  return hashlib.blake2b(digest_size=8)

"""The opening of an episode as OpenAI baselines plays it: FIRE, then action 2.

Baselines (`common/atari_wrappers.py` at ea25b9e, its last state) wraps
FireResetEnv(EpisodicLifeEnv(MaxAndSkipEnv(NoopResetEnv(env)))), so that a new
episode begins with agent steps that the agent did not choose:

    after a game      a new game with its no-ops, then FIRE, then action 2
    after a lost life           one step of NOOP, then FIRE, then action 2

Only the first of the two is left where a lost life does not end the episode.
Where the step of FIRE or of action 2 ends the episode, a new game begins or,
after a lost life, one NOOP is played, and the opening goes on with the step
that is next. Where a NOOP ends the game, the new game takes the place of the
step that is next.

With `fire_after_lost_life`, where a lost life ends no episode, the second of
the two is played within the step that lost it, up to the end of the game if
that comes first.

Two things differ from baselines, both where action 2 ended the episode: the
first observation is of the emulator as it is then, where baselines still shows
the end; and if the NOOP after it ends the game, a new one starts at once, where
baselines gives the agent the game that is over.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_NOOP = 0
_FIRE = 1
# Whatever it does: in breakout it moves right, in pong too.
_ACTION_2 = 2


class Arrival(NamedTuple):
  """What one agent step led to; [B], 0 and False in rows that did not play.

  Attributes:
    reward: float32 [B], unclipped.
    life_lost: bool [B], a life was lost; False where the config counts none.
    game_over: bool [B].
    cut: bool [B], the frame cap was reached.
    episode_ended: bool [B], by one of these.
  """

  reward: np.ndarray
  life_lost: np.ndarray
  game_over: np.ndarray
  cut: np.ndarray
  episode_ended: np.ndarray

  @property
  def game_ended(self) -> np.ndarray:
    """Over or cut, bool [B]: the next step starts a new game."""
    return self.game_over | self.cut


class Opening(NamedTuple):
  """What was scored in an opening.

  Attributes:
    score: float32 [B], in the game that goes on.
    ended_score: float32 [B], in the game that the opening began in, if it ended
      before the opening did; NaN if not.
  """

  score: np.ndarray
  ended_score: np.ndarray


def play_opening(
  play: Callable[[int, np.ndarray], Arrival],
  rows: np.ndarray,
  restarted: bool = False,
) -> Opening:
  """Plays the openings of some rows, all in step.

  Args:
    play: makes one agent step of one action in the rows (bool [B]) given; a row
      whose game had ended starts a new one instead.
    rows: bool [B], the rows whose episode has ended.
    restarted: whether their new games have already been started.

  Returns:
    What the openings scored. Every game of `rows` is in progress now.
  """
  score = np.zeros(len(rows), np.float32)
  ended_score = np.full(len(rows), np.nan, np.float32)

  def advance(action: int, playing: np.ndarray) -> Arrival:
    arrival = play(action, playing)
    ended = arrival.game_ended
    score[:] += arrival.reward
    ended_score[:] = np.where(ended & np.isnan(ended_score), score, ended_score)
    score[ended] = 0
    return arrival

  if not restarted:
    advance(_NOOP, rows)
  for action in (_FIRE, _ACTION_2):
    arrival = advance(action, rows)
    again = advance(_NOOP, arrival.episode_ended)
  advance(_NOOP, again.game_ended)
  return Opening(score, ended_score)


def play_after_lost_life(
  play: Callable[[int, np.ndarray], Arrival], arrival: Arrival
) -> Arrival:
  """Plays the opening in the rows that lost a life, all in step.

  Args:
    play: see `play_opening`.
    arrival: of a step after which no episode has ended but with its game.

  Returns:
    What step and opening led to. Where the game ended, it did so last.
  """
  total = arrival
  playing = arrival.life_lost & ~arrival.game_ended

  def advance(action: int, rows: np.ndarray) -> Arrival:
    nonlocal total
    step = play(action, rows & ~total.game_ended)
    total = Arrival(
      total.reward + step.reward,
      *(a | b for a, b in zip(total[1:], step[1:], strict=True)),
    )
    return step

  advance(_NOOP, playing)
  for action in (_FIRE, _ACTION_2):
    step = advance(action, playing)
    advance(_NOOP, step.life_lost)
  return total

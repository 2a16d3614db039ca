"""How the rows of an actor are divided among several games (`mixed.py`).

Imports only the standard library, so that configs can be checked by it.
"""

from typing import NamedTuple

# Of the rows of a game, those that are agent steps; the least there is. A game
# of fewer needs more parts in a turn to get its share.
_LEAST_STEPS_PER_ROW = 0.8


class Division(NamedTuple):
  """How the rows of an actor are divided.

  Attributes:
    rows: of a part.
    playing: parts that play in a turn.
    held: parts that there are of each game.
  """

  rows: int
  playing: int
  held: int


def divide(num_envs: int, num_games: int) -> Division:
  """Divides rows among games: at least as many parts as games, if that goes."""
  rows = next(
    (
      size
      for size in range(num_envs, 0, -1)
      if num_envs % size == 0 and num_envs // size >= num_games
    ),
    1,
  )
  playing = num_envs // rows
  most = playing / num_games / _LEAST_STEPS_PER_ROW
  return Division(rows, playing, int(most) + 1)

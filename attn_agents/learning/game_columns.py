"""Columns of metrics.csv that only runs of several games have.

Imports the standard library only: whoever shows a run reads them.
"""

from collections.abc import Sequence

# Columns of all games together.
CAPPED = 'capped_score'
SCORED = 'scored_games'
# Before the name of a game.
RETURN = 'return_'
SHARE = 'share_'


def columns(games: Sequence[str]) -> tuple[str, ...]:
  """The columns of a run of these games; none if it is one game."""
  if len(games) == 1:
    return ()
  return (
    CAPPED,
    SCORED,
    *(RETURN + game for game in games),
    *(SHARE + game for game in games),
  )

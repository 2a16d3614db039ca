"""Human-normalised scores, and the published ones to compare with.

The tables in `data/` are typed off the papers; `MANIFEST.in` ships them.
"""

import csv
import functools
import math
import pathlib
import statistics
from collections.abc import Mapping

_DATA = pathlib.Path(__file__).parent / 'data'
# Of video_pinball: the table that the literature uses has 16,256.9, almost the
# human score. The means that IMPALA and S3TA print follow from 0 only.
_PINBALL_RANDOM = 0.0

CONVENTIONS = ('table', 's3ta')


def read_table(name: str) -> list[dict[str, str]]:
  """Rows of `data/<name>.csv`.

  Raises:
    FileNotFoundError: no such table.
  """
  with (_DATA / f'{name}.csv').open() as file:
    return list(csv.DictReader(file))


@functools.cache
def _references() -> dict[str, tuple[float, float]]:
  return {
    row['game']: (float(row['random']), float(row['human']))
    for row in read_table('atari57_scores')
  }


def references(game: str, convention: str = 'table') -> tuple[float, float]:
  """(random, human) score of an Atari game.

  Args:
    game: one of `configs.games.ATARI_GAMES`.
    convention: 'table', the numbers of the DQN literature as dqn_zoo ships
      them, or 's3ta', the same with 0 as the random score of video_pinball, to
      compare with the means of IMPALA and S3TA.

  Raises:
    KeyError: the game has no such scores.
    ValueError: there is no such convention.
  """
  if convention not in CONVENTIONS:
    raise ValueError(f'convention={convention}: expected one of {CONVENTIONS}')
  random, human = _references()[game]
  if game == 'video_pinball' and convention == 's3ta':
    random = _PINBALL_RANDOM
  return random, human


def has_references(game: str) -> bool:
  """Whether a game has a random and a human score."""
  return game in _references()


def mean_capped(
  returns: Mapping[str, float], convention: str = 'table'
) -> float:
  """Mean of min(1, human-normalised score), S3TA's fitness of many games.

  Args:
    returns: mean return by game. Games without reference scores are left out.
    convention: see `references`.

  Returns:
    NaN if no game has reference scores.
  """
  capped = [
    min(1.0, human_normalised(game, value, convention))
    for game, value in returns.items()
    if has_references(game)
  ]
  return statistics.fmean(capped) if capped else math.nan


def human_normalised(
  game: str, score: float, convention: str = 'table'
) -> float:
  """0 where a score is the random policy's, 1 where it is the human's.

  (score - random) / (human - random), Mnih et al. 2015; see `references` for
  arguments and errors.
  """
  random, human = references(game, convention)
  return (score - random) / (human - random)

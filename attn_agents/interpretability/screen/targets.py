"""Where the things that attention could follow are, row by row.

What moves is found by frame differences; a single thing, such as the player,
by its colour, which in most Atari games is its own.
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from attn_agents.interpretability.recordings import recording
from attn_agents.interpretability.screen import cells

# Of the pixels; where more change at once, the picture has: a flash, a cut.
_MAX_MOVING = 0.25


@dataclasses.dataclass(frozen=True, eq=False)
class Target:
  """Something on the screen over N rows.

  Attributes:
    cells: float32 [N, h, w], its share of each cell's pixels.
    area: float64 [N], its share of the screen; NaN where it is unknown.
    centre: float64 [N, 2], row and column in pixels; NaN where it is unknown
      or not there.
    game: int32 [N], number of the game.
  """

  cells: np.ndarray
  area: np.ndarray
  centre: np.ndarray
  game: np.ndarray


def moving(recorded: recording.Recording, grid: cells.Grid) -> Target:
  """Everything that moves.

  A pixel counts half if it differs from the row before, and half if it differs
  from the row after. A thing with steady speed so has its centre where it is
  now, neither where it came from nor where it goes. The first and last row of
  a game are unknown, as are rows where a quarter of the screen changes.

  Args:
    recorded: gives frames.
    grid: of attention's cells.
  """
  return _gather(_motion(recorded), recorded['game'], grid)


def coloured(
  recorded: recording.Recording,
  grid: cells.Grid,
  colours: Sequence[tuple[int, int, int]],
  region: tuple[int, int, int, int] | None = None,
) -> Target:
  """All pixels of given colours.

  Args:
    recorded: gives frames.
    grid: of attention's cells.
    colours: red, green and blue, 0 to 255, exactly as drawn.
    region: top, left, bottom and right in pixels, the latter two exclusive;
      nothing outside it counts, such as Pong's score, which has the paddles'
      colours. None for all of the screen.
  """
  wanted = _packed(np.array(colours, np.uint8))
  top, left, bottom, right = region or (0, 0, *grid.frame)
  inside = np.zeros(grid.frame, bool)
  inside[top:bottom, left:right] = True
  masks = (
    (np.isin(_packed(frame), wanted) & inside).astype(np.float32)
    for frame, _ in _frames(recorded)
  )
  return _gather(masks, recorded['game'], grid)


def _gather(
  masks: Iterator[np.ndarray | None], game: np.ndarray, grid: cells.Grid
) -> Target:
  """Reduces masks float32 [H, W], None where unknown, one at a time."""
  count, (height, width) = len(game), grid.frame
  found = np.zeros((count, len(grid.rows), len(grid.columns)), np.float32)
  area = np.full(count, np.nan)
  centre = np.full((count, 2), np.nan)
  rows, columns = np.arange(height) + 0.5, np.arange(width) + 0.5
  for index, mask in enumerate(masks):
    if mask is None:
      continue
    found[index] = cells.share(mask, grid)
    total = mask.sum(dtype=np.float64)
    area[index] = total / mask.size
    if total:
      centre[index] = (
        mask.sum(axis=1) @ rows / total,
        mask.sum(axis=0) @ columns / total,
      )
  return Target(found, area, centre, game)


def _motion(recorded: recording.Recording) -> Iterator[np.ndarray | None]:
  before: np.ndarray | None = None
  frames = _frames(recorded)
  frame, game = next(frames)
  for following, its_game in frames:
    after = None
    if its_game == game:
      after = (following != frame).any(axis=-1).astype(np.float32)
      if after.mean() > _MAX_MOVING:
        after = None
    yield _half(before, after)
    before, frame, game = after, following, its_game
  yield None


def _half(
  before: np.ndarray | None, after: np.ndarray | None
) -> np.ndarray | None:
  if before is None or after is None:
    return None
  return (before + after) / 2


def _frames(
  recorded: recording.Recording,
) -> Iterator[tuple[np.ndarray, int]]:
  """Frame and game of each row, with a part of them in memory."""
  for _, arrays in recorded.parts('frame', 'game'):
    yield from zip(arrays['frame'], arrays['game'].tolist(), strict=True)


def _packed(pixels: np.ndarray) -> np.ndarray:
  """Colours uint8 [..., 3] as single numbers."""
  red, green, blue = np.moveaxis(pixels.astype(np.uint32), -1, 0)
  return (red << 16) | (green << 8) | blue

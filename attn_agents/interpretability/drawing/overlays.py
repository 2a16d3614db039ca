"""Maps drawn over frames of a game, as the papers draw them.

Attention (S3TA, section 4) is blended in by alpha: what is attended to is
bright, the rest dark, and every head has a colour of its own. What/where maps
(Fig. 6) are red, white and blue, saliency (Fig. 7) is a colour over grey.

Frames are uint8 [H, W, 3], maps float [h, w] of any size, spread over the whole
frame. `templates/paint.js` holds the same formulas for the browser.
"""

import math
from collections.abc import Sequence

import numpy as np

Colour = tuple[int, int, int]

# The colours of Okabe and Ito, which people with any of the usual kinds of
# colour vision tell apart; those best seen on black come first.
HEAD_COLOURS: tuple[Colour, ...] = (
  (86, 180, 233),
  (230, 159, 0),
  (0, 158, 115),
  (204, 121, 167),
  (240, 228, 66),
  (213, 94, 0),
  (0, 114, 178),
  (250, 250, 250),
)
POLICY_COLOUR: Colour = (0, 220, 90)
VALUE_COLOUR: Colour = (255, 80, 220)
WHAT_COLOUR: Colour = (202, 0, 32)
WHERE_COLOUR: Colour = (5, 90, 190)

# S3TA, Eq. 10, clips what - where to this on either side.
WHAT_WHERE_LIMIT = math.log(10)

OPACITY = 0.65
TINT = 0.7
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


def head_colour(head: int) -> Colour:
  """The colour of a head, from 0; those beyond the eighth begin again."""
  return HEAD_COLOURS[head % len(HEAD_COLOURS)]


def cell_weights(size: int, cells: int) -> np.ndarray:
  """Bilinear interpolation along one axis, float32 [size, cells].

  Cells have their values at their centres; beyond the outer centres they are
  constant. Rows sum to 1.
  """
  place = (np.arange(size) + 0.5) * cells / size - 0.5
  place = np.clip(place, 0, cells - 1)
  distance = np.abs(place[:, None] - np.arange(cells))
  return np.maximum(1 - distance, 0).astype(np.float32)


def enlarge(maps: np.ndarray, shape: Sequence[int]) -> np.ndarray:
  """Maps [..., h, w] spread over frames of a shape, float32 [..., H, W]."""
  maps = np.asarray(maps, np.float32)
  rows = cell_weights(shape[0], maps.shape[-2])
  columns = cell_weights(shape[1], maps.shape[-1])
  return rows @ maps @ columns.T


def grey(frame: np.ndarray) -> np.ndarray:
  """The frame's luminance, uint8 [H, W, 3]."""
  return _bytes(np.repeat((frame @ _LUMINANCE)[..., None], 3, axis=-1))


def spotlight(
  frame: np.ndarray,
  attention: np.ndarray,
  colours: Sequence[Colour],
  *,
  opacity: float = OPACITY,
  tint: float = TINT,
  scale: float | None = None,
) -> np.ndarray:
  """The frame, bright where heads attend and in their colours.

  With a_n the map of head n over the scale, a = max_n a_n, and c the mean of
  the heads' colours weighted by a_n, the result is

    frame (1 - opacity (1 - a)) (1 - p) + c p,  p = opacity tint a.

  Args:
    frame: uint8 [H, W, 3].
    attention: [heads, h, w] of the heads to be drawn, not negative.
    colours: of these heads.
    opacity: 0 leaves the frame as it is, 1 makes the unattended black.
    tint: share of a head's colour in what it attends to most, at full opacity.
      With 0, the paper's form, attention to what is black is not seen.
    scale: the attention that is fully bright; None for each map's maximum, as
      weights of a diffuse head would not be seen otherwise.

  Returns:
    uint8 [H, W, 3].
  """
  levels = np.stack([_level(x, frame.shape[:2], scale) for x in attention])
  light = levels.max(axis=0)[..., None]
  mixed = np.einsum('nhw,nc->hwc', levels, np.array(colours, np.float32))
  mixed /= np.maximum(levels.sum(axis=0), 1e-12)[..., None]
  paint = opacity * tint * light
  lit = frame * (1 - opacity * (1 - light))
  return _bytes(lit * (1 - paint) + mixed * paint)


def heat(
  picture: np.ndarray,
  values: np.ndarray,
  colour: Colour,
  *,
  opacity: float,
  scale: float | None,
) -> np.ndarray:
  """A picture with a colour where a map is large.

  Args:
    picture: uint8 [H, W, 3].
    values: [h, w], not negative.
    colour: where the map is at its scale.
    opacity: of the colour there.
    scale: None for the map's maximum.

  Returns:
    uint8 [H, W, 3].
  """
  level = _level(values, picture.shape[:2], scale)[..., None] * opacity
  return _bytes(picture * (1 - level) + np.asarray(colour, np.float32) * level)


def saliency(
  frame: np.ndarray,
  values: np.ndarray,
  colour: Colour = POLICY_COLOUR,
  *,
  opacity: float = OPACITY,
  scale: float | None = None,
) -> np.ndarray:
  """A map over the grey frame, S3TA's Fig. 7; see `heat`."""
  return heat(grey(frame), values, colour, opacity=opacity, scale=scale)


def signed(
  picture: np.ndarray,
  values: np.ndarray,
  *,
  opacity: float = OPACITY,
  limit: float | None = None,
) -> np.ndarray:
  """A picture with red where a map is positive and blue where negative.

  Args:
    picture: uint8 [H, W, 3].
    values: [h, w].
    opacity: of the colours at the limit.
    limit: the magnitude of full colour; None for the largest in the map.

  Returns:
    uint8 [H, W, 3].
  """
  limit = limit or float(np.abs(values).max()) or 1.0
  share = np.clip(enlarge(values, picture.shape[:2]) / limit, -1, 1)[..., None]
  what, where = np.array([WHAT_COLOUR, WHERE_COLOUR], np.float32)
  paint = np.where(share > 0, what, where)
  level = opacity * np.abs(share)
  return _bytes(picture * (1 - level) + paint * level)


def what_where(
  values: np.ndarray,
  shape: Sequence[int],
  *,
  limit: float | None = WHAT_WHERE_LIMIT,
) -> np.ndarray:
  """S3TA's Fig. 6: red for what, blue for where, white for neither.

  Args:
    values: C of Eq. 11, [h, w], in [-ln 10, ln 10].
    shape: height and width of the picture.
    limit: see `signed`. C holds the attention weight as a factor, so maps of
      diffuse heads are pale unless this is their own largest magnitude.

  Returns:
    uint8 [*shape, 3].
  """
  white = np.full((*shape, 3), 255, np.uint8)
  return signed(white, values, opacity=1.0, limit=limit)


def _level(
  values: np.ndarray, shape: Sequence[int], scale: float | None
) -> np.ndarray:
  """A map over its scale, float32 [H, W] in [0, 1]; 0 if all of it is 0."""
  scale = float(np.max(values)) if scale is None else scale
  if scale <= 0:
    return np.zeros(shape, np.float32)
  return np.clip(enlarge(values, shape) / scale, 0, 1)


def _bytes(picture: np.ndarray) -> np.ndarray:
  return np.clip(np.rint(picture), 0, 255).astype(np.uint8)

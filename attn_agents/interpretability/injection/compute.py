"""An object pasted into what the agent sees (S3TA section 4.2, Figure 3).

The emulator knows nothing of it: nothing in the game can hit it, or be hit.

A small JSON file says what is pasted where:

    {
      "sprite": "fish.png",    beside the file, or one that ships in data/; any
                               image that Pillow reads, alpha is respected
      "position": [-16, 95],   x and y of its upper left corner at start_row, in
                               pixels of the screen, x to the right
      "velocity": [2, 0],      optional, pixels per agent step; default [0, 0]
      "screen": [160, 210],    optional, width and height that these are meant
                               for; on a screen of another size they and the
                               sprite are scaled
      "start_row": 0,          optional, the first row of a game that shows it
      "until_row": null        optional, the first row that does not any more
    }

`data/fish.json`, the default, lets a fish cross Seaquest's water from the left
at the start of every game.
"""

import dataclasses
import hashlib
import json
import math
import pathlib
from typing import Any

import numpy as np

from configs import errors

_DATA = pathlib.Path(__file__).parent / 'data'
DEFAULT = _DATA / 'fish.json'
_DEFAULTS = {
  'velocity': [0, 0],
  'screen': None,
  'start_row': 0,
  'until_row': None,
}
_NAMES = ('sprite', 'position', *_DEFAULTS)


@dataclasses.dataclass(frozen=True, eq=False)
class Injection:
  """A sprite and its path; an `Edit` as `views` takes it.

  Attributes:
    sprite: uint8 [height, width, 4], RGBA.
    position: x and y of the upper left corner at `start_row`, pixels.
    velocity: x and y, pixels per row.
    start_row: first row of a game that shows it, from 0.
    until_row: first row that does not any more; None for all to the end.
    name: of the file.
    screen: height and width that all this is meant for; None for any.
  """

  sprite: np.ndarray
  position: tuple[float, float]
  velocity: tuple[float, float] = (0.0, 0.0)
  start_row: int = 0
  until_row: int | None = None
  name: str = ''
  # Not in `digest`, which is of what is drawn.
  screen: tuple[int, int] | None = dataclasses.field(default=None, repr=False)

  def fitted(self, screen: tuple[int, int]) -> 'Injection':
    """The same on a screen of another height and width, scaled."""
    if self.screen is None or self.screen == screen:
      return self
    down, across = (
      new / old for new, old in zip(screen, self.screen, strict=True)
    )
    rows, columns = (
      _nearest(size, scale)
      for size, scale in zip(self.sprite.shape[:2], (down, across), strict=True)
    )
    return dataclasses.replace(
      self,
      sprite=self.sprite[rows][:, columns],
      position=(self.position[0] * across, self.position[1] * down),
      velocity=(self.velocity[0] * across, self.velocity[1] * down),
      screen=screen,
    )

  def corner(self, row: int) -> tuple[int, int] | None:
    """Row and column of the upper left corner, None where it is not shown."""
    if row < self.start_row:
      return None
    if self.until_row is not None and row >= self.until_row:
      return None
    x, y = (
      math.floor(start + speed * (row - self.start_row) + 0.5)
      for start, speed in zip(self.position, self.velocity, strict=True)
    )
    return y, x

  def box(
    self, row: int, frame: tuple[int, int]
  ) -> tuple[int, int, int, int] | None:
    """What is on the screen of it at a row of a game.

    Args:
      row: of the game, from 0.
      frame: height and width of the screen.

    Returns:
      Top, left, bottom and right, the latter two exclusive; None for nothing.
    """
    corner = self.corner(row)
    if corner is None:
      return None
    top, left = (max(start, 0) for start in corner)
    bottom, right = (
      min(start + size, limit)
      for start, size, limit in zip(
        corner, self.sprite.shape[:2], frame, strict=True
      )
    )
    return (top, left, bottom, right) if top < bottom and left < right else None

  def __call__(self, frame: np.ndarray, row: int) -> np.ndarray:
    """A screen uint8 [H, W, 3] with the sprite over it; see `views.Edit`."""
    height, width = frame.shape[:2]
    box, corner = self.box(row, (height, width)), self.corner(row)
    if box is None or corner is None:
      return frame
    top, left, bottom, right = box
    visible = self.sprite[
      top - corner[0] : bottom - corner[0], left - corner[1] : right - corner[1]
    ]
    alpha = visible[..., 3:] / 255.0
    edited = frame.copy()
    edited[top:bottom, left:right] = np.rint(
      alpha * visible[..., :3] + (1 - alpha) * frame[top:bottom, left:right]
    )
    return edited

  @property
  def digest(self) -> str:
    """Of the sprite and its path: another one gives another."""
    said = dataclasses.replace(self, sprite=np.zeros(0), name='')
    content = self.sprite.tobytes() + repr(said).encode()
    return f'{self.name}_{hashlib.sha256(content).hexdigest()[:8]}'

  def facts(self) -> dict[str, Any]:
    """What to say of it in a recording's facts; fit for JSON."""
    return {
      'injection': {
        'digest': self.digest,
        'name': self.name,
        'size': list(self.sprite.shape[:2]),
        'position': list(self.position),
        'velocity': list(self.velocity),
        'start_row': self.start_row,
        'until_row': self.until_row,
      }
    }


def load(path: pathlib.Path | str = DEFAULT) -> Injection:
  """Reads a file as the module describes it.

  Raises:
    ConfigError: it cannot be read, or says something else.
  """
  path = pathlib.Path(path)
  try:
    said = json.loads(path.read_text())
  except (OSError, ValueError) as error:
    raise errors.ConfigError(
      f'{path} does not describe an injected object: {error}'
    ) from error
  errors.require(isinstance(said, dict), str(path), said, 'an object in braces')
  for name in said:
    if name not in _NAMES:
      raise errors.unknown(f'entry of {path}', name, _NAMES)
  for name in ('sprite', 'position'):
    if name not in said:
      raise errors.ConfigError(f'{path}: {name} is missing')
  values = {**_DEFAULTS, **said}
  _check(path, values)
  (x, y), (right, down) = values['position'], values['velocity']
  screen = values['screen']
  return Injection(
    sprite=_read_sprite(path, values['sprite']),
    position=(float(x), float(y)),
    velocity=(float(right), float(down)),
    start_row=values['start_row'],
    until_row=values['until_row'],
    name=path.stem,
    screen=None if screen is None else (screen[1], screen[0]),
  )


def _check(path: pathlib.Path, values: dict[str, Any]) -> None:
  """Refuses values of a wrong type or beyond their range."""

  def require(ok: bool, name: str, expected: str) -> None:
    errors.require(ok, f'{path}: {name}', values[name], expected)

  for name in ('position', 'velocity'):
    require(_is_pair(values[name]), name, 'two numbers [x, y]')
  start, until, screen = (
    values[name] for name in ('start_row', 'until_row', 'screen')
  )
  require(
    screen is None
    or (_is_pair(screen) and all(_is_row(x) and x > 0 for x in screen)),
    'screen',
    'two whole numbers [width, height]',
  )
  require(_is_row(start), 'start_row', 'a whole number, 0 or more')
  require(
    until is None or (_is_row(until) and until > start),
    'until_row',
    'null or a whole number above start_row',
  )
  require(isinstance(values['sprite'], str), 'sprite', 'the name of an image')


def _read_sprite(path: pathlib.Path, name: str) -> np.ndarray:
  # Nothing else in this package needs Pillow.
  from PIL import Image

  beside = path.parent / name
  try:
    with Image.open(beside if beside.is_file() else _DATA / name) as image:
      return np.array(image.convert('RGBA'))
  except OSError as error:
    raise errors.ConfigError(
      f'{path}: sprite={name}: expected an image, beside that file or one of '
      f'{sorted(p.name for p in _DATA.glob("*.png"))}'
    ) from error


def _nearest(size: int, scale: float) -> np.ndarray:
  """Which of `size` pixels each one of a scaled axis takes."""
  count = max(1, round(size * scale))
  return np.arange(count) * size // count


def _is_pair(value: Any) -> bool:
  return (
    isinstance(value, list)
    and len(value) == 2
    and all(
      isinstance(x, int | float) and not isinstance(x, bool) for x in value
    )
    and all(math.isfinite(x) for x in value)
  )


def _is_row(value: Any) -> bool:
  return isinstance(value, int) and not isinstance(value, bool) and value >= 0

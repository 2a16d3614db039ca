"""MP4 and GIF of a game beside what the agent's heads attend to.

One picture at a time goes to FFmpeg, which imageio-ffmpeg brings along, so that
memory does not grow with the length of a video.
"""

import pathlib
import warnings
from collections.abc import Iterable, Iterator, Sequence

import imageio_ffmpeg
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from attn_agents.interpretability.drawing import overlays
from attn_agents.utils import machine

# One agent step is 4 of the emulator's 60 frames a second.
ROWS_PER_SECOND = 15.0
_GAP = 8
_LABEL_HEIGHT = 26
_FONT_SIZE = 16
_BACKGROUND = (18, 22, 28)
_TEXT = (230, 234, 240)


def heads_row(
  frame: np.ndarray,
  attention: np.ndarray | None,
  *,
  scale: int = 2,
) -> np.ndarray:
  """The frame and, to its right, what each head attends to, with labels.

  Args:
    frame: uint8 [H, W, 3].
    attention: [heads, h, w], or None for an agent without.
    scale: pixels along each side that one of the frame becomes.

  Returns:
    uint8 [height, width, 3].
  """
  pictures, labels, colours = [frame], ['game'], [_TEXT]
  for head, weights in enumerate(() if attention is None else attention):
    colour = overlays.head_colour(head)
    pictures.append(overlays.spotlight(frame, weights[None], [colour]))
    labels.append(f'head {head + 1}')
    colours.append(colour)
  return labelled_row(pictures, labels, colours, scale=scale)


def labelled_row(
  pictures: Sequence[np.ndarray],
  labels: Sequence[str],
  colours: Sequence[overlays.Colour],
  *,
  scale: int,
) -> np.ndarray:
  """Pictures of one size in a row, each with a label above it.

  Args:
    pictures: uint8 [H, W, 3].
    labels: one for each.
    colours: of the labels.
    scale: see `heads_row`.

  Returns:
    uint8 [LABEL + scale H + GAP, count (scale W + GAP) + GAP, 3].
  """
  height, width = (scale * size for size in pictures[0].shape[:2])
  canvas = Image.new(
    'RGB',
    (len(pictures) * (width + _GAP) + _GAP, _LABEL_HEIGHT + height + _GAP),
    _BACKGROUND,
  )
  draw = ImageDraw.Draw(canvas)
  font = ImageFont.load_default(_FONT_SIZE)
  for index, (picture, label, colour) in enumerate(
    zip(pictures, labels, colours, strict=True)
  ):
    left = _GAP + index * (width + _GAP)
    large = picture.repeat(scale, axis=0).repeat(scale, axis=1)
    canvas.paste(Image.fromarray(large), (left, _LABEL_HEIGHT))
    draw.text(
      (left, _LABEL_HEIGHT // 2), label, fill=colour, font=font, anchor='lm'
    )
  return np.asarray(canvas)


def heads_video(
  path: pathlib.Path | str,
  frames: Iterable[np.ndarray],
  attention: Iterable[np.ndarray] | None,
  *,
  rows_per_second: float = ROWS_PER_SECOND,
) -> int:
  """Writes the pictures of `heads_row` in the time of the game.

  Args:
    path: ends in .mp4 or .gif.
    frames: uint8 [H, W, 3], one after the other.
    attention: [heads, h, w] for each frame, or None.
    rows_per_second: of the game.

  Returns:
    How many pictures were written.

  Raises:
    ValueError: another ending, no frames, or other than one map for each.
  """

  def rows() -> Iterator[np.ndarray]:
    if attention is None:
      for frame in frames:
        yield heads_row(frame, None)
    else:
      for frame, weights in zip(frames, attention, strict=True):
        yield heads_row(frame, weights)

  return write(path, rows(), rows_per_second)


def write(
  path: pathlib.Path | str,
  pictures: Iterable[np.ndarray],
  rows_per_second: float = ROWS_PER_SECOND,
) -> int:
  """Writes a video, whole or not at all.

  Args:
    path: ends in .mp4 (H.264, plays everywhere) or .gif (256 colours
      for each picture, repeats for ever).
    pictures: uint8 [H, W, 3] of one size. H.264 needs even sizes: an odd last
      row or column is drawn twice.
    rows_per_second: pictures a second.

  Returns:
    How many pictures were written.

  Raises:
    ValueError: another ending, no pictures, or pictures of different sizes.
  """
  path = pathlib.Path(path)
  options = _OPTIONS.get(path.suffix)
  if options is None:
    raise ValueError(f'{path}: expected a name ending in .mp4 or .gif')
  stream = iter(pictures)
  first = next(stream, None)
  if first is None:
    raise ValueError(f'{path}: no pictures to write')
  first = _even(first)
  partial = path.with_name(f'{path.stem}.partial{path.suffix}')
  # FFmpeg counts the machine's CPUs and knows no quota.
  threads = ('-threads', str(machine.cores()))
  encoder = imageio_ffmpeg.write_frames(
    str(partial),
    (first.shape[1], first.shape[0]),
    fps=rows_per_second,
    macro_block_size=1,
    ffmpeg_log_level='error',
    **{**options, 'output_params': [*options['output_params'], *threads]},
  )
  count = 0
  try:
    with warnings.catch_warnings():
      # Nothing of JAX goes on in the child, which becomes FFmpeg at once.
      warnings.filterwarnings('ignore', r'os\.fork\(\)', RuntimeWarning)
      encoder.send(None)
    for picture in _chain(first, stream):
      if picture.shape != first.shape:
        raise ValueError(
          f'{path}: picture {count} is {picture.shape}, expected {first.shape}'
        )
      encoder.send(np.ascontiguousarray(picture))
      count += 1
    encoder.close()
    partial.replace(path)
  finally:
    encoder.close()
    partial.unlink(missing_ok=True)
  return count


# A palette of its own for every picture, so that none waits for the last one.
_PALETTES = (
  'split[a][b];[a]palettegen=stats_mode=single:reserve_transparent=0[p];'
  '[b][p]paletteuse=new=1:dither=none'
)
_OPTIONS: dict[str, dict] = {
  '.mp4': {
    'codec': 'libx264',
    'quality': None,
    # Sharp edges of single pixels are what is looked at.
    'output_params': [
      *('-crf', '18', '-preset', 'veryfast', '-movflags', '+faststart'),
    ],
  },
  '.gif': {
    'codec': 'gif',
    'quality': None,
    'pix_fmt_out': 'pal8',
    'output_params': ['-filter_complex', _PALETTES, '-loop', '0'],
  },
}


def _chain(
  first: np.ndarray, others: Iterable[np.ndarray]
) -> Iterator[np.ndarray]:
  yield first
  for picture in others:
    yield _even(picture)


def _even(picture: np.ndarray) -> np.ndarray:
  odd = [(0, size % 2) for size in picture.shape[:2]]
  return np.pad(picture, [*odd, (0, 0)], mode='edge')

"""What a report is made of, and how it travels inside the page.

Frames become PNGs without loss, maps bytes with a scale for each map; both are
base64 in one JSON document. `templates/data.js` reads it.
"""

import base64
import dataclasses
import io
import math
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from PIL import Image

from attn_agents.interpretability.drawing import overlays, video

# Bytes of a signed map are v = 128 + 127 x / scale.
ZERO = 128


@dataclasses.dataclass(frozen=True)
class Layer:
  """Maps of one analysis, drawn over the game.

  Attributes:
    name: short, for instance 'Saliency of the policy'.
    description: one sentence on what is seen.
    kind: 'heat', not negative and in one colour over grey, or 'signed', red
      above zero and blue below.
    maps: float [M, h, w], as coarse as they were computed: the browser spreads
      them over the frame.
    rows: int [M], ascending: the row of the recording each was computed at.
      Between them nothing is drawn over the game.
    colour: of heat.
  """

  name: str
  description: str
  kind: Literal['heat', 'signed']
  maps: np.ndarray
  rows: np.ndarray
  colour: overlays.Colour = overlays.POLICY_COLOUR


@dataclasses.dataclass(frozen=True)
class Timeline:
  """Numbers over the rows of the recording.

  Attributes:
    name: with the unit, for instance 'Entropy (nats)'.
    values: float [N], or [N, K] for K lines; NaN where there is none.
    kind: 'line'; 'action', indices into `ReportData.action_names`; or 'reward',
      marked where it is not zero.
    labels: of the K lines, which then have the colours of heads.
  """

  name: str
  values: np.ndarray
  kind: Literal['line', 'action', 'reward'] = 'line'
  labels: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Figure:
  """A picture.

  Attributes:
    caption: what is seen; stands in for it where it is not seen.
    image: a PNG, or its path.
  """

  caption: str
  image: bytes | pathlib.Path


@dataclasses.dataclass(frozen=True)
class Table:
  """A table.

  Attributes:
    caption: what it says.
    columns: their names, with units.
    rows: a cell for each column; numbers are aligned to the right.
  """

  caption: str
  columns: Sequence[str]
  rows: Sequence[Sequence[str | float]]


@dataclasses.dataclass(frozen=True)
class Section:
  """One analysis.

  Attributes:
    title: its name.
    how_to_read: paragraphs, with empty lines between them.
    figures: shown one below the other.
    tables: below the figures.
  """

  title: str
  how_to_read: str
  figures: Sequence[Figure] = ()
  tables: Sequence[Table] = ()


@dataclasses.dataclass(frozen=True)
class ReportData:
  """All of a report.

  Attributes:
    title: of the page.
    subtitle: below it: agent, game, checkpoint.
    facts: how it was made: run, checkpoint, seed, command, versions.
    frames: uint8 [210, 160, 3], N of them; read once, one after the other.
    attention: float [N, heads, h, w], or None for an agent without; what is
      said of heads in numbers comes from these weights.
    drawn_attention: float [N, heads, h', w'], the same to be spread over the
      frame; None for `attention` itself.
    layers: in the order of their buttons.
    timelines: from top to bottom.
    action_names: of the game's actions.
    sections: in the order of the page.
    notes: what does not apply to this agent or was not asked for, and why.
    starts: rows at which games begin.
    rows_per_second: at normal speed.
  """

  title: str
  subtitle: str
  facts: Mapping[str, str]
  frames: Iterable[np.ndarray]
  attention: np.ndarray | None
  drawn_attention: np.ndarray | None = None
  layers: Sequence[Layer] = ()
  timelines: Sequence[Timeline] = ()
  action_names: Sequence[str] = ()
  sections: Sequence[Section] = ()
  notes: Sequence[str] = ()
  starts: Sequence[int] = (0,)
  rows_per_second: float = video.ROWS_PER_SECOND


def encode(data: ReportData) -> dict[str, Any]:
  """What the page's player needs, ready for JSON.

  Raises:
    ValueError: arrays do not fit together or are not finite.
  """
  frames, shape = _encode_frames(data.frames)
  for timeline in data.timelines:
    _expect(len(timeline.values) == len(frames), timeline.name, len(frames))
  attention = drawn = None
  if data.attention is not None:
    attention = drawn = _encode_attention(data.attention, len(frames))
  if data.drawn_attention is not None:
    drawn = _encode_attention(data.drawn_attention, len(frames))
  return {
    'rowsPerSecond': data.rows_per_second,
    'height': shape[0],
    'width': shape[1],
    'frames': frames,
    'starts': [int(row) for row in data.starts],
    'headColours': overlays.HEAD_COLOURS,
    'opacity': overlays.OPACITY,
    'tint': overlays.TINT,
    'signedColours': (overlays.WHAT_COLOUR, overlays.WHERE_COLOUR),
    'attention': attention,
    'drawnAttention': drawn,
    'layers': [_encode_layer(layer, len(frames)) for layer in data.layers],
    'timelines': [_encode_timeline(timeline) for timeline in data.timelines],
    'actionNames': list(data.action_names),
  }


def encode_png(frame: np.ndarray) -> bytes:
  """A frame as a PNG from which exactly it is read, with a palette if it fits.

  Args:
    frame: uint8 [H, W, 3].
  """
  red, green, blue = np.moveaxis(frame.astype(np.int32), -1, 0)
  colours, indices = np.unique(
    red << 16 | green << 8 | blue, return_inverse=True
  )
  buffer = io.BytesIO()
  if len(colours) > 256:
    Image.fromarray(frame).save(buffer, 'png', optimize=True)
    return buffer.getvalue()
  image = Image.fromarray(indices.reshape(frame.shape[:2]).astype(np.uint8))
  palette = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], -1)
  image.putpalette(palette.astype(np.uint8).tobytes())
  bits = next(x for x in (1, 2, 4, 8) if len(colours) <= 2**x)
  image.save(buffer, 'png', optimize=True, bits=bits)
  return buffer.getvalue()


def encode_maps(name: str, maps: np.ndarray, signed: bool) -> dict[str, Any]:
  """Maps as bytes, each with its own scale.

  Args:
    name: for errors.
    maps: float [M, h, w].
    signed: whether they are. A byte is x 255 / scale, or `ZERO` + 127 x /
      scale; the scale is the map's largest magnitude.

  Raises:
    ValueError: something is not finite, or negative where it must not be.
  """
  maps = np.asarray(maps, np.float32)
  if not np.isfinite(maps).all():
    raise ValueError(f'{name}: not all values are finite')
  if not signed and maps.size and maps.min() < 0:
    raise ValueError(f'{name}: negative values need a signed layer')
  scales = np.abs(maps).max(axis=(1, 2), initial=0.0)
  shares = maps / np.where(scales > 0, scales, 1)[:, None, None]
  levels = ZERO + 127 * shares if signed else 255 * shares
  return {
    'height': maps.shape[1],
    'width': maps.shape[2],
    'scales': [_short(scale) for scale in scales],
    'values': _text(np.rint(levels).astype(np.uint8).tobytes()),
  }


def image_text(image: bytes | pathlib.Path) -> str:
  """A PNG in base64."""
  return _text(image.read_bytes() if isinstance(image, pathlib.Path) else image)


def _encode_frames(
  frames: Iterable[np.ndarray],
) -> tuple[list[str], tuple[int, ...]]:
  texts: list[str] = []
  shape: tuple[int, ...] | None = None
  for frame in frames:
    shape = shape or frame.shape
    if frame.shape != shape or frame.dtype != np.uint8:
      raise ValueError(
        f'frame {len(texts)} is {frame.dtype} {frame.shape}, expected uint8 '
        f'{shape}'
      )
    texts.append(_text(encode_png(frame)))
  if shape is None:
    raise ValueError('there are no frames to report on')
  return texts, shape


def _encode_attention(maps: np.ndarray, num_rows: int) -> dict[str, Any]:
  _expect(len(maps) == num_rows, 'attention', num_rows)
  flat = maps.reshape(-1, *maps.shape[2:])
  return {
    'heads': maps.shape[1],
    **encode_maps('attention', flat, signed=False),
  }


def _encode_layer(layer: Layer, num_rows: int) -> dict[str, Any]:
  rows = [int(row) for row in layer.rows]
  if rows != sorted(set(rows)) or not all(0 <= r < num_rows for r in rows):
    raise ValueError(
      f'{layer.name}: rows must ascend within 0 to {num_rows - 1}'
    )
  _expect(len(layer.maps) == len(rows), layer.name, len(rows))
  return {
    'name': layer.name,
    'kind': layer.kind,
    'colour': layer.colour,
    'rows': rows,
    **encode_maps(layer.name, layer.maps, layer.kind == 'signed'),
  }


def _encode_timeline(timeline: Timeline) -> dict[str, Any]:
  values = np.asarray(timeline.values, np.float64)
  columns = values.reshape(len(values), -1).T
  return {
    'name': timeline.name,
    'kind': timeline.kind,
    'labels': list(timeline.labels),
    'lines': [[_short(x) for x in column] for column in columns],
  }


def _short(value: float) -> float | None:
  """Six digits of a number; None for one that JSON does not have."""
  return float(f'{value:.6g}') if math.isfinite(value) else None


def _text(content: bytes) -> str:
  return base64.b64encode(content).decode('ascii')


def _expect(fits: bool, name: str, count: int) -> None:
  if not fits:
    raise ValueError(f'{name}: expected {count} rows')

"""The content of a report, and its encoding in the page.

Frames become lossless PNGs, and maps become bytes with one scale for each map.
Both are base64 in one JSON document, which `templates/data.js` reads.
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

# Bytes of a signed map are 128 + 127 x / scale.
ZERO = 128


@dataclasses.dataclass(frozen=True)
class Layer:
  """Maps of one analysis, drawn over the game.

  Attributes:
    name: short, for instance 'Saliency of the policy'.
    description: one sentence on what the map shows.
    kind: 'heat' for non-negative maps, drawn in one colour over grey; 'signed'
      for red above zero and blue below.
    maps: float [M, h, w], at the resolution at which they were computed. The
      browser enlarges them to the frame.
    rows: int [M], ascending: the row of the recording that each map belongs
      to. At other rows nothing is drawn over the game.
    colour: of a 'heat' map.
  """

  name: str
  description: str
  kind: Literal['heat', 'signed']
  maps: np.ndarray
  rows: np.ndarray
  colour: overlays.Colour = overlays.POLICY_COLOUR


@dataclasses.dataclass(frozen=True)
class Timeline:
  """Values over the rows of the recording.

  Attributes:
    name: with the unit, for instance 'Entropy (nats)'.
    values: float [N], or [N, K] for K lines; NaN where there is no value.
    kind: 'line'; 'action', indices into `ReportData.action_names`; or 'reward',
      marked where it is not zero.
    labels: names of the K lines, which then have the colours of heads.
  """

  name: str
  values: np.ndarray
  kind: Literal['line', 'action', 'reward'] = 'line'
  labels: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Figure:
  """A picture.

  Attributes:
    caption: what the picture shows; also its alternative text.
    image: a PNG, or its path.
  """

  caption: str
  image: bytes | pathlib.Path


@dataclasses.dataclass(frozen=True)
class Table:
  """A table.

  Attributes:
    caption: what the table shows.
    columns: names with units.
    rows: one cell for each column; numbers are aligned to the right.
  """

  caption: str
  columns: Sequence[str]
  rows: Sequence[Sequence[str | float]]


@dataclasses.dataclass(frozen=True)
class Section:
  """One analysis.

  Attributes:
    title: heading.
    how_to_read: paragraphs, separated by empty lines.
    figures: shown one below the other.
    tables: shown below the figures.
  """

  title: str
  how_to_read: str
  figures: Sequence[Figure] = ()
  tables: Sequence[Table] = ()


@dataclasses.dataclass(frozen=True)
class ReportData:
  """The content of a report.

  Attributes:
    title: of the page.
    subtitle: checkpoint, training, length of play.
    facts: how the report was made: run, checkpoint, seed, command, versions.
    frames: N frames, uint8 [H, W, 3], all of one shape; read once, in order.
    attention: float [N, heads, h, w], or None for an agent without attention.
      The numbers on the page come from these weights.
    drawn_attention: float [N, heads, h', w'], the maps that are drawn over the
      frames; None draws `attention`.
    layers: in the order of their buttons.
    timelines: from top to bottom.
    action_names: names of the actions, by index.
    sections: in the order of the page.
    notes: how to read this agent, and why analyses were left out.
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
  """Encodes what the page's player needs, ready for JSON.

  Raises:
    ValueError: arrays have different lengths or are not finite.
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
  """Encodes a frame as a lossless PNG, with a palette of up to 256 colours.

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
  """Encodes maps as bytes, each with its own scale.

  Args:
    name: for error messages.
    maps: float [M, h, w].
    signed: whether maps may be negative. A byte is 255 x / scale, or for signed
      maps `ZERO` + 127 x / scale; the scale is the map's largest magnitude.

  Raises:
    ValueError: a value is not finite, or negative without `signed`.
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
  """Encodes a PNG in base64."""
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
  """The number with six digits; None if it is not finite."""
  return float(f'{value:.6g}') if math.isfinite(value) else None


def _text(content: bytes) -> str:
  return base64.b64encode(content).decode('ascii')


def _expect(fits: bool, name: str, count: int) -> None:
  if not fits:
    raise ValueError(f'{name}: expected {count} rows')

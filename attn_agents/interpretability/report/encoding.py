"""Encodes the content of a report in its page.

Frames become lossless PNGs, and maps become bytes with one scale for each map.
Both are base64 in one JSON document, which `templates/data.js` reads.
"""

import base64
import io
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from PIL import Image
from scipy import special

from attn_agents.interpretability.drawing import overlays
from attn_agents.interpretability.report import report_data

# Bytes of a signed map are 128 + 127 x / scale.
ZERO = 128


def encode(data: report_data.ReportData) -> dict[str, Any]:
  """Encodes what the page's player needs, ready for JSON.

  Raises:
    ValueError: arrays have different lengths or are not finite.
  """
  frames, shape = _encode_frames(data.frames)
  for timeline in data.timelines:
    _expect(len(timeline.values) == len(frames), timeline.name, len(frames))
  attention = drawn = None
  if data.attention is not None:
    attention = _encode_weights(data.attention, len(frames))
    to_draw = data.drawn_attention
    drawn = _encode_attention(
      data.attention if to_draw is None else to_draw, len(frames)
    )
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
    'values': text(np.rint(levels).astype(np.uint8).tobytes()),
  }


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
    texts.append(text(encode_png(frame)))
  if shape is None:
    raise ValueError('there are no frames to report on')
  return texts, shape


def _encode_weights(weights: np.ndarray, num_rows: int) -> dict[str, Any]:
  """What the page says of each head at each row, from the full weights.

  Bytes are too few for it: many small weights become 0.

  Returns:
    The number of heads, and by row and head the largest weight and the
    effective number of cells, exp of the entropy in nats.
  """
  _expect(len(weights) == num_rows, 'attention', num_rows)
  flat = np.asarray(weights, np.float64).reshape(
    num_rows * weights.shape[1], -1
  )
  total = flat.sum(axis=1)
  shares = flat / np.where(total > 0, total, 1)[:, None]
  cells = np.where(total > 0, np.exp(special.entr(shares).sum(axis=1)), 0)
  return {
    'heads': weights.shape[1],
    'largest': [_short(weight) for weight in flat.max(axis=1)],
    'cells': [_short(count) for count in cells],
  }


def _encode_attention(maps: np.ndarray, num_rows: int) -> dict[str, Any]:
  _expect(len(maps) == num_rows, 'attention', num_rows)
  return encode_maps(
    'attention', maps.reshape(-1, *maps.shape[2:]), signed=False
  )


def _encode_layer(layer: report_data.Layer, num_rows: int) -> dict[str, Any]:
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


def _encode_timeline(timeline: report_data.Timeline) -> dict[str, Any]:
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


def text(content: bytes) -> str:
  """Bytes, such as those of a PNG, in base64."""
  return base64.b64encode(content).decode('ascii')


def _expect(fits: bool, name: str, count: int) -> None:
  if not fits:
    raise ValueError(f'{name}: expected {count} rows')

"""What the page shows of one row, and how it is encoded.

A message is, in this order,

    4 bytes     n, little endian
    n bytes     the header, JSON: `Shot.facts`, and `maps` with each map's name,
                height, width, effective number of cells, and the box of its
                cells: top, left, height, width in pixels of the frame
    uint8       the maps one by one, each [height, width] in row-major order, in
                255ths of its own largest weight
    the rest    the frame, PNG
"""

import io
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from attn_agents.interpretability.screen import cells
from attn_agents.interpretability.weights import compute as attention_maps
from configs import schema


class Map(NamedTuple):
  """The attention of one head.

  Attributes:
    name: shown on the page.
    weights: float32 [h, w], not negative.
    grid: where its evenly spaced cells are in the frame.
  """

  name: str
  weights: np.ndarray
  grid: cells.Grid


class Shot(NamedTuple):
  """One row of a game.

  Attributes:
    frame: uint8 [H, W, 3].
    maps: the attention at that row; empty for an agent without attention.
    facts: see `games.play`; fit for JSON.
  """

  frame: np.ndarray
  maps: tuple[Map, ...]
  facts: dict[str, Any]


def maps_of(
  intermediates: Mapping[str, Any], config: schema.Config
) -> tuple[Map, ...]:
  """Finds the attention among what a network sows at a row [1].

  For agents with heads these are the heads. For DRARL they are the masks of its
  sections, averaged over channels.

  Args:
    intermediates: from `Agent.inspect`.
    config: of the agent.
  """
  if 'attention' in intermediates:
    named = {
      f'head {number}': np.asarray(head)
      for number, head in enumerate(intermediates['attention'][0], 1)
    }
  else:
    masks = sorted(n for n in intermediates if n.split('/')[-1] == 'mask')
    named = {
      f'mask {number}': np.asarray(intermediates[name][0]).mean(axis=-1)
      for number, name in enumerate(masks, 1)
    }
  found = []
  for name, weights in named.items():
    height, width = weights.shape
    found.append(Map(name, weights, cells.of_agent(config, (height, width))))
  return tuple(found)


def encode(shot: Shot) -> bytes:
  """Encodes a row as the module describes."""
  # JSON has no numbers that are not finite.
  maps = [m._replace(weights=np.nan_to_num(m.weights)) for m in shot.maps]
  header = json.dumps({**shot.facts, 'maps': [_described(m) for m in maps]})
  png = io.BytesIO()
  # More compression takes longer than loopback saves.
  Image.fromarray(shot.frame).save(png, 'png', compress_level=1)
  return b''.join(
    [
      len(header).to_bytes(4, 'little'),
      header.encode(),
      *(_in_bytes(m.weights) for m in maps),
      png.getvalue(),
    ]
  )


def _described(map_: Map) -> dict[str, Any]:
  height, width = map_.weights.shape
  total = map_.weights.sum(dtype=np.float64) or 1.0
  top, tall = _span(map_.grid.rows, map_.grid.frame[0])
  left, wide = _span(map_.grid.columns, map_.grid.frame[1])
  return {
    'name': map_.name,
    'height': height,
    'width': width,
    'cells': float(attention_maps.effective_cells(map_.weights / total)),
    'box': [top, left, tall, wide],
  }


def _span(centres: np.ndarray, size: int) -> tuple[float, float]:
  """The start of the cells along an axis, and their total length."""
  pitch = centres[1] - centres[0] if len(centres) > 1 else size
  return float(centres[0] - pitch / 2), float(pitch * len(centres))


def _in_bytes(weights: np.ndarray) -> bytes:
  largest = weights.max()
  scaled = weights / largest if largest > 0 else weights
  return np.rint(255 * scaled).astype(np.uint8).tobytes()

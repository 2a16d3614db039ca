"""The content of a report; `encoding.py` puts it into the page."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from attn_agents.interpretability.drawing import overlays, video


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
    image: a PNG.
  """

  caption: str
  image: bytes


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

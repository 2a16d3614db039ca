"""What an analysis finds: figures, tables, numbers, arrays."""

import dataclasses
import io
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import figure as figure_lib

from attn_agents.interpretability.drawing import figures
from attn_agents.interpretability.report import report_data
from attn_agents.utils import whole_files


@dataclasses.dataclass(frozen=True)
class Findings:
  """All results of one analysis.

  Attributes:
    how_to_read: explains the figures in the report.
    figures: by file name without ending.
    captions: of figures, by the same names.
    tables: numbers to be read.
    numbers: for numbers.json; plain Python values.
    arrays: what the figures were drawn from, by name.
    layers: for the report's player.
    timelines: for the report's player.
  """

  how_to_read: str
  figures: Mapping[str, figure_lib.Figure] = dataclasses.field(
    default_factory=dict
  )
  captions: Mapping[str, str] = dataclasses.field(default_factory=dict)
  tables: Sequence[report_data.Table] = ()
  numbers: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  arrays: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
  layers: Sequence[report_data.Layer] = ()
  timelines: Sequence[report_data.Timeline] = ()

  def save(self, directory: pathlib.Path) -> dict[str, bytes]:
    """Writes numbers.json, arrays.npz and a PNG for each figure, each whole.

    Returns:
      The PNGs by name.
    """
    directory.mkdir(parents=True, exist_ok=True)
    drawn = {name: figures.png(figure) for name, figure in self.figures.items()}
    files = {f'{name}.png': png for name, png in drawn.items()}
    if self.numbers:
      files['numbers.json'] = f'{json.dumps(self.numbers, indent=2)}\n'.encode()
    if self.arrays:
      buffer = io.BytesIO()
      np.savez_compressed(buffer, **self.arrays)
      files['arrays.npz'] = buffer.getvalue()
    for name, content in files.items():
      with whole_files.replacing(directory / name) as partial:
        partial.write_bytes(content)
    return drawn

"""What each head attends to, over the frames of the game (S3TA section 4)."""

import pathlib
from collections.abc import Iterator

import numpy as np

from attn_agents.interpretability import context, findings
from attn_agents.interpretability.drawing import video
from attn_agents.interpretability.heads import figure

_MOMENTS = 6
_GIF_SECONDS = 6


def run(given: context.Context) -> findings.Findings:
  """Panels of a few moments, and the whole recording as a video.

  Agents without attention get the video only.
  """
  recorded = given.recorded
  rows = given.rows(_MOMENTS)
  directory = given.directory / 'heads'
  directory.mkdir(parents=True, exist_ok=True)
  _video(given, directory / 'heads.mp4', range(len(recorded)))
  count = round(_GIF_SECONDS / given.step_seconds)
  first = rows[len(rows) // 2]
  _video(
    given,
    directory / 'heads.gif',
    range(first, min(first + count, len(recorded))),
  )
  given.need_attention()
  maps, frames = given.drawn_attention[rows], recorded.rows('frame', rows)
  return findings.Findings(
    how_to_read=(
      'The frame is bright where a head attends and dark where it does not. '
      'Each head has its own colour. Each map is scaled to its own largest '
      'weight, so a head that spreads its attention looks as bright as a head '
      'that does not. The effective number of cells tells them apart.'
    ),
    figures={'heads': figure.draw(frames, maps, given.seconds(rows))},
    captions={'heads': 'Attention of each head at evenly spaced steps.'},
  )


def _video(given: context.Context, path: pathlib.Path, rows: range) -> None:
  """Rows of the recording, a part of it in memory at a time."""

  def frames() -> Iterator[np.ndarray]:
    for first, arrays in given.recorded.parts('frame'):
      for offset, frame in enumerate(arrays['frame']):
        if first + offset in rows:
          yield frame

  maps = None
  if 'attention' in given.recorded:
    maps = (given.drawn_attention[row] for row in rows)
  video.heads_video(
    path, frames(), maps, rows_per_second=1 / given.step_seconds
  )

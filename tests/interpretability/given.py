"""A recording and its context without files, games or networks."""

import pathlib
import types

import numpy as np

from attn_agents.interpretability import context
from attn_agents.interpretability.recordings import record


class Recorded(dict):
  """Arrays of one game in which frame n is full of n, if not told otherwise."""

  path = pathlib.Path('recorded')

  def __init__(self, rows, frame_size=(2, 2), **arrays):
    self.frame_size = frame_size
    numbers = np.arange(rows)
    frame = numbers.astype(np.uint8)[:, None, None, None] * np.ones(
      (1, *frame_size, 3), np.uint8
    )
    step_type = np.ones(rows, np.int8)
    super().__init__(
      {'frame': frame, 'row': numbers, 'step_type': step_type, **arrays}
    )

  def __len__(self):
    return len(self['row'])

  def rows(self, name, rows):
    return self[name][rows]

  def parts(self, name):
    """Of two rows each."""
    for first in range(0, len(self), 2):
      yield first, {name: self[name][first : first + 2]}


def make(recorded, **changes):
  """A context whose maps are drawn as they are; a step is half a second."""
  played = types.SimpleNamespace(
    step_seconds=0.5, config=types.SimpleNamespace(agent='an_agent'),
    facts={'checkpoint': 100}, params='trained',
  )  # fmt: skip
  made = context.Context(
    **{
      'played': played, 'recorded': recorded, 'plan': record.Plan(seed=9),
      'directory': pathlib.Path('there'), 'trained': 'config',
      'checkpoints': pathlib.Path('checkpoints'), **changes,
    }
  )  # fmt: skip
  made.__dict__['to_draw'] = lambda maps: maps
  return made

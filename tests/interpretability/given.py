"""A recording and its context without files, games or networks."""

import pathlib
import types

import numpy as np

from attn_agents.interpretability import context
from attn_agents.interpretability.recordings import record


class Recorded(dict):
  """Arrays of one game in which frame n is full of n."""

  path = pathlib.Path('recorded')
  frame_size = (2, 2)

  def __init__(self, rows, **arrays):
    numbers = np.arange(rows)
    super().__init__(
      frame=numbers[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8),
      row=numbers, step_type=np.ones(rows, np.int8), **arrays,
    )  # fmt: skip

  def __len__(self):
    return len(self['row'])

  def rows(self, name, rows):
    return self[name][rows]


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

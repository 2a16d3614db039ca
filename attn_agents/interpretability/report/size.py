"""How long a recording may be for browsers to open its report."""

from collections.abc import Collection

import jax
import numpy as np

from attn_agents import types
from attn_agents.interpretability.recordings import trained_agent
from configs import errors

MOST_BYTES = 60_000_000
# Figures, tables and the player.
_OTHER_BYTES = 6_000_000
# Of a frame as a PNG in base64; the hardest of Atari's take nine tenths of it.
_BYTES_PER_PIXEL = 0.08
_BYTES_PER_NUMBER = 11
# Of the agent, and per head: entropy, largest weight, cells, scale of the map.
_NUMBERS, _NUMBERS_PER_HEAD = 4, 4
# Maps are drawn at twice their height and width, as bytes in base64.
_BYTES_PER_CELL = 4 * 4 / 3


def require_fitting(
  played: trained_agent.TrainedAgent,
  analyses: Collection[str],
  max_steps: int,
  num_episodes: int,
) -> None:
  """Refuses a recording whose report no browser would open soon.

  Args:
    played: who plays.
    analyses: that are wanted, names of `registry.ANALYSES`.
    max_steps: agent steps, at most.
    num_episodes: whole games, at most; each has a row more than steps.

  Raises:
    ConfigError: with the steps that fit.
  """
  heads, cells = _attention(played)
  rows = rows_that_fit(
    played.environment_spec.screen_shape[:2],
    heads,
    cells,
    with_parts='what_where' in analyses,
  )
  most = max(1, rows - num_episodes)
  with_heads = f' with {heads} heads' if heads else ''
  errors.require(
    max_steps <= most,
    '--max_steps',
    max_steps,
    f'at most {most}, which a report of {MOST_BYTES / 1e6:.0f} MB holds'
    f'{with_heads}',
  )


def rows_that_fit(
  screen: tuple[int, int], heads: int, cells: int, with_parts: bool
) -> int:
  """Rows that a report of `MOST_BYTES` holds, at least.

  Args:
    screen: height and width of a frame.
    heads: 0 for an agent without attention.
    cells: of a head's map.
    with_parts: whether there is a second map of each head, what and where.
  """
  maps = 2 if with_parts else 1
  numbers = _NUMBERS + heads * (_NUMBERS_PER_HEAD + (2 if with_parts else 0))
  per_row = (
    _BYTES_PER_PIXEL * screen[0] * screen[1]
    + _BYTES_PER_NUMBER * numbers
    + _BYTES_PER_CELL * heads * cells * maps
  )
  return int((MOST_BYTES - _OTHER_BYTES) / per_row)


def _attention(played: trained_agent.TrainedAgent) -> tuple[int, int]:
  """Heads, and cells of each; computes nothing."""
  row = types.TimeStep(
    np.zeros((1, *played.environment_spec.observation_shape), np.uint8),
    np.zeros(1, np.float32),
    np.ones(1, np.float32),
    np.zeros(1, np.int8),
  )
  seen = jax.eval_shape(
    played.agent.inspect, played.params, row, played.agent.initial_state(1)
  )
  # Agents may have intermediates of that name or not.
  if 'attention' not in seen.intermediates:
    return 0, 0
  _, heads, height, width = seen.intermediates['attention'].shape
  return heads, height * width

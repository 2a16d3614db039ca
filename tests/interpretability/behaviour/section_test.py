"""What is followed may be nowhere, or unknown."""

import dataclasses

import numpy as np
import pytest

from attn_agents.interpretability.behaviour import compute, section
from attn_agents.interpretability.screen import cells, targets


@pytest.mark.parametrize(
  ('area', 'words'),
  [
    (0.125, 'Share of the screen: 12.50% on average.'),
    (0.0, 'It was never on the screen, so that nothing can overlap with it.'),
    (np.nan, 'Share of the screen: unknown, since the recording has no three'),
  ],
)
def test_the_share_of_the_screen_or_why_there_is_none(area, words):
  grid = cells.even((2, 2), (8, 8))
  rows = 6
  target = targets.Target(
    np.full((rows, 2, 2), area, np.float32), np.full(rows, area),
    np.full((rows, 2), np.nan), np.zeros(rows, int),
  )  # fmt: skip
  attention = np.full((rows, 1, 2, 2), 0.25, np.float32)
  found = compute.measure(attention, target, grid)
  table = section._overlap(found, 'balls')
  assert table.caption.startswith(f'Overlap with balls. {words}')
  lift = 1.0 if area == 0.125 else '-'
  # Nothing moves, so that there are no correlations.
  assert table.rows == [(1, lift, '-', '-', '-')]
  assert 'nan' not in str(dataclasses.asdict(table))

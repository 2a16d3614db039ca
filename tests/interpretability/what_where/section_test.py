"""The section on what and where shows six moments, and all in the player."""

import numpy as np
import pytest

from attn_agents.interpretability import context
from attn_agents.interpretability.what_where import compute, section
from tests.interpretability import given


def test_six_moments_are_drawn_and_every_row_is_in_the_player(monkeypatch):
  maps = np.random.default_rng(0).normal(size=(12, 2, 1, 2))
  found = compute.WhatWhere(maps, maps, maps, maps + 1, maps.sum(axis=(2, 3)))
  drawn = []
  monkeypatch.setattr(section.figure, 'draw', lambda *x: drawn.append(x))
  monkeypatch.setattr(section.compute, 'of_recording', lambda recorded: found)
  recorded = given.Recorded(12, attention=maps, queries=maps)
  section_found = section.run(given.make(recorded))
  ((frames, contribution, times),) = drawn
  rows = [0, 2, 4, 6, 8, 10]
  assert frames[:, 0, 0, 0].tolist() == rows
  np.testing.assert_array_equal(contribution, maps[rows] + 1)
  assert times == [0, 1, 2, 3, 4, 5]
  for head, layer in enumerate(section_found.layers):
    assert layer.name == f'What/where, head {head + 1}'
    assert layer.description.startswith(f'Head {head + 1}: red for content')
    assert layer.kind == 'signed'
    np.testing.assert_array_equal(layer.maps, maps[:, head] + 1)
    assert layer.rows.tolist() == list(range(12))
  assert len(section_found.layers) == 2
  assert section_found.numbers == found.summary()
  np.testing.assert_array_equal(section_found.arrays['contribution'], maps + 1)
  np.testing.assert_array_equal(section_found.arrays['balance'], found.balance)


@pytest.mark.parametrize(
  ('arrays', 'words'),
  [({}, 'no attention over cells'), ({'attention': 0}, 'have no queries')],
)
def test_agents_without_queries_are_told_why(arrays, words):
  with pytest.raises(context.DoesNotApplyError, match=words):
    section.run(given.make(given.Recorded(3, **arrays)))

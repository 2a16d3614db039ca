"""What is put to the test are the heads, their sum, and saliency."""

import types

import numpy as np

from attn_agents.interpretability.trust import section
from tests.interpretability import given


def test_pictures_are_the_heads_and_their_sum():
  attention = np.arange(12.0).reshape(1, 3, 2, 2)
  seen = types.SimpleNamespace(intermediates={'attention': attention})
  found = section._pictures(None, types.SimpleNamespace(seen=seen))
  assert list(found) == ['head 1', 'head 2', 'head 3', 'all heads']
  assert found['head 2'].tolist() == [[4, 5], [6, 7]]
  assert found['all heads'].tolist() == [[12, 15], [18, 21]]


def test_cells_go_by_all_heads_and_by_saliency_of_the_policy(monkeypatch):
  asked = []

  class Deletion:
    """Says what it was asked for."""

    def __init__(self, played, cells, num_maps):
      asked.append((cells, num_maps))

    def at(self, params, moment, maps):
      return (
        params,
        moment,
        {name: each.tolist() for name, each in maps.items()},
      )

  monkeypatch.setattr(section.deletion, 'Deletion', Deletion)
  monkeypatch.setattr(
    section.moments, 'restore', lambda played, recorded, rows: rows
  )
  attention = np.arange(8.0).reshape(2, 2, 1, 2)
  made = given.make(given.Recorded(9))
  made.__dict__['on_even_cells'] = lambda maps: 10 * maps

  def on_cells(cells):
    return np.array([[[1.0, 2.0]], [[3.0, 4.0]]]) * cells[1]

  maps = [types.SimpleNamespace(on_cells=on_cells)] * 2
  found = section._curves(made, [3, 7], attention, maps, (1, 2))
  assert asked == [((1, 2), 2)]
  assert found == [
    ('trained', row, {'attention': heads, 'saliency': [[2, 4]]})
    for row, heads in ((3, [[20, 40]]), (7, [[100, 120]]))
  ]

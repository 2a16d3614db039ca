"""The figures of the injection are legible, and show what they were given."""

import types

import numpy as np
import pytest

from attn_agents.interpretability.injection import figure
from tests.interpretability.drawing import legibility

_MADE = {
  'frames': lambda: figure.frames(
    legibility.FRAMES, legibility.FRAMES, legibility.weights(3, 4), [0, 1, 2]
  ),
}


@pytest.mark.parametrize('name', _MADE)
def test_text_is_legible(name):
  legibility.check(_MADE[name]())


@pytest.mark.parametrize('heads', [0, 2])
def test_each_panel_has_its_own_curve(monkeypatch, heads):
  drawn = []
  monkeypatch.setattr(
    figure.curves, 'panels', lambda *args, **options: drawn.append(args)
  )
  rows = np.arange(4.0)
  by_head = rows[:, None] + 10.0 * np.arange(heads)
  found = types.SimpleNamespace(
    mass=by_head, total_variation=by_head + 100, area=rows + 1,
    policy_kl=rows + 2, value_difference=rows + 3,
    visible=np.array([False, True, True, False]),
  )  # fmt: skip
  figure.divergence(rows / 2, found)
  ((seconds, panels, visible),) = drawn
  assert seconds.tolist() == [0.0, 0.5, 1.0, 1.5]
  assert visible == (0.5, 1.0)
  curves = {
    f'{name}/{label}': curve[0]
    for name, of_panel in panels.items()
    for label, curve in of_panel.items()
  }
  expected = {'Policy (KL, nats)/policy': 2.0, 'Value (difference)/value': 3.0}
  if heads:
    expected |= {
      'Attention (total variation)/head 1': 100.0,
      'Attention (total variation)/head 2': 110.0,
      'Attention on the object/head 1': 0.0,
      'Attention on the object/head 2': 10.0,
      f'Attention on the object/{figure._SHARE}': 1.0,
    }
  assert curves == expected

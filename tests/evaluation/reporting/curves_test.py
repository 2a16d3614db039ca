"""Figures of learning curves show what runs logged, and nothing beside it."""

import pathlib

import numpy as np
import pytest
from matplotlib import figure as figures

from attn_agents.evaluation.reporting import curves, run_results


def _run(game, returns):
  steps = tuple(60.0 * i for i in range(1, len(returns) + 1))
  return run_results.RunResult(
    path=pathlib.Path(game), agent='s3ta', algorithm='appo', preset='small',
    game=game, seed=1, frames=1000, seconds=steps[-1],
    training=run_results.Curve(steps, steps, returns),
    evaluation=run_results.Curve(),
    summary=None,
  )  # fmt: skip


@pytest.fixture
def drawn(monkeypatch):
  """The figures that were saved meanwhile."""
  found = []
  monkeypatch.setattr(
    figures.Figure, 'savefig', lambda self, *_, **__: found.append(self)
  )
  return found


@pytest.mark.parametrize('number', [1, 2, 3, 4, 7])
def test_a_panel_a_game_and_none_left_over(drawn, number):
  games = [f'game{i}' for i in range(number)]
  results = [_run(game, (1.0, 2.0)) for game in games]
  curves.draw(pathlib.Path('unused.png'), results, 'seconds')
  shown = [panel for panel in drawn[0].axes if panel.axison]
  assert [panel.get_title() for panel in shown] == games


def test_runs_of_a_game_are_thin_lines_and_their_mean_a_thick_one(drawn):
  results = [_run('pong', (0.0, 2.0)), _run('pong', (4.0, 6.0, 8.0))]
  curves.draw(pathlib.Path('unused.png'), results, 'seconds')
  first, second, mean = drawn[0].axes[0].lines[:3]
  np.testing.assert_allclose(first.get_xydata(), [[1, 0], [2, 2]])
  np.testing.assert_allclose(second.get_xydata(), [[1, 4], [2, 6], [3, 8]])
  np.testing.assert_allclose(mean.get_xydata()[[0, -1]], [[1, 2], [2, 4]])
  assert mean.get_linewidth() > second.get_linewidth()

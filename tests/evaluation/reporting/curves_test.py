"""Figures of learning curves show what runs logged, and nothing beside it."""

import pathlib

import numpy as np
import pytest
from matplotlib import figure as figures

from attn_agents.evaluation.reporting import curves, run_results


def _run(game, returns, agent='s3ta', scored=(), qualifier=''):
  at = (600.0,) * len(scored)
  steps = tuple(60.0 * i for i in range(1, len(returns) + 1))
  return run_results.RunResult(
    path=pathlib.Path(game), agent=agent, algorithm='appo', preset='small',
    game=game, seed=1, frames=1000, seconds=1000.0,
    training=run_results.Curve(steps, steps, returns),
    evaluation=run_results.Curve(at, at, scored),
    summary=None, qualifier=qualifier,
  )  # fmt: skip


@pytest.fixture
def drawn(monkeypatch):
  """The figures that were saved meanwhile."""
  found = []
  monkeypatch.setattr(
    figures.Figure, 'savefig', lambda self, *_, **__: found.append(self)
  )
  return found


@pytest.mark.parametrize(
  ('number', 'columns', 'rows'),
  [(1, 1, 1), (2, 2, 1), (3, 3, 1), (4, 3, 2), (7, 3, 3)],
)
def test_a_panel_a_game_and_none_left_over(drawn, number, columns, rows):
  games = [f'game{i}' for i in range(number)]
  results = [_run(game, (1.0, 2.0)) for game in games]
  curves.draw(pathlib.Path('unused.png'), results[:1], 'seconds')
  curves.draw(pathlib.Path('unused.png'), results, 'seconds')
  shown = [panel for panel in drawn[1].axes if panel.axison]
  assert [panel.get_title() for panel in shown] == games
  grid = shown[0].get_gridspec()
  assert (grid.ncols, grid.nrows) == (columns, rows)
  # Each panel is as large as that of a single game.
  one, all_ = (figure.get_size_inches() for figure in drawn)
  np.testing.assert_allclose(all_, one * (columns, rows))


def test_runs_of_a_game_are_thin_lines_and_their_mean_a_thick_one(drawn):
  results = [_run('pong', (0.0, 2.0)), _run('pong', (4.0, 6.0, 8.0))]
  curves.draw(pathlib.Path('unused.png'), results, 'seconds')
  first, second, mean = drawn[0].axes[0].lines[:3]
  np.testing.assert_allclose(first.get_xydata(), [[1, 0], [2, 2]])
  np.testing.assert_allclose(second.get_xydata(), [[1, 4], [2, 6], [3, 8]])
  np.testing.assert_allclose(mean.get_xydata()[[0, -1]], [[1, 2], [2, 4]])
  thin = {first.get_linewidth(), second.get_linewidth()}
  assert max(thin) < 1 < mean.get_linewidth()
  assert first.get_alpha() < 1 and mean.get_alpha() is None


def test_an_agent_has_one_colour_in_all_panels_and_in_the_legend(drawn):
  results = [
    _run('pong', (0.0, 2.0), scored=(7.0,)),
    _run('boxing', (0.0, 2.0), agent='drarl'),
    # No game has ended yet.
    _run('pong', (), agent='drarl', scored=(9.0,)),
    _run('pong', (1.0, 2.0)),
    *(_run('boxing', (), qualifier=f' {i}') for i in range(9)),
  ]
  curves.draw(pathlib.Path('unused.png'), results, 'frames')
  (legend,) = drawn[0].legends
  colours = {
    text.get_text(): line.get_color()
    for text, line in zip(legend.get_texts(), legend.get_lines(), strict=True)
  }
  assert list(colours) == [
    'drarl', 's3ta', *(f's3ta {i}' for i in range(9)),
  ]  # fmt: skip
  # Ten differ; then they start again.
  assert len(set(colours.values())) == 10
  boxing, pong = drawn[0].axes
  for panel in (boxing, pong):
    assert panel.get_xlabel() == 'emulator frames'
    assert panel.get_ylabel() == 'return, mean of 100 games'
    assert panel.xaxis.get_gridlines()[0].get_visible()
  # Of a single run there is no mean, and this one has no dots.
  line, *others = boxing.lines
  assert line.get_color() == colours['drarl']
  assert line.get_xydata().tolist() == [[60, 0], [120, 2]]
  assert not any(len(other.get_xydata()) for other in others)
  dot, *runs = pong.lines
  assert dot.get_xydata().tolist() == [[600, 9]]
  assert (dot.get_color(), dot.get_marker()) == (colours['drarl'], 'o')
  assert {line.get_color() for line in runs} == {colours['s3ta']}
  assert runs[3].get_xydata().tolist() == [[600, 7]]


def test_the_mean_is_taken_where_all_curves_are_defined():
  x, y = curves.mean_curve([([0, 10], [0, 10]), ([5, 9, 13], [1, 1, 1])])
  assert (x[0], x[-1]) == (5, 10)
  np.testing.assert_allclose(y, (x + 1) / 2)


@pytest.mark.parametrize('start', [1, 2])
def test_curves_that_share_no_stretch_have_no_mean(start):
  later = [start, start + 1]
  x, y = curves.mean_curve([([0, 1], [0, 0]), (later, [0, 0])])
  assert x.size == y.size == 0

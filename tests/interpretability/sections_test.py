"""Every number of the report's tables stands in its own column and row."""

import pathlib

import numpy as np
import pytest

from attn_agents.interpretability import context
from attn_agents.interpretability.behaviour import compute as behaviour_compute
from attn_agents.interpretability.behaviour import section as behaviour
from attn_agents.interpretability.gradients import compute as gradients_compute
from attn_agents.interpretability.gradients import section as gradients
from attn_agents.interpretability.injection import section as injection
from attn_agents.interpretability.recordings import record, trained_agent
from attn_agents.interpretability.saliency import compute as saliency_compute
from attn_agents.interpretability.saliency import options as saliency_options
from attn_agents.interpretability.saliency import section as saliency
from attn_agents.interpretability.screen import cells
from attn_agents.interpretability.trust import (
  agreement,
  deletion,
  randomised_weights,
)
from attn_agents.interpretability.trust import section as trust
from attn_agents.interpretability.weights import compute as weights_compute
from attn_agents.interpretability.weights import section as weights
from attn_agents.interpretability.what_where import section as what_where
from configs import agents
from tests.interpretability import given as given_lib

_FRAME = (20, 30)


def _given(recorded, **changes):
  facts = {'run': '/runs/pong', 'checkpoint': 7}
  played = trained_agent.TrainedAgent(agents.make('s3ta', 'small'), {}, facts)
  return context.Context(
    **{
      'played': played, 'recorded': recorded, 'plan': record.Plan(),
      'directory': pathlib.Path(), 'trained': played.config,
      'checkpoints': pathlib.Path(), **changes,
    }
  )  # fmt: skip


def _recorded(rows, **arrays):
  return given_lib.Recorded(
    rows, _FRAME, action=np.zeros(rows, np.int32), **arrays
  )


def _map(row, policy, value, place):
  """Saliency that is `policy` and `value` at one of 2 x 3 places."""
  at = np.zeros((2, 3))
  at[place] = 1.0
  rows, columns = np.array([0.25, 0.75]), np.array([1, 3, 5]) / 6
  return saliency_compute.SaliencyMap(
    row, policy * at, value * at, rows, columns, _FRAME
  )


@pytest.fixture(name='of_saliency')
def _of_saliency(monkeypatch):
  """Two heads, and three maps; the second is the policy's largest."""
  attention = np.zeros((4, 2, 2, 3), np.float32)
  attention[:, 0, 0, 0] = attention[:, 1, 1, 2] = 1.0
  given = _given(_recorded(4, attention=attention))
  given.chosen = [saliency_options.Options(maps=3)]
  # So that cells are where maps have them.
  given.__dict__['grid'] = cells.even((2, 3), _FRAME)
  maps = [
    _map(0, 0.125, 4.0, (0, 0)), _map(1, 0.5, 1.0, (1, 2)),
    _map(2, 0.25, 2.0, (0, 0)),
  ]  # fmt: skip
  drawn = []

  def draw(*args):
    drawn.append(args)

  monkeypatch.setattr(
    saliency_compute, 'saliency_maps', lambda played, recorded, rows: maps
  )
  monkeypatch.setattr(saliency.figure, 'draw', draw)
  told = []
  given.say = told.append
  return saliency.run(given), drawn, told


def test_saliency_lists_the_largest_of_each_map(of_saliency):
  found, _, told = of_saliency
  assert found.numbers == {
    'rows': [0, 1, 2],
    'largest_policy': [0.125, 0.5, 0.25],
    'largest_value': [4.0, 1.0, 2.0],
  }
  assert found.arrays['rows'].tolist() == [0, 1, 2]
  # Cells of 5 pixels.
  assert found.arrays['policy'].shape == (3, 4, 6)
  assert found.arrays['policy'].max(axis=(1, 2)).argmax() == 1
  assert found.arrays['value'].max(axis=(1, 2)).argmax() == 0
  for layer, name in zip(found.layers, ('policy', 'value'), strict=True):
    assert layer.name == f'Saliency of the {name}'
    np.testing.assert_array_equal(layer.maps, found.arrays[name])
  assert told[-1] == 'saliency: 3 of 3 maps'


def test_saliency_shows_its_largest_moment_and_the_head_most_like_it(
  of_saliency,
):
  found, ((frame, agents_drawn, heads),), _ = of_saliency
  assert 'at step 1,' in found.captions['saliency']
  assert (frame == 1).all()
  ((name, (policy, value)),) = agents_drawn.items()
  assert name == 's3ta'
  assert (policy.max(), value.max()) == (0.5, 1.0)
  # Of head 2, which looks where the policy depends on the screen.
  head = heads['s3ta']
  height, width = head.shape
  assert head[height // 2 :, 2 * width // 3 :].sum() > 0.5 * head.sum()


def test_saliency_puts_the_agent_it_is_compared_with_first(monkeypatch):
  given = _given(_recorded(3), other=_given(None).played)
  given.__dict__['shown_to_other'] = 'other', 'shown'
  given.chosen = [saliency_options.Options(maps=1)]
  asked, drawn = [], []

  def maps(played, recorded, rows):
    asked.append((played, recorded, list(rows)))
    yield _map(rows[0], 0.25 if played == 'other' else 0.5, 1.0, (0, 0))

  monkeypatch.setattr(saliency_compute, 'saliency_maps', maps)
  monkeypatch.setattr(saliency.figure, 'draw', lambda *x: drawn.append(x))
  found = saliency.run(given)
  (_, shown, heads) = drawn[0]
  ours, theirs = given.labels
  assert list(shown) == [theirs, ours]
  assert [policy.max() for policy, _ in shown.values()] == [0.25, 0.5]
  assert heads is None
  assert asked[1] == ('other', 'shown', found.numbers['rows'])


def test_what_where_has_a_column_for_each_number():
  table = what_where._table({
    'balance_mean': [0.5, -0.25], 'balance_deviation': [0.125, 0.0625],
    'what_rows': [0.75, 0.1], 'where_rows': [0.2, 0.9],
  })  # fmt: skip
  assert table.columns == (
    'head', 'mean balance', 'standard deviation', 'steps by what',
    'steps by where',
  )  # fmt: skip
  assert table.rows == [
    (1, '+0.50', '0.12', '75%', '20%'), (2, '-0.25', '0.06', '10%', '90%'),
  ]  # fmt: skip


def test_weights_have_a_column_for_each_number():
  # Over 1 x 2 cells: one head on one of them, in turn; one on both.
  attention = np.array([[[[1, 0]], [[0.5, 0.5]]], [[[0, 1]], [[0.5, 0.5]]]])
  found = weights_compute.distribution(attention)
  table = weights._table(found.summary())
  assert table.columns == (
    'head', 'entropy (nats)', 'effective cells', 'largest weight',
    'effective cells of the mean map',
  )  # fmt: skip
  np.testing.assert_allclose(
    table.rows, [(1, 0, 1, 1, 2), (2, np.log(2), 2, 0.5, 2)], atol=1e-12
  )
  assert table.caption.endswith('0.69 nats.')


def test_behaviour_has_a_column_for_each_number():
  heads = np.arange(2.0)
  lags = np.arange(-2, 3)
  found = behaviour_compute.Behaviour(
    lags=lags, share=heads + 10, area=0.25,
    # By head and lag; the present is in the middle.
    lift=10.0 * heads[:, None] + np.arange(5.0),
    correlation=np.zeros((2, 5)), look_ahead=heads + 20,
    best_correlation=heads + 30, chance=heads + 40, speed=heads + 50,
    focus=heads + 60, coverage=heads + 70, overlap=np.zeros((2, 3)),
    persistence=np.array([np.inf, np.nan]),
  )  # fmt: skip
  table = behaviour._statistics(found)
  assert table.columns == (
    'head', 'speed (pixels/step)', 'focus', 'coverage', 'persistence (steps)',
  )  # fmt: skip
  assert table.rows == [
    (1, 50.0, 60.0, 70.0, f'> {behaviour_compute.MAX_LAG}'),
    (2, 51.0, 61.0, 71.0, '-'),
  ]
  table = behaviour._overlap(found, 'the ball')
  assert table.columns == (
    'head', 'lift', 'look-ahead (steps)', 'correlation at the look-ahead',
    'chance level',
  )  # fmt: skip
  assert table.rows == [
    (1, 2.0, 20.0, 30.0, 40.0), (2, 12.0, 21.0, 31.0, 41.0),
  ]  # fmt: skip
  assert found.summary()['lift'] == [2.0, 12.0]


def _curves(offset):
  """Flat curves, so that areas are their values: two maps, three draws."""
  # By play, output, map: 0, 1, 2, ...
  ordered = np.arange(8.0).reshape(2, 2, 2, 1) + offset
  random = np.arange(12.0).reshape(2, 2, 3, 1) + 100 + offset
  points = np.ones(4)
  return deletion.Curves(
    0, ('attention', 'saliency'), np.linspace(0, 1, 4), ordered * points,
    random * points,
  )  # fmt: skip


def test_areas_are_means_over_moments_in_their_columns():
  table = trust._areas([_curves(0.0), _curves(1.0)])
  assert table.columns == (
    'order of cells', 'deletion, policy', 'deletion, value',
    'insertion, policy', 'insertion, value',
  )  # fmt: skip
  names, *columns = zip(*table.rows, strict=True)
  assert names == ('attention', 'saliency', 'random')
  # Random: the mean of three draws.
  np.testing.assert_allclose(
    columns,
    [(0.5, 1.5, 101.5), (2.5, 3.5, 104.5), (4.5, 5.5, 107.5),
     (6.5, 7.5, 110.5)],
  )  # fmt: skip


def test_deletion_and_insertion_are_drawn_of_the_policy(monkeypatch):
  drawn = []
  monkeypatch.setattr(trust.figure, 'draw', lambda *x: drawn.append(x))
  agreed = {
    name: agreement.Agreement(np.full(2, same), np.full(2, -same))
    for name, same in (('head 1', 0.5), ('all heads', 0.25))
  }
  trust._draw([_curves(0.0), _curves(1.0)], agreed)
  (fractions, deleted, inserted, agreement_drawn, baselines) = drawn[0]
  assert fractions.tolist() == np.linspace(0, 1, 4).tolist()
  assert {k: v.mean() for k, v in deleted.items()} == {
    'attention': 0.5, 'saliency': 1.5, 'random': 101.5,
  }  # fmt: skip
  assert {k: v.mean() for k, v in inserted.items()} == {
    'attention': 4.5, 'saliency': 5.5, 'random': 107.5,
  }  # fmt: skip
  assert {k: v.tolist() for k, v in agreement_drawn.items()} == {
    'head 1': [0.5, 0.5], 'all heads': [0.25, 0.25],
    'other steps': [-0.5, -0.5, -0.25, -0.25],
  }  # fmt: skip
  assert baselines == ('random', 'other steps')


def test_random_weights_have_a_column_for_each_stage():
  found = randomised_weights.Sanity(
    ('head 1', 'all heads'), ('policy', 'all'), np.arange(2),
    # By stage, picture and row.
    np.array([[[0.5, 1.0], [np.nan, 0.25]], [[0.0, 0.5], [np.nan, np.nan]]]),
    np.array([[0.125, 0.375], [np.nan, -1.0]]),
  )  # fmt: skip
  table = trust._sanity(found)
  assert table.columns == ('map', 'policy', 'all', 'baseline')
  assert table.rows == [
    ('head 1', 0.75, 0.25, 0.25), ('all heads', 0.25, '-', -1.0),
  ]  # fmt: skip


def test_gradients_are_listed_by_agent(monkeypatch):
  drawn, asked = [], []
  edges = np.array([0.0, 1.0, np.inf])
  counts = {'ours': np.array([3, 1]), 'other': np.array([1, 4])}

  def histogram(agent, recorded, first_row, num_rows):
    asked.append((recorded, first_row, num_rows))
    name = 'other' if agent == 'other' else 'ours'
    return gradients_compute.GradientHistogram(
      np.arange(5), 'logit', edges, counts[name]
    )

  monkeypatch.setattr(gradients.compute, 'histogram', histogram)
  monkeypatch.setattr(gradients.figure, 'draw', lambda *x: drawn.append(x))
  recorded = _recorded(3)
  given = _given(recorded, other=_given(None).played)
  given.__dict__['shown_to_other'] = 'other', 'shown'
  given.chosen = [gradients.Options(rows=9)]
  found = gradients.run(given)
  ours, theirs = given.labels
  assert found.numbers == {
    theirs: {
      'rows': 5, 'output': 'logit', 'edges': [0.0, 1.0],
      'percent': [20.0, 80.0],
    },
    ours: {
      'rows': 5, 'output': 'logit', 'edges': [0.0, 1.0],
      'percent': [75.0, 25.0],
    },
  }  # fmt: skip
  assert asked == [('shown', 0, 9), (recorded, 0, 9)]
  assert found.arrays['counts'].tolist() == [[1, 4], [3, 1]]
  ((_, shares),) = drawn
  assert shares[ours].tolist() == [0.75, 0.25]
  assert found.captions['gradients'].endswith('over 5 steps from step 0.')


@pytest.mark.parametrize(
  ('visible', 'common', 'rows'),
  [
    (range(100), 100, [0, 20, 40, 59, 79, 99]),
    # What only one of both games has is not shown.
    (range(10, 30), 12, [10, 11]),
    ([5], 6, [5]),
    ([5], 5, []),
  ],
)
def test_moments_of_both_games_are_spread_evenly(visible, common, rows):
  found = injection._moments(np.array(visible), common)
  assert len(rows) <= injection._MOMENTS
  assert found.tolist() == rows


def test_a_difference_is_told_with_its_step():
  assert injection._differ(None) == 'Its actions never differ.'
  # The very first step is a step, too.
  assert 'from step 0 on' in injection._differ(0)


@pytest.mark.parametrize(
  ('rows', 'count', 'expected'),
  [
    # The last row was not played; the first 51 of a game are left out.
    (54, 2, [51, 52]),
    (54, 3, [0, 26, 52]),
    (53, 1, [51]),
    (52, 1, [0]),
  ],
)
def test_rows_are_taken_from_what_has_settled(rows, count, expected):
  assert _given(_recorded(rows)).rows(count) == expected


def test_seconds_are_those_of_the_game():
  # Atari has 60 frames a second, of which a step takes four.
  found = _given(_recorded(3)).seconds([0, 30])
  assert found == pytest.approx([0.0, 2.0])

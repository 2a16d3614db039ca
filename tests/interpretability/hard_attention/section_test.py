"""The table says why a number is missing."""

from attn_agents.interpretability.hard_attention import compute, section


def _rows(returns, game='pong'):
  found = compute.compare(game, [0.0, 0.1], returns)
  return section._table(found).rows


def test_a_ratio_has_the_error_of_both_means():
  # Means 4 and 2 with errors 1 and 1: 0.5, and hypot(1, 0.5 x 1) / 4.
  rows = _rows([[3.0, 5.0], [1.0, 3.0]])
  assert [row[1:5] for row in rows] == [
    (4.0, 2, 1.0, '100.0 ± 0.0 %'),
    (2.0, 2, 1.0, '50.0 ± 28.0 %'),
  ]


def test_one_game_has_no_error():
  assert [row[1:5] for row in _rows([[100.0], [66.0]])] == [
    (100.0, 1, 'unknown: one game', '100.0 ± 0.0 %'),
    (66.0, 1, 'unknown: one game', '66.0 %, error unknown: one game'),
  ]


def test_a_ratio_to_nothing_is_undefined():
  rows = _rows([[-3.0, -5.0], [1.0, 3.0]], game='catch')
  assert [row[4] for row in rows] == ['undefined: t = 0 is not above 0'] * 2
  assert [row[5] for row in rows] == ['', 'not printed']


def test_games_that_are_played_again_have_no_error_of_their_own():
  # 3, 5 and the same again: as the two games alone.
  found = compute.compare(
    'pong', [0.0], [[3.0, 5.0, 3.0, 5.0]], [['a', 'b', 'a', 'b']]
  )
  assert (found.means[0], found.distinct[0], found.errors[0]) == (4.0, 2, 1.0)


def test_the_table_says_what_its_columns_are():
  table = section._table(compute.compare('pong', [0.0, 0.1], [[1.0], [2.0]]))
  assert table.caption == 'Scores in pong by threshold t.'
  assert table.columns == (
    't', 'mean return', 'games that differ', 'standard error',
    'relative to t = 0', 'published (t = 0.1)',
  )  # fmt: skip
  assert [row[0] for row in table.rows] == [0.0, 0.1]

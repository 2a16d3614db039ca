import math

import numpy as np
import pytest

from attn_agents.evaluation import scores
from attn_agents.learning import batching, game_scores, metrics
from attn_agents.runs import checkpoints, snapshots
from attn_agents.utils import metrics_table

_GAMES = ('breakout', 'catch', 'pong')


def _info(games=(), returns=(), steps=(0, 0, 0)):
  return batching.BatchInfo(
    agent_steps=sum(steps),
    versions=np.array([0]),
    game_returns=np.array(returns, np.float32),
    game_lengths=np.full(len(games), 5),
    games=np.array(games, np.int32),
    steps_of_games=np.array(steps),
    actor_seconds=np.ones(4),
  )


def test_returns_and_shares_are_of_each_game():
  found = game_scores.GameScores(_GAMES, scores.mean_capped)
  found.add(_info([0, 1, 1], [31.0, 1.0, -1.0], steps=(30, 50)))
  found.add(_info([1], [1.0], steps=(10, 10, 100)))
  row = found.close()
  assert row['return_breakout'] == 31.0
  assert row['return_catch'] == pytest.approx(1 / 3)
  assert math.isnan(row['return_pong'])
  assert row['scored_games'] == 2
  # More than the human's 30.5, and Catch has no human.
  assert row['capped_score'] == 1.0
  assert [row[f'share_{game}'] for game in _GAMES] == [0.2, 0.3, 0.5]
  later = found.close()
  assert later['return_breakout'] == 31.0
  assert math.isnan(later['share_breakout'])


def test_the_capped_score_is_a_mean_over_games_with_references():
  # Breakout: random 1.7, human 30.5; pong: -20.7 and 14.6.
  got = scores.mean_capped({'breakout': 16.1, 'pong': 21.0, 'catch': 1.0})
  assert got == pytest.approx((0.5 + 1.0) / 2)
  below = scores.mean_capped({'breakout': 1.7 - 28.8, 'pong': 14.6})
  assert below == pytest.approx(0.0)
  assert math.isnan(scores.mean_capped({'catch': 1.0}))
  one = scores.mean_capped({'video_pinball': 8833.95}, 's3ta')
  assert one == pytest.approx(0.5)


def test_a_continued_run_knows_its_last_games(tmp_path):
  before = game_scores.GameScores(_GAMES, scores.mean_capped)
  before.add(_info([2, 0, 2], [-21.0, 2.0, -19.0]))
  snapshot = snapshots.Snapshot(
    {'w': np.zeros(2, np.float32)},
    snapshots.Counters(learner_steps=3),
    recent_of_games=before.recent,
  )
  saved = checkpoints.Checkpointer(tmp_path)
  saved.save(snapshot)
  restored = saved.restore(snapshot.state)
  saved.close()
  assert restored.recent_of_games == ((0, 2.0), (2, -21.0), (2, -19.0))
  after = game_scores.GameScores(
    _GAMES, scores.mean_capped, restored.recent_of_games
  )
  assert after.close()['return_pong'] == -20.0


def test_a_run_of_one_game_has_no_columns_of_games():
  alone = game_scores.GameScores(('pong',), scores.mean_capped)
  alone.add(_info([0], [3.0], steps=(7,)))
  assert (alone.close(), alone.recent) == ({}, ())
  assert metrics.columns(('pong',)) == metrics.columns()


def test_metrics_have_a_row_of_all_games(tmp_path):
  window = metrics.Window(
    scores=game_scores.GameScores(_GAMES, scores.mean_capped)
  )
  window.add({}, _info([2], [-21.0], (1, 1, 2)), np.array([1]), 0.1, 0.2)
  writer = metrics.MetricsWriter(tmp_path, 0, _GAMES)
  counters = snapshots.Counters(frames=16, learner_steps=1)
  writer.write(window.close(counters, 0, 1.0, {}))
  writer.close()
  row = metrics_table.last(tmp_path / 'metrics.csv')
  assert tuple(row) == metrics.columns(_GAMES)
  assert (row['return_pong'], row['share_pong']) == (-21.0, 0.5)

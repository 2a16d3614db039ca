import json

import numpy as np
import pytest

from attn_agents.evaluation import episodes, evaluator, policies
from attn_agents.interpretability.hard_attention import (
  compute as hard_attention,
)
from attn_agents.interpretability.recordings import (
  moments,
  record,
  trained_agent,
)
from attn_agents.networks.layers import attention
from tests.interpretability import playing

PLAN = evaluator.Plan(num_episodes=12, num_envs=6)


@pytest.fixture(scope='module')
def played():
  return playing.make_agent()


@pytest.fixture(scope='module')
def recorded(played, tmp_path_factory):
  path = tmp_path_factory.mktemp('hard') / 'recorded'
  return record.record(played, record.Plan(max_steps=9), path)


def _hardened(played, threshold):
  other = trained_agent.TrainedAgent(played.config, played.params, played.facts)
  other.__dict__['network'] = hard_attention.with_threshold(
    played.network, threshold, 's3ta'
  )
  return other


def _slow_harden(weights, t):
  kept = [w if w >= t * max(weights) else 0.0 for w in weights]
  return [w / sum(kept) for w in kept]


@pytest.mark.parametrize('threshold', [0.1, 0.4, 1.0])
def test_equations_12_and_13_equal_loops(threshold):
  rng = np.random.default_rng(0)
  weights = rng.dirichlet(np.full(12, 0.5), size=(3, 2)).astype(np.float32)
  found = np.asarray(attention.harden(weights, threshold))
  for b, head in np.ndindex(3, 2):
    expected = _slow_harden(weights[b, head].tolist(), threshold)
    np.testing.assert_allclose(found[b, head], expected, atol=1e-6)
  assert 0 < (found == 0).sum() <= found.size - 6


@pytest.fixture
def actions(monkeypatch):
  """All that any agent does from now on."""
  taken = []
  act = policies.AgentPolicy.act

  def watched(self, timestep):
    taken.append(act(self, timestep))
    return taken[-1]

  monkeypatch.setattr(policies.AgentPolicy, 'act', watched)
  return taken


def test_threshold_0_is_the_unmodified_agent(played, actions):
  assert (
    hard_attention.with_threshold(played.network, 0.0, 's3ta') == played.network
  )
  games = evaluator.Evaluator(played.config, PLAN).evaluate(played.params)
  plain = np.stack(actions)
  actions.clear()
  result = hard_attention.measure(played, PLAN, [0.0])
  np.testing.assert_array_equal(plain, np.stack(actions))
  assert result.returns.tolist() == [[game.game_return for game in games]]
  assert len(set(result.returns[0])) == 2
  assert plain.shape == (19, 6)
  assert set(plain.flat) == {0, 1, 2}


def test_a_threshold_that_drops_nothing_leaves_maps_as_they_are(
  played, recorded
):
  for moment in moments.restore(_hardened(played, 1e-30), recorded):
    maps = np.asarray(moment.seen.intermediates['attention'])[0]
    np.testing.assert_allclose(maps, recorded['attention'][moment.row], 1e-5)


def test_a_threshold_of_1_leaves_the_largest_weight_only(played, recorded):
  maps = np.concatenate(
    [
      moment.seen.intermediates['attention']
      for moment in moments.restore(_hardened(played, 1.0), recorded)
    ]
  )
  np.testing.assert_allclose(maps.max(axis=(2, 3)), 1)
  assert (maps > 0).sum() == 2 * len(recorded)
  # Later rows are asked about differently, the first is not.
  np.testing.assert_array_equal(
    maps[0].reshape(2, -1).argmax(axis=1),
    recorded['attention'][0].reshape(2, -1).argmax(axis=1),
  )


def test_thresholds_are_played_in_order_and_0_first(played, monkeypatch):
  def play(self, params, *, report, should_stop):
    del params, should_stop
    threshold = self._agent._network.attention_threshold
    games = [
      episodes.Episode(0, i, 10 - threshold, 9, episodes.GAME_OVER)
      for i in range(self.plan.num_episodes)
    ]
    for game in games:
      report(game)
    return games

  monkeypatch.setattr(evaluator.Evaluator, 'evaluate', play)
  seen = []
  result = hard_attention.measure(
    played, PLAN, [1.0, 0.5], report=lambda t, episode: seen.append(t)
  )
  np.testing.assert_array_equal(result.thresholds, [0, 0.5, 1])
  assert seen == [0.0] * 12 + [0.5] * 12 + [1.0] * 12
  np.testing.assert_array_equal(result.returns[:, 0], [10, 9.5, 9])
  np.testing.assert_allclose(result.ratios, [1, 0.95, 0.9])


def test_ratio_and_its_uncertainty():
  # Against many draws of two independent means.
  rng = np.random.default_rng(0)
  draws = (80 + 4 * rng.normal(size=10**6)) / (100 + 3 * rng.normal(size=10**6))
  ratio, uncertainty = hard_attention.ratio(80, 4, 100, 3)
  assert ratio == 0.8
  assert uncertainty == pytest.approx(draws.std(), rel=0.01)
  assert uncertainty == pytest.approx(0.8 * (0.05**2 + 0.03**2) ** 0.5)
  assert hard_attention.ratio(0, 4, 100, 3) == (0, 0.04)
  assert np.isnan(hard_attention.ratio(3, 1, -20, 1)).all()


def test_table_5_has_ours_beside_the_published():
  result = hard_attention.compare(
    'breakout', [0, 0.1, 0.5], [[300, 400, 500], [200, 400, 420], [1, 2, 3]]
  )
  rows = result.rows()
  assert [row['threshold'] for row in rows] == [0.1, 0.5]
  assert rows[0]['level'] == 'breakout'
  assert rows[0]['relative_score_pct'] == pytest.approx(85)
  error, base = np.std([200, 400, 420], ddof=1), 100.0
  expected = 85 * ((error / 340) ** 2 / 3 + (base / 400) ** 2 / 3) ** 0.5
  assert rows[0]['uncertainty_pct'] == pytest.approx(expected)
  assert rows[0]['published_pct'] == pytest.approx(88)
  assert rows[0]['published_uncertainty_pct'] == pytest.approx(11)
  assert rows[1]['published_pct'] is None
  assert (result.ratios[0], result.uncertainties[0]) == (1, 0)
  other = hard_attention.compare('pong', [0, 0.1], [[-20, -21], [-19, -21]])
  assert other.rows()[0]['published_pct'] is None
  assert other.rows()[0]['relative_score_pct'] is None
  json.dumps([result.summary(), other.summary()], allow_nan=False)


def test_agents_without_attention_are_named():
  with pytest.raises(ValueError, match='impala_ff cannot play with hard'):
    hard_attention.measure(playing.make_agent(resnet=True), PLAN, [0.5])


def test_thresholds_are_shares(played):
  with pytest.raises(ValueError, match='from 0 to 1'):
    hard_attention.measure(played, PLAN, [10])

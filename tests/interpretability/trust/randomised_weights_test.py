import jax
import numpy as np
import scipy.stats

from attn_agents.interpretability.recordings import moments
from attn_agents.interpretability.trust import randomised_weights
from tests.interpretability import playing, synthetic


def test_weights_are_drawn_anew_from_the_top_down():
  played = playing.make_agent()
  trained = jax.tree.map(lambda x: np.zeros(x.shape), played.params)
  fresh = jax.tree.map(lambda x: np.ones(x.shape), played.params)
  stages = randomised_weights.cascade(trained, fresh)
  drawn = [
    {name for name, tree in params.items() if jax.tree.leaves(tree)[0].all()}
    for params in stages
  ]
  head = {'head', 'policy', 'baseline'}
  assert drawn[0] == head
  assert drawn[1] == head | {'policy_core'}
  assert (
    drawn[2] == set(trained) == head | {'policy_core', 'vision_core', 'torso'}
  )
  assert all(params.keys() == trained.keys() for params in stages)


def test_residual_networks_have_the_same_stages():
  params = playing.make_agent(resnet=True, lstm_size=8).params
  stages = randomised_weights.cascade(
    dict.fromkeys(params, 0), dict.fromkeys(params, 1)
  )
  drawn = [{name for name, value in s.items() if value} for s in stages]
  assert drawn[0] == {'policy', 'baseline'}
  assert drawn[1] == drawn[0] | {'lstm', 'hidden'}
  assert drawn[2] == set(params)


def test_attention_changes_with_what_is_below_it_only(tmp_path, monkeypatch):
  played = playing.make_agent()

  # Compiling the real initialisers takes long.
  weights = np.random.default_rng(1)
  fresh = jax.tree.map(
    lambda x: 0.3 * weights.normal(size=x.shape).astype(np.float32),
    played.params,
  )
  monkeypatch.setattr(played.agent, 'initial_params', lambda key: fresh)
  rng = np.random.default_rng(0)
  seen = rng.integers(0, 256, (4, *playing.OBSERVATION_SHAPE), dtype=np.uint8)
  recorded = synthetic.record(tmp_path / 'r', seen)

  def pictures(shown, moment):
    maps = np.asarray(moment.seen.intermediates['attention'][0])
    return {
      'first': maps[0],
      'second': maps[1],
      'grey': moment.timestep.observation[0].mean(axis=-1),
    }

  found = randomised_weights.check(played, recorded, [1, 3], pictures)
  assert found.names == ('first', 'second', 'grey')
  assert found.similarity.shape == (3, 3, 2)
  np.testing.assert_array_equal(found.rows, [1, 3])
  # The head is above attention, and the screen is no picture of the agent.
  np.testing.assert_allclose(found.similarity[0], 1.0)
  np.testing.assert_allclose(found.similarity[:, 2], 1.0)
  assert np.abs(found.similarity[1:, :2]).max() < 0.9
  # All weights are new in the last stage: the maps of a new agent, which comes
  # to the row by itself.
  new = played.with_params(fresh)
  pair = [
    np.asarray(
      next(moments.restore(each, recorded, [3])).seen.intermediates['attention']
    )
    for each in (played, new)
  ]
  expected = scipy.stats.spearmanr(*(maps[0, 1].ravel() for maps in pair))
  np.testing.assert_allclose(
    found.similarity[2, 1, 1], expected.statistic, atol=1e-6
  )
  # With two rows, the only other one is the baseline of each.
  grey = [seen[row].mean(axis=-1).ravel() for row in (1, 3)]
  np.testing.assert_allclose(
    found.baseline[2], scipy.stats.spearmanr(*grey).statistic
  )


def test_random_weights_are_not_what_a_run_of_the_seed_starts_from(
  tmp_path, monkeypatch
):
  played = synthetic.make_agent()
  monkeypatch.setattr(
    played.agent,
    'initial_params',
    lambda key: {'policy': jax.random.normal(key)},
  )
  recorded = synthetic.record(tmp_path / 'r', synthetic.observations(2))
  drawn = []

  def pictures(shown, moment):
    drawn.append(float(shown.params['policy']))
    return {'any': moment.timestep.observation[0, ..., 0]}

  for seed in (0, 1, 0):
    randomised_weights.check(played, recorded, [1], pictures, seed)
  # Each time first the trained network, then one of each stage.
  starts = [float(jax.random.normal(jax.random.key(seed))) for seed in (0, 1)]
  assert drawn[0] == drawn[4] == 1.0
  assert len({*starts, drawn[1], drawn[5]}) == 4
  assert drawn[9] == drawn[1] == drawn[2] == drawn[3]

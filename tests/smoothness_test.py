"""What `results.smoothness` tells of logits whose form is known."""

import jax
import numpy as np
import pytest

from attn_agents import experiment, types
from configs import resolution
from results import smoothness


def _states(count=3000):
  rng = np.random.default_rng(1)
  places = rng.uniform(10, 60, (count, 4))
  # Beside every tenth state, one of another game that is a pixel away.
  places[1::10] = places[::10] + rng.uniform(-0.5, 0.5, places[::10].shape)
  return places, np.arange(count), rng


def test_logits_that_follow_the_places_are_alike_where_places_are():
  places, games, _ = _states()
  logits = np.stack([places[:, 0], places[:, 2], np.zeros(len(places))], -1)
  found = smoothness.shares(logits, places, games)
  # Of places d pixels apart, these logits are d^2 / 4 apart in a coordinate;
  # two screens in 50 pixels each way are 2 * 50^2 / 12 apart.
  assert found[0] < 0.001
  assert np.all(np.diff(found[np.isfinite(found)]) > 0)


def test_logits_that_have_nothing_to_do_with_places_are_as_far_as_any():
  places, games, rng = _states()
  found = smoothness.shares(rng.normal(size=(len(places), 3)), places, games)
  np.testing.assert_allclose(found[[0, 4, 5]], 1.0, atol=0.15)


def test_pairs_of_one_game_and_boxers_not_found_are_left_out():
  places, games, _ = _states(200)
  logits = np.stack([places[:, 0], np.zeros(len(places))], -1)
  same = games.copy()
  same[1::10] = same[::10]
  lost = places.copy()
  lost[::10, 3] = 0.0
  for a, b in ((places, same), (lost, games)):
    assert np.isnan(smoothness.shares(logits, a, b)[0])


@pytest.mark.parametrize(
  ('agent', 'stages'),
  [('s3ta', ['torso', 'vision_core', 'head']), ('impala_shallow', ['torso'])],
)
def test_the_stages_of_a_network_are_looked_at(agent, stages):
  """Each of those it has, all at one row; the logits are the agent's."""
  request = resolution.Request(
    agent=agent, game='boxing', preset='small', runtime='threads', settings=[]
  )
  config = resolution.resolve(request, 'cpu', num_devices=1, cores=1)
  made = experiment.Experiment(config).agent
  params = jax.jit(made.initial_params)(jax.random.key(0))
  rng = np.random.default_rng(0)
  shape = (smoothness.ROWS, 2)
  screens = rng.integers(
    0, 255, (*shape, 84, 84, config.environment.frame_stack)
  )
  zeros = np.zeros(shape, np.float32)
  timestep = types.TimeStep(
    screens.astype(np.uint8), zeros, zeros + 1, np.ones(shape, np.int32)
  )
  actions = np.zeros((smoothness.ROWS - 1, 2), np.int32)
  inputs = (params, timestep, actions, made.initial_state(2))
  names = []

  @jax.jit
  def look(*inputs):
    found = smoothness.at_stages(made.unroll, *inputs)
    # Out of a compiled function, entries come in the order of the alphabet.
    names.extend(found)
    return found, made.unroll(*inputs).policy_logits[smoothness.FILLING]

  found, logits = jax.device_get(look(*inputs))
  assert names == [*stages, 'logits']
  assert all(x.shape[0] == 2 and np.std(x) > 0 for x in found.values())
  np.testing.assert_allclose(
    found['logits'], logits - logits.mean(-1, keepdims=True), atol=1e-6
  )

"""How often which action is taken, and that it is remembered."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import rlax

from attn_agents import types
from attn_agents.acting import action_selection, actor

_ENVS = 4000


class _Agent:
  """Values are the parameters, whatever is seen."""

  def initial_state(self, batch_size):
    return types.AgentState((), jnp.zeros((batch_size,), jnp.int32))

  def step(self, params, key, timestep, state, select):
    values = jnp.broadcast_to(params, (timestep.reward.shape[0], 4))
    action = select(key, values)
    return (
      types.AgentOutput(action, values, values.max(-1)),
      types.AgentState((), action),
    )


@pytest.mark.parametrize('epsilon', [0.0, 0.4, 1.0])
def test_the_best_action_but_for_a_share_of_epsilon(epsilon):
  agent = _Agent()
  policy = actor.Policy(
    agent, lambda flat: flat, action_selection.EPSILON_GREEDY.select
  )
  zeros = np.zeros(_ENVS, np.float32)
  row = types.TimeStep(zeros, zeros, zeros, zeros.astype(np.int8))
  variables = action_selection.Variables(
    jnp.array([0.1, 0.3, 0.2, 0.0]), (jnp.float32(epsilon),)
  )
  output, state, key = policy.step(
    variables, jax.random.key(0), row, agent.initial_state(_ENVS)
  )
  assert output.action.dtype == jnp.int32
  shares = np.bincount(output.action, minlength=4) / _ENVS
  wanted = np.full(4, epsilon / 4)
  wanted[1] += 1 - epsilon
  assert np.abs(shares - wanted).max() < 4 * 0.5 / _ENVS**0.5
  np.testing.assert_array_equal(state.prev_action, output.action)
  if epsilon:
    again, _, _ = policy.step(variables, key, row, agent.initial_state(_ENVS))
    assert np.any(np.asarray(again.action) != np.asarray(output.action))


@pytest.mark.parametrize(
  ('selection', 'arguments'),
  [
    (action_selection.SAMPLED, ()),
    (action_selection.GREEDY, ()),
    (action_selection.EPSILON_GREEDY, (0.3,)),
  ],
)
def test_actions_are_taken_with_the_log_probabilities_stated(
  selection, arguments
):
  logits = jnp.array([0.1, 1.2, 0.7, -2.0])
  actions = selection.select(
    jax.random.key(1), jnp.broadcast_to(logits, (_ENVS, 4)), *arguments
  )
  assert actions.dtype == jnp.int32
  shares = np.bincount(actions, minlength=4) / _ENVS
  wanted = jax.nn.softmax(selection.log_probs(logits, *arguments))
  assert np.abs(shares - wanted).max() < 4 * 0.5 / _ENVS**0.5
  assert np.all(shares[np.asarray(wanted) == 0] == 0)


@pytest.mark.parametrize('epsilon', [0.0, 0.1, 1.0])
def test_epsilon_greedy_draws_as_rlax_does(epsilon):
  """Actions of equal value are among them."""
  values = jax.random.randint(jax.random.key(0), (_ENVS, 6), 0, 3) / 2
  key = jax.random.key(1)
  found = action_selection.epsilon_greedy(key, values, jnp.float32(epsilon))
  # The first number of a key is the network's.
  expected = rlax.epsilon_greedy(epsilon).sample(
    jax.random.fold_in(key, 0), values
  )
  np.testing.assert_array_equal(found, expected)

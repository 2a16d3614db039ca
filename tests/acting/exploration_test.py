"""Epsilon-greedy: how often what is taken, and that it is remembered."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents import types
from attn_agents.acting import actor, exploration

_ENVS = 4000


class _Agent:
  """Values are the parameters, whatever is seen."""

  def initial_state(self, batch_size):
    return types.AgentState((), jnp.zeros((batch_size,), jnp.int32))

  def step(self, params, key, timestep, state):
    values = jnp.broadcast_to(params, (timestep.reward.shape[0], 4))
    # What plain agents do, and must be overruled.
    action = jax.random.categorical(key, values).astype(jnp.int32)
    return (
      types.AgentOutput(action, values, values.max(-1)),
      types.AgentState((), action),
    )


@pytest.mark.parametrize('epsilon', [0.0, 0.4, 1.0])
def test_the_best_action_but_for_a_share_of_epsilon(epsilon):
  agent = exploration.EpsilonGreedy(_Agent())
  policy = actor.Policy(agent, lambda flat: flat)
  zeros = np.zeros(_ENVS, np.float32)
  row = types.TimeStep(zeros, zeros, zeros, zeros.astype(np.int8))
  variables = exploration.Variables(
    jnp.array([0.1, 0.3, 0.2, 0.0]), jnp.float32(epsilon)
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

"""Epsilon-greedy: how agents act that know what actions are worth."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import rlax

from attn_agents import types
from attn_agents.acting import actor


class Variables(NamedTuple):
  """What a policy is sent.

  Attributes:
    params: of the agent.
    epsilon: float32 [], the share of random actions.
  """

  params: types.Nest
  epsilon: types.Array


class EpsilonGreedy:
  """An agent that mostly takes its best action, and else any, equally likely.

  Epsilon comes with the parameters: it follows the steps of all actors, which
  only the learner knows.
  """

  def __init__(self, agent: actor.Agent):
    """Wraps `agent`."""
    self._agent = agent
    self.initial_state = agent.initial_state

  def step(
    self,
    params: Variables,
    key: types.Array,
    timestep: types.TimeStep,
    agent_state: types.AgentState,
  ) -> tuple[types.AgentOutput, types.AgentState]:
    """See `actor.Agent`; `policy_logits` are values of actions here."""
    output, state = self._agent.step(params.params, key, timestep, agent_state)
    # Other numbers than those the agent has drawn from the key.
    chosen = rlax.epsilon_greedy(params.epsilon).sample(
      jax.random.fold_in(key, 0), output.policy_logits
    )
    action = chosen.astype(jnp.int32)
    return output._replace(action=action), state._replace(prev_action=action)

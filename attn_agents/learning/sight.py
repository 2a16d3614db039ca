"""How much an agent's outputs depend on what it sees, in numbers.

A policy that is the same at every state is blind, whatever its entropy and its
loss say. So what the agent says, looks at and remembers is compared over the
states of a batch, or of a recording: the same formulas take arrays of JAX and
of NumPy. docs/metrics.md explains how to read them.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from attn_agents import agent as agent_lib
from attn_agents import types
from attn_agents.runs import named_trees

# Of metrics.csv, in this order; NaN where an agent has nothing of the kind.
COLUMNS = (
  'logits_deviation',
  'logits_deviation_share',
  'value_deviation',
  'attention_deviation',
  'vision_core_saturated',
  'policy_core_saturated',
)
# Of a batch, what is measured: a few hundred states are enough, and the learner
# waits for it. States of several games differ more than those of a longer time.
MAX_ENVIRONMENTS = 16
MAX_ROWS = 16
# tanh'(2.65) = 0.02: what is beyond passes less of the gradient than that.
_SATURATED = 2.65

# (timestep [T, B], action [T - 1, B], state before row 0 [B]).
Rows = tuple[types.TimeStep, types.Array, types.AgentState]


def of_outputs(
  logits: types.Array, baseline: types.Array
) -> dict[str, jax.Array]:
  """Deviations over states of what an agent says, each float32 [].

  Args:
    logits: float32 [..., num_actions], of policies, or values of actions.
    baseline: float32 [...].

  Returns:
    logits_deviation: the standard deviation over states, root mean square over
      actions. The mean over actions is taken off in each state first: what is
      added to all of them changes no policy.
    logits_deviation_share: the same over the root mean square of all these
      centred logits, in [0, 1]: 0 if actions differ in the same way
      everywhere, 1 if no action is better than others on average.
    value_deviation: the standard deviation of the baseline.
  """
  centred = logits - jnp.mean(logits, axis=-1, keepdims=True)
  flat = jnp.reshape(centred, (-1, centred.shape[-1]))
  deviation = jnp.sqrt(jnp.mean(jnp.var(flat, axis=0)))
  # Of no actions that differ at all, the share is 0.
  size = jnp.maximum(jnp.sqrt(jnp.mean(jnp.square(flat))), 1e-30)
  return {
    'logits_deviation': deviation,
    'logits_deviation_share': deviation / size,
    'value_deviation': jnp.std(baseline),
  }


def of_attention(maps: types.Array) -> jax.Array:
  """How far attention moves, float32 [] in [0, 1]; 0: it never does.

  The total variation distance, half the L1 distance, between the map of a state
  and the mean map of all states; mean over heads and states.

  Args:
    maps: float32 [..., heads, h, w], each summing to 1.
  """
  flat = jnp.reshape(maps, (-1, *maps.shape[-3:]))
  apart = jnp.abs(flat - jnp.mean(flat, axis=0))
  return 0.5 * jnp.mean(jnp.sum(apart, axis=(-2, -1)))


def of_cores(core_state: types.Nest) -> dict[str, jax.Array]:
  """Shares of saturated units of recurrent cores, each float32 [].

  Args:
    core_state: a network's, arrays [B, ...]. The cells of its LSTMs are called
      `cell`; those of its field `vision` are the vision core's, all others the
      policy core's.

  Returns:
    vision_core_saturated, policy_core_saturated: shares of units of cell state
      c with |tanh(c)| > 0.99, those that there are.
  """
  found: dict[str, list[jax.Array]] = {}
  for name, cell in named_trees.flatten(core_state).items():
    *owners, leaf = name.split('/')
    if leaf == 'cell':
      core = 'vision' if 'vision' in owners else 'policy'
      beyond = jnp.ravel(jnp.abs(cell) > _SATURATED)
      found.setdefault(f'{core}_core_saturated', []).append(beyond)
  return {
    name: jnp.mean(jnp.concatenate(beyond)) for name, beyond in found.items()
  }


def measure(
  agent: agent_lib.Agent, params: types.Nest, rows: Rows
) -> dict[str, jax.Array]:
  """Measures an agent at T * B states, which all count the same.

  Nothing is drawn: hard attention looks at what is likeliest.

  Args:
    agent: who sees the rows.
    params: of the agent.
    rows: what it sees, does and remembers.

  Returns:
    `COLUMNS`, float32 [], without those that the agent has nothing for.
  """
  timestep, action, before = rows

  def see(
    core_state: types.Nest, row: tuple[types.TimeStep, jax.Array]
  ) -> tuple[types.Nest, tuple]:
    seen = agent.inspect(params, row[0], types.AgentState(core_state, row[1]))
    # Only maps called so sum to 1; the masks of residual attention do not.
    maps = seen.intermediates.get('attention')
    saturated = of_cores(seen.core_state)
    return seen.core_state, (seen.outputs, maps, saturated)

  prev_action = jnp.concatenate([before.prev_action[None], action])
  _, (outputs, maps, saturated) = jax.lax.scan(
    see, before.core_state, (timestep, prev_action)
  )
  found = of_outputs(outputs.policy_logits, outputs.baseline)
  if maps is not None:
    found['attention_deviation'] = of_attention(maps)
  return found | jax.tree.map(jnp.mean, saturated)


def of_batches(
  agent: agent_lib.Agent,
  rows_of: Callable[[agent_lib.Agent, types.Batch], Rows],
) -> Callable[[types.Nest, types.Batch], dict[str, jax.Array]]:
  """Makes the compiled measurement of batches.

  Args:
    agent: who is measured.
    rows_of: see `algorithms.base.Algorithm.rows`.

  Returns:
    A function of parameters and a batch, both with a leading axis of 1, one
    device's part; as `measure`, of at most `MAX_ROWS` and `MAX_ENVIRONMENTS`.
  """

  @jax.jit
  def of_part(params: types.Nest, batch: types.Batch) -> dict[str, jax.Array]:
    params, batch = jax.tree.map(lambda x: x[0], (params, batch))
    timestep, action, before = rows_of(agent, batch)
    some = slice(MAX_ENVIRONMENTS)
    rows = (
      jax.tree.map(lambda x: x[:MAX_ROWS, some], timestep),
      action[: MAX_ROWS - 1, some],
      jax.tree.map(lambda x: x[some], before),
    )
    return measure(agent, params, rows)

  return of_part

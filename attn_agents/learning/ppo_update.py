"""Several passes over one batch, in minibatches, with PPO's clip.

Schulman et al. 2017, Algorithm 1, as OpenAI baselines' `ppo2` runs it. One
compiled step per minibatch instead of a loop in XLA, whose loops are slow at
convolutions on CPU.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import types
from attn_agents.learning import descent, minibatches, train_state
from attn_agents.losses import ppo, vtrace
from configs import algorithms, schema


class _Sequences(NamedTuple):
  """What minibatches are chosen from: N sequences of L rows.

  Whole unrolls where the network is recurrent (L = T, N = B), single rows where
  it is not (L = 1, N = T B).

  Attributes:
    timestep: [L, N, ...].
    action: int32 [L - 1, N], those between the rows.
    targets: `ppo.Targets` [L, N], of the actions chosen at the rows.
    agent_state: [N, ...], before the first row.
  """

  timestep: types.TimeStep
  action: types.Array
  targets: ppo.Targets
  agent_state: types.AgentState


def make_update(
  agent: train_state.Agent,
  config: schema.Config,
  learning: algorithms.PPOConfig | algorithms.VTraceConfig,
  devices: Sequence[jax.Device],
) -> Callable[
  [train_state.TrainState, types.Unroll],
  tuple[train_state.TrainState, descent.Metrics],
]:
  """Makes PPO's update; see `update.make_update` for what it takes and gives.

  Every device splits its own share of the batch into minibatches, and takes
  its steps together with the others: a minibatch is the union of theirs.
  Metrics are means over all steps of the update.

  Args:
    agent: the network to train.
    config: the run's config.
    learning: its section on learning.
    devices: of the learner.
  """
  descend = descent.Descent(config)
  num_steps = learning.num_epochs * learning.num_minibatches

  def prepare(
    state: train_state.TrainState, unroll: types.Unroll
  ) -> tuple[_Sequences, jax.Array, jax.Array]:
    outputs = agent.unroll(
      state.params, unroll.timestep, unroll.action, unroll.agent_state
    )
    sequences = _cut(
      unroll, _targets(outputs, unroll, learning), config.network.recurrent
    )
    order = minibatches.order(
      config.seed,
      state.learner_steps,
      sequences.targets.weight.shape[1],
      learning.num_epochs,
      learning.num_minibatches,
    )
    valid = jnp.sum(sequences.targets.weight)
    return sequences, order, jax.lax.psum(valid, train_state.AXIS)

  def step(
    state: train_state.TrainState,
    sequences: _Sequences,
    order: jax.Array,
    agent_steps: jax.Array,
    index: jax.Array,
  ) -> tuple[train_state.TrainState, descent.Metrics]:
    part = minibatches.choose(sequences, order[index])
    if learning.normalize_advantages:
      targets = ppo.normalize_advantages(part.targets, train_state.AXIS)
      part = part._replace(targets=targets)
    clip_epsilon = learning.clip_epsilon * descend.clip_share(state.agent_steps)

    def loss_fn(params: types.Nest) -> tuple[jax.Array, descent.Metrics]:
      outputs = agent.unroll(
        params, part.timestep, part.action, part.agent_state
      )
      return ppo.ppo_loss(
        outputs.policy_logits,
        outputs.baseline,
        part.targets,
        learning,
        state.hyperparams.entropy_cost,
        clip_epsilon,
      )

    grads, metrics = jax.grad(loss_fn, has_aux=True)(state.params)
    state, metrics = descend.step(state, grads, metrics)
    is_last = (index == num_steps - 1).astype(jnp.int32)
    return (
      state._replace(
        agent_steps=state.agent_steps + is_last * agent_steps.astype(jnp.int32),
        learner_steps=state.learner_steps + is_last,
      ),
      metrics,
    )

  # The state is not donated here: the steps need it.
  prepare_all = jax.pmap(prepare, axis_name=train_state.AXIS, devices=devices)
  step_all = jax.pmap(
    step,
    axis_name=train_state.AXIS,
    devices=devices,
    in_axes=(0, 0, 0, 0, None),
    out_axes=(0, None),
    donate_argnums=0,
  )

  def update(
    state: train_state.TrainState, unroll: types.Unroll
  ) -> tuple[train_state.TrainState, descent.Metrics]:
    sequences, order, agent_steps = prepare_all(state, unroll)
    metrics = []
    for index in range(num_steps):
      state, step_metrics = step_all(
        state, sequences, order, agent_steps, np.int32(index)
      )
      metrics.append(step_metrics)
    return state, descent.mean(metrics)

  return update


def _targets(
  outputs: types.NetworkOutput,
  unroll: types.Unroll,
  learning: algorithms.PPOConfig | algorithms.VTraceConfig,
) -> ppo.Targets:
  if isinstance(learning, algorithms.VTraceConfig):
    return vtrace.proximal_targets(outputs, unroll, learning)
  return ppo.targets(outputs, unroll, learning)


def _cut(
  unroll: types.Unroll, targets: ppo.Targets, recurrent: bool
) -> _Sequences:
  """Sequences that can be told apart without changing the network's output."""
  # The last row is only there for its value, which is in the targets by now.
  timestep = jax.tree.map(lambda x: x[:-1], unroll.timestep)
  if recurrent:
    return _Sequences(timestep, unroll.action[:-1], targets, unroll.agent_state)
  count = unroll.action.size

  def flatten(tree: types.Nest) -> types.Nest:
    return jax.tree.map(lambda x: x.reshape(1, count, *x.shape[2:]), tree)

  prev_action = jnp.concatenate(
    [unroll.agent_state.prev_action[None], unroll.action[:-1]]
  )
  return _Sequences(
    timestep=flatten(timestep),
    action=jnp.zeros((0, count), unroll.action.dtype),
    targets=flatten(targets),
    agent_state=types.AgentState((), prev_action.reshape(count)),
  )

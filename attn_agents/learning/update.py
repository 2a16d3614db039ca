"""From an algorithm's config section to the compiled update of all devices."""

from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import types
from attn_agents.learning import (
  descent,
  minibatches,
  ppo_update,
  q_update,
  train_state,
)
from attn_agents.losses import a2c, vtrace
from configs import algorithms, q_learning, schema

Metrics = descent.Metrics
Update = Callable[
  [train_state.TrainState, types.Batch],
  tuple[train_state.TrainState, Metrics],
]


# The algorithms whose steps are on whole batches: loss(outputs, unroll, config,
# entropy_cost) -> (sum over transitions, metrics).
_LOSSES: dict[type, Callable[..., Any]] = {
  algorithms.VTraceConfig: vtrace.vtrace_loss,
  algorithms.A2CConfig: a2c.a2c_loss,
}


def make_update(
  agent: train_state.Agent, config: schema.Config, devices: Sequence[jax.Device]
) -> Update:
  """Makes the compiled update of all devices.

  Args:
    agent: the network to train.
    config: the run's config; the type of its `learning` section says by which
      algorithm.
    devices: D devices; a batch is split evenly over them (`batching.shard`).

  Returns:
    `update(state, batch) -> (state, metrics)`. The state, as
    `train_state.replicate` makes it, is donated: the one passed in must not be
    used again. The batch is as `batching.shard` makes it, or, from replay,
    `batching.shard_replay`. The metrics are
    float32 [], without a device axis and over the whole batch: those of the
    loss, and those of `descent.Descent.step`; means, if the algorithm takes
    several steps on a batch.

  Raises:
    ValueError: the config names an unknown optimiser or clip.
    TypeError: no algorithm is known for its section on learning.
  """
  if _is_proximal(config.learning):
    return ppo_update.make_update(agent, config, config.learning, devices)
  if isinstance(config.learning, q_learning.QLearningConfig):
    return q_update.make_update(agent, config, config.learning, devices)
  loss = _LOSSES.get(type(config.learning))
  if loss is None:
    raise TypeError(f'no update is made from {config.learning!r}')
  descend = descent.Descent(config)
  num_epochs, num_minibatches = _passes(config.learning)
  num_steps = num_epochs * num_minibatches

  def loss_fn(
    params: types.Nest, unroll: types.Unroll, entropy_cost: jax.Array
  ) -> tuple[jax.Array, Metrics]:
    outputs = agent.unroll(
      params, unroll.timestep, unroll.action, unroll.agent_state
    )
    return loss(outputs, unroll, config.learning, entropy_cost)

  def step(
    state: train_state.TrainState, unroll: types.Unroll, index: jax.Array
  ) -> tuple[train_state.TrainState, Metrics]:
    part = unroll
    if num_minibatches > 1:
      order = minibatches.order(
        config.seed,
        state.learner_steps,
        unroll.action.shape[1],
        num_epochs,
        num_minibatches,
      )
      part = minibatches.choose(unroll, order[index])
    grads, metrics = jax.grad(loss_fn, has_aux=True)(
      state.params, part, state.hyperparams.entropy_cost
    )
    state, metrics = descend.step(state, grads, metrics)
    agent_steps = metrics['num_transitions'].astype(jnp.int32)
    in_last_epoch = (index >= num_steps - num_minibatches).astype(jnp.int32)
    is_last = (index == num_steps - 1).astype(jnp.int32)
    return (
      state._replace(
        agent_steps=state.agent_steps + in_last_epoch * agent_steps,
        learner_steps=state.learner_steps + is_last,
      ),
      metrics,
    )

  step_all = jax.pmap(
    step,
    axis_name=train_state.AXIS,
    devices=devices,
    in_axes=(0, 0, None),
    out_axes=(0, None),
    donate_argnums=0,
  )

  def update(
    state: train_state.TrainState, unroll: types.Unroll
  ) -> tuple[train_state.TrainState, Metrics]:
    metrics = []
    for index in range(num_steps):
      state, step_metrics = step_all(state, unroll, np.int32(index))
      metrics.append(step_metrics)
    return state, descent.mean(metrics)

  return update


def _is_proximal(
  learning: algorithms.LearningConfig,
) -> TypeGuard[algorithms.PPOConfig | algorithms.VTraceConfig]:
  """Whether steps are bounded by PPO's clip."""
  if isinstance(learning, algorithms.VTraceConfig):
    return learning.clip_epsilon > 0
  return isinstance(learning, algorithms.PPOConfig)


def _passes(learning: algorithms.LearningConfig) -> tuple[int, int]:
  """Epochs, and steps in each."""
  if isinstance(learning, algorithms.VTraceConfig):
    return learning.num_epochs, learning.num_minibatches
  return 1, 1

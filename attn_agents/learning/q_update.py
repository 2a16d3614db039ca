"""Q-learning's update: two networks over the same sequence, a row apart."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from attn_agents import types
from attn_agents.algorithms import q_learning
from attn_agents.learning import gradient_step, train_state
from attn_agents.losses import q_learning as loss_lib
from configs import schema


def make_update(
  agent: train_state.Agent,
  config: schema.Config,
  learning: q_learning.QLearningConfig,
  devices: Sequence[jax.Device],
) -> train_state.Update:
  """Makes the compiled update; see `algorithms.base.Algorithm.make_update`.

  The network that learns sees rows 0..T-1 and the target network rows 1..T,
  each from an empty state: the released code of DARQN runs the target network
  over the sequence shifted by one, so that it has not seen row 0. All T
  transitions are learned from.

  When the steps that actors have reported pass a multiple of
  `target_update_steps`, the parameters after this update become the target's.

  Args:
    agent: the network to train.
    config: the run's config.
    learning: its section on learning.
    devices: of the learner.
  """
  gradient = gradient_step.GradientStep(config)

  def update(
    state: train_state.TrainState, batch: types.ReplayBatch
  ) -> tuple[train_state.TrainState, train_state.Metrics]:
    key, target_key = jax.random.split(
      train_state.update_key(config.seed, state.learner_steps)
    )
    target_outputs = _unroll(
      agent, state.target_params, batch, slice(1, None), target_key
    )

    def loss_fn(params: types.Nest) -> tuple[jax.Array, train_state.Metrics]:
      outputs = _unroll(agent, params, batch, slice(None, -1), key)
      return loss_lib.q_learning_loss(outputs, target_outputs, batch, learning)

    before = state.agent_steps
    new_steps = gradient_step.steps_of_all_hosts(state, batch.new_steps)
    state = state._replace(agent_steps=before + new_steps)
    grads, metrics = jax.grad(loss_fn, has_aux=True)(state.params)
    state, metrics = gradient.apply(state, grads, metrics)
    state = state._replace(learner_steps=state.learner_steps + 1)
    epsilon = q_learning.ALGORITHM.epsilon(config, state.agent_steps)
    return (
      _update_target(state, before, learning.target_update_steps),
      metrics | {'epsilon': epsilon},
    )

  return jax.pmap(
    update,
    axis_name=train_state.AXIS,
    devices=devices,
    donate_argnums=0,
    out_axes=(0, None),
  )


def _update_target(
  state: train_state.TrainState, before: jax.Array, period: int
) -> train_state.TrainState:
  """Copies the parameters if steps have passed a multiple of `period`."""
  due = state.agent_steps // period > before // period
  return state._replace(
    target_params=jax.tree.map(
      lambda new, old: jnp.where(due, new, old),
      state.params,
      state.target_params,
    )
  )


def _unroll(
  agent: train_state.Agent,
  params: types.Nest,
  batch: types.ReplayBatch,
  rows: slice,
  key: jax.Array,
) -> types.NetworkOutput:
  """The network's output on some rows of the batch, from an empty state."""
  timestep = jax.tree.map(lambda x: x[rows], batch.timestep)
  # Between L rows there are L - 1 actions; the one before is no part of it.
  length, batch_size = timestep.reward.shape
  action = batch.action[rows][: length - 1]
  return agent.unroll(
    params, timestep, action, agent.initial_state(batch_size), key
  )

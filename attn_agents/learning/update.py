"""From an algorithm's config section to the compiled update of all devices."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from attn_agents import types
from attn_agents.learning import descent, ppo_update, train_state
from attn_agents.losses import a2c, vtrace
from configs import algorithms, schema

Metrics = descent.Metrics
Update = Callable[
  [train_state.TrainState, types.Unroll],
  tuple[train_state.TrainState, Metrics],
]


# The algorithms that take one step per batch: loss(outputs, unroll, config,
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
    `update(state, unroll) -> (state, metrics)`. The state, as
    `train_state.replicate` makes it, is donated: the one passed in must not be
    used again. The unroll is as `batching.shard` makes it. The metrics are
    float32 [], without a device axis and over the whole batch: those of the
    loss, and those of `descent.Descent.step`.

  Raises:
    ValueError: the config names an unknown optimiser or clip.
    TypeError: no algorithm is known for its section on learning.
  """
  if isinstance(config.learning, algorithms.PPOConfig):
    return ppo_update.make_update(agent, config, config.learning, devices)
  loss = _LOSSES.get(type(config.learning))
  if loss is None:
    raise TypeError(f'no update is made from {config.learning!r}')
  descend = descent.Descent(config)

  def loss_fn(
    params: types.Nest, unroll: types.Unroll, entropy_cost: jax.Array
  ) -> tuple[jax.Array, Metrics]:
    outputs = agent.unroll(
      params, unroll.timestep, unroll.action, unroll.agent_state
    )
    return loss(outputs, unroll, config.learning, entropy_cost)

  def update(
    state: train_state.TrainState, unroll: types.Unroll
  ) -> tuple[train_state.TrainState, Metrics]:
    grads, metrics = jax.grad(loss_fn, has_aux=True)(
      state.params, unroll, state.hyperparams.entropy_cost
    )
    state, metrics = descend.step(state, grads, metrics)
    agent_steps = metrics['num_transitions'].astype(jnp.int32)
    return (
      state._replace(
        agent_steps=state.agent_steps + agent_steps,
        learner_steps=state.learner_steps + 1,
      ),
      metrics,
    )

  return jax.pmap(
    update,
    axis_name=train_state.AXIS,
    devices=devices,
    donate_argnums=0,
    out_axes=(0, None),
  )

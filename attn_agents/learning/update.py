"""An update of one step on the whole batch."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from attn_agents import types
from attn_agents.learning import gradient_step, train_state
from attn_agents.losses import reconstruction, transitions
from configs import schema

# From outputs, unroll, config section and the weight of the entropy to a sum
# over transitions, and metrics.
Loss = Callable[..., tuple[jax.Array, train_state.Metrics]]


def make_update(
  agent: train_state.Agent,
  config: schema.Config,
  devices: Sequence[jax.Device],
  loss: Loss,
  reconstruction_cost: float = 0.5,
) -> train_state.Update:
  """Makes the compiled update; see `algorithms.base.Algorithm.make_update`.

  Args:
    agent: the network to train.
    config: the run's config.
    devices: of the learner.
    loss: of the whole unroll.
    reconstruction_cost: weight of the error of networks that draw the screen
      again.
  """
  gradient = gradient_step.GradientStep(config)

  def loss_fn(
    params: types.Nest, unroll: types.Unroll, entropy_cost: jax.Array
  ) -> tuple[jax.Array, train_state.Metrics]:
    outputs = agent.unroll(
      params, unroll.timestep, unroll.action, unroll.agent_state
    )
    value, metrics = loss(outputs, unroll, config.learning, entropy_cost)
    return reconstruction.add(
      value,
      metrics,
      # The last row is only there for its value.
      jax.tree.map(lambda x: x[:-1], outputs),
      unroll.timestep.observation[:-1],
      transitions.weight(unroll.timestep),
      reconstruction_cost,
      train_state.AXIS,
    )

  def update(
    state: train_state.TrainState, unroll: types.Unroll
  ) -> tuple[train_state.TrainState, train_state.Metrics]:
    grads, metrics = jax.grad(loss_fn, has_aux=True)(
      state.params, unroll, state.hyperparams.entropy_cost
    )
    state, metrics = gradient.apply(state, grads, metrics)
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
    out_axes=(0, None),
    donate_argnums=0,
  )

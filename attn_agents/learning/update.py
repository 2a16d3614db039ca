"""One learner update: loss, gradients averaged over devices, optimiser.

The loss is a sum over the whole batch, and so are its gradients: D devices with
B / D environments each make the same update as one device with B.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import flatten_util

from attn_agents import types
from attn_agents.learning import optimizers
from attn_agents.losses import vtrace
from configs import schema

_AXIS = 'devices'

Metrics = dict[str, types.Array]


class Agent(Protocol):
  """What an update needs of an agent; `attn_agents.agent.Agent` has it."""

  def initial_params(self, key: types.Array) -> types.Nest:
    """Returns fresh parameters."""

  def unroll(
    self,
    params: types.Nest,
    timestep: types.TimeStep,
    action: types.Array,
    agent_state: types.AgentState,
  ) -> types.NetworkOutput:
    """Returns the network's output on rows [T + 1, B]."""


class Hyperparameters(NamedTuple):
  """What may change during a run without recompilation; each float32 []."""

  learning_rate: types.Array
  entropy_cost: types.Array
  rmsprop_epsilon: types.Array
  clip_threshold: types.Array


class TrainState(NamedTuple):
  """All that learning carries from update to update.

  Attributes:
    params: the agent's parameters.
    opt_state: of `optimizers.make_optimizer`. Its own copy of the
      hyperparameters is overwritten from `hyperparams` at every update.
    hyperparams: `Hyperparameters`.
    learner_steps: int32 [], batches consumed, those skipped included.
  """

  params: types.Nest
  opt_state: optax.OptState
  hyperparams: Hyperparameters
  learner_steps: types.Array


Update = Callable[[TrainState, types.Unroll], tuple[TrainState, Metrics]]


def init_state(
  agent: Agent, config: schema.Config, key: types.Array
) -> TrainState:
  """Returns the state before the first update, without a device axis.

  Args:
    agent: makes the parameters.
    config: the run's config.
    key: JAX PRNG key.
  """
  params = agent.initial_params(key)
  return TrainState(
    params=params,
    opt_state=optimizers.make_optimizer(config.optimizer).init(params),
    hyperparams=Hyperparameters(
      learning_rate=jnp.float32(config.optimizer.learning_rate),
      entropy_cost=jnp.float32(config.learning.entropy_cost),
      rmsprop_epsilon=jnp.float32(config.optimizer.epsilon),
      clip_threshold=jnp.float32(config.optimizer.clip_threshold),
    ),
    learner_steps=jnp.int32(0),
  )


def make_update(
  agent: Agent, config: schema.Config, devices: Sequence[jax.Device]
) -> Update:
  """Makes the compiled update of all devices.

  Args:
    agent: the network to train.
    config: the run's config.
    devices: D devices; a batch is split evenly over them (`shard`).

  Returns:
    `update(state, unroll) -> (state, metrics)`. The state, as `replicate` makes
    it, is donated: the one passed in must not be used again. The unroll is as
    `shard` makes it. The metrics are float32 [], without a device axis and over
    the whole batch: those of `vtrace.vtrace_loss`, and
      grad_norm: global norm of the gradient, before the clip;
      clipped: `optimizers.clip_fraction`;
      nonfinite: 1 if grad_norm was not finite, else 0. Such a batch is counted
        in `learner_steps`, but changes neither parameters nor optimiser.

  Raises:
    ValueError: `config.optimizer.clip` is not a known kind.
  """
  optimizer = optimizers.make_optimizer(config.optimizer)

  def loss_fn(
    params: types.Nest, unroll: types.Unroll, entropy_cost: jax.Array
  ) -> tuple[jax.Array, Metrics]:
    outputs = agent.unroll(
      params, unroll.timestep, unroll.action, unroll.agent_state
    )
    return vtrace.vtrace_loss(outputs, unroll, config.learning, entropy_cost)

  def update(
    state: TrainState, unroll: types.Unroll
  ) -> tuple[TrainState, Metrics]:
    hyperparams = state.hyperparams
    grads, metrics = jax.grad(loss_fn, has_aux=True)(
      state.params, unroll, hyperparams.entropy_cost
    )
    grads, metrics = _sum_over_devices(grads, metrics)
    grad_norm = optax.global_norm(grads)
    finite = jnp.isfinite(grad_norm)
    metrics['grad_norm'] = grad_norm
    metrics['clipped'] = optimizers.clip_fraction(
      grads, config.optimizer.clip, hyperparams.clip_threshold
    )
    metrics['nonfinite'] = 1.0 - finite.astype(jnp.float32)

    return _step(optimizer, state, grads, finite), metrics

  return jax.pmap(
    update,
    axis_name=_AXIS,
    devices=devices,
    donate_argnums=0,
    out_axes=(0, None),
  )


def _sum_over_devices(
  grads: types.Nest, metrics: Metrics
) -> tuple[types.Nest, Metrics]:
  """Puts the devices' gradients and metrics together, in one all-reduce."""
  count = metrics['num_transitions']
  sums = {
    name: value if name in vtrace.SUMMED_METRICS else value * count
    for name, value in metrics.items()
  }
  # One flat array: twenty small all-reduces take about twice as long.
  flat, unravel = flatten_util.ravel_pytree((grads, sums))
  num_devices = jax.lax.psum(1, _AXIS)
  # The loss is a sum over the batch, which the mean over devices divided.
  flat = jax.lax.pmean(flat, _AXIS) * num_devices
  grads, sums = unravel(flat)
  count = jnp.maximum(sums['num_transitions'], 1.0)
  return grads, {
    name: value if name in vtrace.SUMMED_METRICS else value / count
    for name, value in sums.items()
  }


def _step(
  optimizer: optax.GradientTransformation,
  state: TrainState,
  grads: types.Nest,
  finite: jax.Array,
) -> TrainState:
  """Steps down the gradient if it is `finite`; counts the batch anyway."""
  opt_state = optimizers.set_hyperparams(
    state.opt_state,
    learning_rate=state.hyperparams.learning_rate,
    epsilon=state.hyperparams.rmsprop_epsilon,
    clip_threshold=state.hyperparams.clip_threshold,
  )
  updates, opt_state = optimizer.update(grads, opt_state, state.params)
  params, opt_state = jax.tree.map(
    lambda new, old: jnp.where(finite, new, old),
    (optax.apply_updates(state.params, updates), opt_state),
    (state.params, state.opt_state),
  )
  return state._replace(
    params=params,
    opt_state=opt_state,
    learner_steps=state.learner_steps + 1,
  )


def replicate(tree: types.Nest, devices: Sequence[jax.Device]) -> types.Nest:
  """Returns a copy of each array on each device, with leading axis [D]."""
  # The second argument is there because pmap maps over at least one.
  return jax.pmap(
    lambda tree, _: tree, in_axes=(None, 0), devices=list(devices)
  )(tree, np.zeros(len(devices)))


def unreplicate(tree: types.Nest) -> types.Nest:
  """Returns the first device's copy as NumPy arrays, without the device axis.

  The arrays own their memory, so that donating `tree` to the next update does
  not change them.
  """
  first = jax.device_get(jax.tree.map(lambda x: x.addressable_data(0), tree))
  return jax.tree.map(
    lambda x, whole: np.array(x).reshape(whole.shape[1:]), first, tree
  )


def shard(unroll: types.Unroll, num_devices: int) -> types.Unroll:
  """Splits a batch evenly over devices.

  Args:
    unroll: NumPy or JAX arrays, [T + 1, B, ...] or [T, B, ...], and
      `agent_state` [B, ...].
    num_devices: D, which divides B.

  Returns:
    The same with leading axis D: [D, T + 1, B / D, ...] or [D, T, B / D, ...],
    and `agent_state` [D, B / D, ...]. Device d gets environments
    d B / D .. (d + 1) B / D - 1. NumPy arrays come back as views.

  Raises:
    ValueError: D does not divide B.
  """
  batch_size = unroll.action.shape[1]
  if batch_size % num_devices:
    raise ValueError(
      f'A batch of {batch_size} cannot be split evenly over {num_devices} '
      'devices.'
    )
  split = (num_devices, batch_size // num_devices)

  def split_time_major(x: types.Array) -> types.Array:
    return x.reshape(x.shape[0], *split, *x.shape[2:]).swapaxes(0, 1)

  def split_batch_major(x: types.Array) -> types.Array:
    return x.reshape(*split, *x.shape[1:])

  return types.Unroll(
    timestep=jax.tree.map(split_time_major, unroll.timestep),
    action=split_time_major(unroll.action),
    behaviour_logits=split_time_major(unroll.behaviour_logits),
    agent_state=jax.tree.map(split_batch_major, unroll.agent_state),
  )

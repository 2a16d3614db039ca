"""One step down a gradient that is spread over devices.

Losses are sums over the transitions of a device, and so are their gradients:
summed over D devices they are those of one device with the whole batch. Where
the loss is to be a mean, the sum is divided by the number of transitions on
all devices.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import optax
from jax import flatten_util

from attn_agents import types
from attn_agents.algorithms import registry
from attn_agents.learning import optimizers, train_state
from attn_agents.losses import transitions
from configs import schema


class GradientStep:
  """Sums, clips and applies gradients, in a pmap over `train_state.AXIS`."""

  def __init__(self, config: schema.Config):
    """Makes the optimiser.

    Raises:
      ValueError: the config names an unknown optimiser or clip.
    """
    self._config = config
    self._algorithm = registry.get(config.algorithm)
    self._optimizer = optimizers.make_optimizer(config.optimizer)

  def apply(
    self,
    state: train_state.TrainState,
    grads: types.Nest,
    metrics: train_state.Metrics,
  ) -> tuple[train_state.TrainState, train_state.Metrics]:
    """Changes parameters and optimiser; counts nothing.

    Args:
      state: the state before, the same on all devices.
      grads: this device's gradients of a loss summed over transitions.
      metrics: this device's metrics, as the losses make them.

    Returns:
      The state after, and the metrics of all devices together with
        learning_rate: after annealing;
        grad_norm: global norm of the gradient, before the clip;
        clipped: `optimizers.clip_fraction`;
        nonfinite: 1 if grad_norm, or a parameter that the optimiser would make,
          was not finite, else 0.
      Such a gradient, or one of no transitions, changes neither parameters nor
      optimiser. With several hosts, also `train_state.INCREMENTS`.
    """
    grads, metrics, totals = _sum_over_devices(grads, metrics, state.increments)
    grads, metrics = self._reduce(grads, metrics)
    if jax.tree.leaves(totals):
      metrics[train_state.INCREMENTS] = totals
    hyperparams = state.hyperparams
    learning_rate = self._algorithm.learning_rate(
      self._config, hyperparams.learning_rate, state.agent_steps
    )
    grad_norm = optax.global_norm(grads)
    metrics |= {
      'learning_rate': learning_rate,
      'grad_norm': grad_norm,
      'clipped': optimizers.clip_fraction(
        grads, self._config.optimizer.clip, hyperparams.clip_threshold
      ),
    }
    opt_state = optimizers.set_hyperparams(
      state.opt_state,
      learning_rate=learning_rate,
      epsilon=hyperparams.epsilon,
      clip_threshold=hyperparams.clip_threshold,
    )
    updates, opt_state = self._optimizer.update(grads, opt_state, state.params)
    changed = optax.apply_updates(state.params, updates), opt_state
    # A clip can hide an infinite gradient, and a finite gradient can become NaN
    # in the optimiser: centred RMSProp's variance may round to below 0. The
    # moments are not checked: those of a finite norm are finite, and what
    # momentum makes of them is in the parameters.
    finite = jnp.isfinite(grad_norm) & _all_finite(changed[0])
    good = finite & (metrics['num_transitions'] > 0)
    params, opt_state = jax.tree.map(
      lambda new, old: jnp.where(good, new, old),
      changed,
      (state.params, state.opt_state),
    )
    metrics['nonfinite'] = 1.0 - finite.astype(jnp.float32)
    return state._replace(params=params, opt_state=opt_state), metrics

  def _reduce(
    self, grads: types.Nest, metrics: train_state.Metrics
  ) -> tuple[types.Nest, train_state.Metrics]:
    """Sums as they are, or divided by the number of transitions."""
    if self._config.learning.loss_reduction == 'sum':
      return grads, metrics
    count = jnp.maximum(metrics['num_transitions'], 1.0)
    losses = transitions.SUMMED_METRICS - {'num_transitions'}
    return jax.tree.map(lambda x: x / count, grads), {
      name: value / count if name in losses else value
      for name, value in metrics.items()
    }


def _all_finite(tree: types.Nest) -> jax.Array:
  leaves = [jnp.isfinite(x).all() for x in jax.tree.leaves(tree)]
  return jnp.stack(leaves).all()


def mean(metrics: Sequence[train_state.Metrics]) -> train_state.Metrics:
  """The mean over the metrics of several steps, at least one."""
  return metrics[0] if len(metrics) == 1 else _mean(tuple(metrics))


@jax.jit
def _mean(metrics: tuple[train_state.Metrics, ...]) -> train_state.Metrics:
  return jax.tree.map(lambda *x: sum(x) / len(x), *metrics)


def steps_of_all_hosts(
  state: train_state.TrainState, new_steps: jax.Array
) -> jax.Array:
  """Steps that actors have reported, int32 []; in a pmap.

  Args:
    state: whose increments begin with those of each host, if there are several.
    new_steps: int32 [], of this host.
  """
  if not jax.tree.leaves(state.increments):
    return new_steps
  steps = jax.lax.psum(state.increments[0], train_state.AXIS)
  return jnp.round(steps).astype(jnp.int32)


def _sum_over_devices(
  grads: types.Nest, metrics: train_state.Metrics, increments: types.Nest
) -> tuple[types.Nest, train_state.Metrics, types.Nest]:
  """Puts the devices' gradients and metrics together, in one all-reduce.

  And what hosts add to their totals, which costs them no second one.
  """
  count = metrics['num_transitions']
  summed = transitions.SUMMED_METRICS
  sums = {
    name: value if name in summed else value * count
    for name, value in metrics.items()
  }
  # As one flat array, which is faster than many small all-reduces.
  flat, unravel = flatten_util.ravel_pytree((grads, sums, increments))
  num_devices = jax.lax.psum(1, train_state.AXIS)
  # The loss is a sum over the batch, which the mean over devices divided.
  flat = jax.lax.pmean(flat, train_state.AXIS) * num_devices
  grads, sums, totals = unravel(flat)
  count = jnp.maximum(sums['num_transitions'], 1.0)
  metrics = {
    name: value if name in summed else value / count
    for name, value in sums.items()
  }
  return grads, metrics, totals

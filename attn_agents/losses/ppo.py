"""Proximal policy optimisation (Schulman et al. 2017), as baselines' ppo2.

An update makes `targets` of its whole batch once, with the parameters that
acted, and then takes several steps on parts of it: `normalize_advantages` on
each part, and `ppo_loss` of the parameters as they change.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from attn_agents import types
from attn_agents.algorithms import actor_critic, ppo
from attn_agents.losses import gae, transitions


class Targets(NamedTuple):
  """What stays fixed while a batch is trained on; leading axes [T, B] or any.

  All are constants to the gradient.

  Attributes:
    action: int32 [...].
    log_prob: float32 [...], log probability of the action by the policy from
      which the loss keeps the new one near: that which acted, for PPO.
    behaviour_log_prob: float32 [...], log mu(a) of the policy that acted.
    baseline: float32 [...], the old value.
    advantage: float32 [...], 0 where masked.
    importance: float32 [...], weight of the policy's loss; 1 for PPO.
    value_target: float32 [...], advantage + baseline, before normalisation.
    weight: float32 [...], 1 where valid, 0 where masked.
  """

  action: types.Array
  log_prob: types.Array
  behaviour_log_prob: types.Array
  baseline: types.Array
  advantage: types.Array
  importance: types.Array
  value_target: types.Array
  weight: types.Array


def targets(
  outputs: types.NetworkOutput,
  unroll: types.Unroll,
  config: ppo.PPOConfig,
) -> Targets:
  """Makes the targets of one batch.

  Args:
    outputs: of the parameters that acted, on rows 0..T, float32
      [T + 1, B, ...].
    unroll: T transitions of B environments.
    config: gamma, lambda and the clip of rewards.

  Returns:
    `Targets` [T, B]. The probabilities are those the actor had, from
    `unroll.behaviour_logits`.

  Raises:
    ValueError: outputs and unroll differ in T or B.
  """
  steps = transitions.from_unroll(outputs, unroll, config)
  advantage = gae.advantages(steps, config.gae_lambda)
  log_prob = transitions.log_prob(steps.behaviour_logits, steps.action)
  made = Targets(
    action=steps.action,
    log_prob=log_prob,
    behaviour_log_prob=log_prob,
    baseline=steps.baseline_tm1,
    advantage=advantage,
    importance=jnp.ones_like(advantage),
    value_target=advantage + steps.baseline_tm1,
    weight=steps.weight,
  )
  return jax.lax.stop_gradient(made)


def normalize_advantages(
  targets: Targets, axis_name: str | None = None
) -> Targets:
  """Brings the advantages of a minibatch to mean 0 and deviation 1.

  advantage <- (advantage - mean) / (deviation + 1e-8), with the population
  deviation (divided by n, not n - 1), as baselines/ppo2/model.py.

  Args:
    targets: of the minibatch, [...].
    axis_name: of a pmap or vmap over the devices that share the minibatch; mean
      and deviation are then over all of them. None: this one only.

  Returns:
    Targets with other advantages, taken over valid transitions; masked ones
    stay 0.
  """

  def total(x: jax.Array) -> jax.Array:
    summed = jnp.sum(x)
    return summed if axis_name is None else jax.lax.psum(summed, axis_name)

  valid = targets.weight > 0
  divisor = jnp.maximum(total(targets.weight), 1.0)
  mean = total(jnp.where(valid, targets.advantage, 0.0)) / divisor
  centred = jnp.where(valid, targets.advantage - mean, 0.0)
  deviation = jnp.sqrt(total(centred**2) / divisor)
  return targets._replace(advantage=centred / (deviation + 1e-8))


def ppo_loss(
  policy_logits: types.Array,
  baseline: types.Array,
  targets: Targets,
  config: actor_critic.ActorCriticConfig,
  entropy_cost: types.Array,
  clip_epsilon: types.Array,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Returns the PPO loss, summed over valid transitions, and its metrics.

  loss = sum importance max(-A ratio, -A clip(ratio, 1 - eps, 1 + eps))
         + baseline_cost / 2 sum max((V - R)^2,
                                     (V_old + clip(V - V_old, -eps, eps) - R)^2)
         - entropy_cost sum H(pi)

  with ratio = pi(a) / exp(`targets.log_prob`), which for PPO is pi(a) / mu(a),
  and importance 1 for PPO: Schulman et al. 2017, Eq. 7 and 9, and the clipped
  value of baselines/ppo2/model.py, which the paper lacks. Masked transitions
  add exactly nothing to loss and gradient, whatever they hold.

  Args:
    policy_logits: float32 [..., num_actions], of the parameters in training.
    baseline: float32 [...], their V.
    targets: `Targets` [...] of the same transitions.
    config: weight of the value loss.
    entropy_cost: float32 [], weight of the entropy.
    clip_epsilon: float32 [], eps. Both take the place of the config's, so that
      they can change without recompilation.

  Returns:
    The loss, float32 [], and the metrics of `transitions.make_metrics`, with
    `pg_loss` and `baseline_loss` as they enter the loss, `baseline_cost`
    included, and a mean of its own: `ratio_clip_fraction`, the share of
    transitions with |ratio - 1| > eps (baselines' `clipfrac`).
  """
  valid = targets.weight > 0
  policy_logits = jnp.where(valid[..., jnp.newaxis], policy_logits, 0.0)
  baseline = jnp.where(valid, baseline, 0.0)
  targets = jax.tree.map(lambda x: jnp.where(valid, x, 0), targets)
  policy = transitions.policy_terms(
    policy_logits, targets.action, targets.behaviour_log_prob
  )
  ratio = _ratio(policy.log_prob - targets.log_prob, targets.advantage)
  # Advantages and errors are 0 where masked, the entropy is not.
  surrogate = _surrogate(ratio, targets.advantage, clip_epsilon)
  pg_loss = jnp.sum(targets.importance * surrogate)
  squares = _clipped_squares(baseline, targets, clip_epsilon)
  baseline_loss = 0.5 * config.baseline_cost * jnp.sum(squares)
  entropy = jnp.sum(policy.entropy * targets.weight)
  loss = pg_loss + baseline_loss - entropy_cost * entropy
  return loss, transitions.make_metrics(
    {'loss': loss, 'pg_loss': pg_loss, 'baseline_loss': baseline_loss},
    policy,
    baseline,
    targets.weight,
    ratio_clip_fraction=jnp.abs(ratio - 1.0) > clip_epsilon,
  )


def _ratio(log_ratio: jax.Array, advantage: types.Array) -> jax.Array:
  """exp(log_ratio), but at most e where the clip takes its place.

  Gains stop at a ratio of 1 + eps < e. Where the exponential overflows, 0 times
  its derivative would be NaN.
  """
  bounded = jnp.minimum(log_ratio, 1.0)
  return jnp.exp(jnp.where(advantage < 0.0, log_ratio, bounded))


def _surrogate(
  ratio: jax.Array, advantage: types.Array, clip_epsilon: types.Array
) -> jax.Array:
  """Returns the clipped surrogate of each transition, to be minimised."""
  # `rlax.clipped_surrogate_pg_loss` has no weights, takes a mean, and its fmin
  # would hide a NaN.
  clipped = jnp.clip(ratio, 1.0 - clip_epsilon, 1.0 + clip_epsilon)
  return jnp.maximum(-advantage * ratio, -advantage * clipped)


def _clipped_squares(
  baseline: jax.Array, targets: Targets, clip_epsilon: types.Array
) -> jax.Array:
  """Returns the larger squared error of the value and the clipped value."""
  change = jnp.clip(baseline - targets.baseline, -clip_epsilon, clip_epsilon)
  clipped = targets.baseline + change
  return jnp.maximum(
    (baseline - targets.value_target) ** 2,
    (clipped - targets.value_target) ** 2,
  )

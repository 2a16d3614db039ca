"""V-trace actor-critic loss: IMPALA (Espeholt et al. 2018), section 4."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import rlax

from attn_agents import types
from attn_agents.algorithms import vtrace
from attn_agents.losses import ppo, transitions


class _Corrections(NamedTuple):
  """What V-trace makes of a batch, each [T, B].

  Attributes:
    policy: `transitions.PolicyTerms`.
    rhos: pi(a) / mu(a), not clipped.
    errors: vs_t - V_t.
    advantages: r_t + gamma_t vs_{t+1} - V_t, a constant to the gradient.
    importance: min(pg_rho_bar, rho_t), another; their product is what IMPALA
      multiplies the score with.
  """

  policy: transitions.PolicyTerms
  rhos: jax.Array
  errors: types.Array
  advantages: jax.Array
  importance: jax.Array


def vtrace_loss(
  outputs: types.NetworkOutput,
  unroll: types.Unroll,
  config: vtrace.VTraceConfig,
  entropy_cost: types.Array,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Returns the V-trace loss, summed over time and batch, and its metrics.

  loss = - sum min(pg_rho_bar, rho_t) (r_t + gamma_t vs_{t+1} - V_t) log pi(a_t)
         + baseline_cost / 2 sum (vs_t - V_t)^2 - entropy_cost sum H(pi_t)

  with vs of IMPALA Eq. 1, c-bar = 1 and lambda as in its Remark 2. The
  advantage uses the whole of vs_{t+1} (IMPALA section 4.2), where
  `rlax.vtrace_td_error_and_advantage` mixes it with V_{t+1} if lambda < 1.
  Targets, advantages and importance ratios are constants to the gradient.
  Transitions arriving at FIRST add exactly nothing to loss and gradient, and
  the targets of an episode depend on no row outside of it.

  Args:
    outputs: the learner's network on rows 0..T, float32 [T + 1, B, ...].
    unroll: T transitions of B environments.
    config: weights, discount and clipping thresholds.
    entropy_cost: float32 [], weight of the entropy; takes the place of
      `config.entropy_cost`, so that it can change without recompilation.

  Returns:
    The loss, float32 [], and the metrics of `transitions.make_metrics`, with
    `pg_loss` and `baseline_loss` as they enter the loss, `baseline_cost`
    included, and these means of its own: `rho_mean` of min(rho_bar, rho_t), and
    `ratio_clip_fraction`, the share of transitions with rho_t > rho_bar.

  Raises:
    ValueError: outputs and unroll differ in T or B.
  """
  steps = transitions.from_unroll(outputs, unroll, config)
  corrected = _correct(steps, config)
  policy, rhos = corrected.policy, corrected.rhos
  # Errors and advantages are 0 where masked, the entropy is not.
  pg_loss = -jnp.sum(
    corrected.importance * corrected.advantages * policy.log_prob
  )
  baseline_loss = config.baseline_cost * jnp.sum(rlax.l2_loss(corrected.errors))
  entropy = jnp.sum(policy.entropy * steps.weight)
  loss = pg_loss + baseline_loss - entropy_cost * entropy
  rho_bar = config.clip_rho_threshold
  return loss, transitions.make_metrics(
    {'loss': loss, 'pg_loss': pg_loss, 'baseline_loss': baseline_loss},
    policy,
    steps.baseline_tm1,
    steps.weight,
    rho_mean=jnp.minimum(rho_bar, rhos),
    ratio_clip_fraction=rhos > rho_bar,
  )


def proximal_targets(
  outputs: types.NetworkOutput,
  unroll: types.Unroll,
  config: vtrace.VTraceConfig,
) -> ppo.Targets:
  """Makes what PPO's loss needs of a batch that other parameters acted in.

  V-trace corrects for the distance from the actor's policy to the learner's,
  the clip of PPO's ratio bounds the one from there on: the behaviour policy and
  the proximal one are two (Hilton et al. 2021, "Batch size-invariance for
  policy optimization", Eq. 3).

  Args:
    outputs: of the parameters before the update, on rows 0..T, float32
      [T + 1, B, ...].
    unroll: T transitions of B environments.
    config: discount and clipping thresholds.

  Returns:
    `ppo.Targets` [T, B]: log probabilities and values those of `outputs`,
    r_t + gamma_t vs_{t+1} - V_t as advantages, min(pg_rho_bar, rho_t) as their
    importance, which normalisation leaves alone, vs as value targets.

  Raises:
    ValueError: outputs and unroll differ in T or B.
  """
  steps = transitions.from_unroll(outputs, unroll, config)
  corrected = _correct(steps, config)
  policy = corrected.policy
  made = ppo.Targets(
    action=steps.action,
    log_prob=policy.log_prob,
    behaviour_log_prob=policy.log_prob - policy.log_ratio,
    baseline=steps.baseline_tm1,
    advantage=corrected.advantages,
    importance=corrected.importance,
    value_target=steps.baseline_tm1 + corrected.errors,
    weight=steps.weight,
  )
  return jax.lax.stop_gradient(made)


def _correct(
  steps: transitions.Transitions, config: vtrace.VTraceConfig
) -> _Corrections:
  policy = transitions.policy_terms(
    steps.policy_logits,
    steps.action,
    transitions.log_prob(steps.behaviour_logits, steps.action),
  )
  # Constant before the exponential, which may overflow: an infinity is clipped,
  # but 0 times its derivative would be NaN.
  rhos = jnp.exp(jax.lax.stop_gradient(policy.log_ratio))
  vtrace_errors = functools.partial(
    rlax.vtrace,
    lambda_=config.vtrace_lambda,
    clip_rho_threshold=config.clip_rho_threshold,
  )
  errors: types.Array = jax.vmap(vtrace_errors, in_axes=1, out_axes=1)(
    steps.baseline_tm1, steps.baseline_t, steps.reward, steps.discount, rhos
  )
  targets = jnp.concatenate(
    [steps.baseline_tm1[1:] + errors[1:], steps.baseline_t[-1:]]
  )
  advantages = steps.reward + steps.discount * targets - steps.baseline_tm1
  importance = jnp.minimum(config.clip_pg_rho_threshold, rhos)
  advantages, importance = jax.lax.stop_gradient((advantages, importance))
  return _Corrections(policy, rhos, errors, advantages, importance)

"""Advantage actor-critic loss: Mnih et al. 2016, as OpenAI baselines' a2c."""

import jax
import jax.numpy as jnp
import rlax

from attn_agents import types
from attn_agents.algorithms import a2c
from attn_agents.losses import transitions


def a2c_loss(
  outputs: types.NetworkOutput,
  unroll: types.Unroll,
  config: a2c.A2CConfig,
  entropy_cost: types.Array,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Returns the A2C loss, summed over time and batch, and its metrics.

  loss = - sum (R_t - V_t) log pi(a_t) + baseline_cost sum (R_t - V_t)^2
         - entropy_cost sum H(pi_t)

  R_t = r_t + gamma_t R_{t+1}, from R_T = V_T: each row has the longest return
  that its unroll allows (Mnih et al. 2016, Algorithm S3). There is no 1/2 at
  the square, as in baselines/a2c/a2c.py. Where an episode was cut off by the
  frame cap, the return continues with V(LAST); baselines treats that as a
  termination. Returns and advantages are constants to the gradient. There is no
  importance ratio: the unroll must come from the policy that is trained.
  Transitions arriving at FIRST add exactly nothing to loss and gradient, and
  the returns of an episode depend on no row outside of it.

  Args:
    outputs: the learner's network on rows 0..T, float32 [T + 1, B, ...].
    unroll: T transitions of B environments.
    config: weights and discount.
    entropy_cost: float32 [], weight of the entropy; takes the place of
      `config.entropy_cost`, so that it can change without recompilation.

  Returns:
    The loss, float32 [], and the metrics of `transitions.make_metrics`, with
    `pg_loss` and `baseline_loss` as they enter the loss, `baseline_cost`
    included.

  Raises:
    ValueError: outputs and unroll differ in T or B.
  """
  steps = transitions.from_unroll(outputs, unroll, config)
  policy = transitions.policy_terms(
    steps.policy_logits,
    steps.action,
    transitions.log_prob(steps.behaviour_logits, steps.action),
  )
  # With rlax's default lambda of 1 these are the returns above.
  returns = jax.vmap(rlax.lambda_returns, in_axes=1, out_axes=1)(
    steps.reward, steps.discount, steps.baseline_t
  )
  errors = jax.lax.stop_gradient(returns) - steps.baseline_tm1
  advantages = jax.lax.stop_gradient(errors)
  # Errors and advantages are 0 where masked, the entropy is not.
  pg_loss = -jnp.sum(advantages * policy.log_prob)
  baseline_loss = config.baseline_cost * jnp.sum(errors**2)
  entropy = jnp.sum(policy.entropy * steps.weight)
  loss = pg_loss + baseline_loss - entropy_cost * entropy
  return loss, transitions.make_metrics(
    {'loss': loss, 'pg_loss': pg_loss, 'baseline_loss': baseline_loss},
    policy,
    steps.baseline_tm1,
    steps.weight,
  )

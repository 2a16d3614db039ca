"""What all actor-critic losses share: aligned transitions, policy, metrics.

The time alignment, and the LAST -> FIRST transitions that are masked here, are
described in `attn_agents/types.py`.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from attn_agents import types
from attn_agents.algorithms import base

# Metrics that are sums over transitions; all others are means over the valid
# ones, to be weighted by `num_transitions` when batches are put together.
SUMMED_METRICS = frozenset(
  {
    'loss',
    'pg_loss',
    'baseline_loss',
    'reconstruction_loss',
    'num_transitions',
  }
)


class Transitions(NamedTuple):
  """Transitions 0..T-1, masked ones made harmless; leading axes [T, B].

  A masked transition has no discount and the value itself as reward. So its
  TD error is 0, nothing flows back over it, and the return from LAST is
  V(LAST): the bootstrap of an episode that was cut off.

  Attributes:
    policy_logits: float32 [T, B, num_actions], the learner's; 0 where masked.
    behaviour_logits: float32 [T, B, num_actions], the actor's; 0 where masked.
    action: int32 [T, B]; 0 where masked.
    baseline_tm1: float32 [T, B], the value of the row the action was taken at.
    baseline_t: float32 [T, B], the value of the row it led to.
    reward: float32 [T, B], clipped.
    discount: float32 [T, B], gamma, or 0 where the episode terminated
      or a lost life counts as if it had.
    weight: float32 [T, B], 1 where valid, 0 where masked.
  """

  policy_logits: types.Array
  behaviour_logits: types.Array
  action: types.Array
  baseline_tm1: types.Array
  baseline_t: types.Array
  reward: types.Array
  discount: types.Array
  weight: types.Array


class PolicyTerms(NamedTuple):
  """What a loss needs of the policy; each float32 [...].

  Attributes:
    log_prob: log pi(a) of the action taken.
    log_ratio: log pi(a) - log mu(a), mu being the behaviour policy.
    entropy: of pi, in nats.
  """

  log_prob: jax.Array
  log_ratio: jax.Array
  entropy: jax.Array


def from_unroll(
  outputs: types.NetworkOutput,
  unroll: types.Unroll,
  config: base.LearningConfig,
) -> Transitions:
  """Aligns rows to transitions and masks those arriving at FIRST.

  Args:
    outputs: the learner's network on rows 0..T, float32 [T + 1, B, ...].
    unroll: T transitions of B environments.
    config: gamma and the clip of rewards.

  Returns:
    `Transitions`, differentiable in `outputs`.

  Raises:
    ValueError: outputs and unroll differ in T or B.
  """
  _check_shapes(outputs, unroll)
  timestep = unroll.timestep
  weights = weight(timestep)
  valid = weights > 0
  # The result of action_t arrives with row t + 1.
  reward = timestep.reward[1:]
  if config.max_abs_reward > 0:
    reward = jnp.clip(reward, -config.max_abs_reward, config.max_abs_reward)
  discount = config.discount * timestep.discount[1:]
  baseline_tm1 = outputs.baseline[:-1]
  return Transitions(
    # Selected, not multiplied by 0, so that even infinities stay outside.
    policy_logits=jnp.where(
      valid[..., jnp.newaxis], outputs.policy_logits[:-1], 0.0
    ),
    behaviour_logits=jnp.where(
      valid[..., jnp.newaxis], unroll.behaviour_logits, 0.0
    ),
    action=jnp.where(valid, unroll.action, 0),
    baseline_tm1=baseline_tm1,
    baseline_t=outputs.baseline[1:],
    reward=jnp.where(valid, reward, baseline_tm1),
    discount=jnp.where(valid, discount, 0.0),
    weight=weights,
  )


def weight(timestep: types.TimeStep) -> jax.Array:
  """1 for transitions that count, 0 for those that arrive at FIRST.

  Args:
    timestep: `types.TimeStep` [T + 1, B].

  Returns:
    float32 [T, B].
  """
  valid = timestep.step_type[1:] != types.StepType.FIRST
  return jnp.asarray(valid, jnp.float32)


def _check_shapes(outputs: types.NetworkOutput, unroll: types.Unroll) -> None:
  """Refuses rows that do not fit together."""
  length, batch_size = unroll.action.shape
  rows = (length + 1, batch_size)
  shapes = {
    'baseline': outputs.baseline.shape,
    'policy_logits': outputs.policy_logits.shape[:-1],
    'reward': unroll.timestep.reward.shape,
  }
  for name, shape in shapes.items():
    if tuple(shape) != rows:
      raise ValueError(
        f'{name} has leading axes {tuple(shape)}, but actions [T, B] = '
        f'{(length, batch_size)} need {rows}.'
      )


def log_prob(logits: types.Array, action: types.Array) -> jax.Array:
  """Returns log softmax(logits)[action].

  Args:
    logits: float32 [..., num_actions].
    action: int32 [...].

  Returns:
    float32 [...].
  """
  return _pick(jax.nn.log_softmax(logits), action)


def _pick(log_probs: jax.Array, action: types.Array) -> jax.Array:
  index = action[..., jnp.newaxis]
  return jnp.take_along_axis(log_probs, index, axis=-1)[..., 0]


def policy_terms(
  logits: types.Array, action: types.Array, behaviour_log_prob: types.Array
) -> PolicyTerms:
  """Evaluates the policy pi on actions that mu took.

  Args:
    logits: float32 [..., num_actions] of pi.
    action: int32 [...].
    behaviour_log_prob: float32 [...], log mu(a).

  Returns:
    `PolicyTerms`, differentiable in `logits`.
  """
  log_probs = jax.nn.log_softmax(logits)
  taken = _pick(log_probs, action)
  return PolicyTerms(
    log_prob=taken,
    log_ratio=taken - behaviour_log_prob,
    entropy=-jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1),
  )


def make_metrics(
  sums: dict[str, jax.Array],
  policy: PolicyTerms,
  baseline: types.Array,
  weight: types.Array,
  **means: types.Array,
) -> dict[str, jax.Array]:
  """Returns the metrics of a loss, each float32 [].

  Args:
    sums: `loss`, `pg_loss` and `baseline_loss`, float32 [], passed on.
    policy: of every transition, [...].
    baseline: float32 [...], the learner's V of the same rows.
    weight: float32 [...], 1 where valid, 0 where masked.
    **means: float32 [...], more of the second kind below; a name given here
      takes the place of one below.

  Returns:
    Sums over valid transitions (`SUMMED_METRICS`): `sums` and
    `num_transitions`, the number of valid ones.
    Means over valid transitions, 0 if there are none: `entropy` of the
    learner's policy in nats; `baseline_mean`, of V_t; `rho_mean`, of
    min(1, pi(a) / mu(a)), which is 1 on policy and falls by the total variation
    distance between the two policies; `approx_kl`, of
    (log pi(a) - log mu(a))^2 / 2, close to KL(mu, pi) where that is small
    (baselines' `approxkl`).
  """
  values = {
    'entropy': policy.entropy,
    'baseline_mean': baseline,
    'rho_mean': jnp.exp(jnp.minimum(policy.log_ratio, 0.0)),
    'approx_kl': 0.5 * policy.log_ratio**2,
  } | means
  num_transitions = jnp.sum(weight)
  divisor = jnp.maximum(num_transitions, 1.0)
  return (
    sums
    | {'num_transitions': num_transitions}
    | {k: jnp.sum(v * weight) / divisor for k, v in values.items()}
  )

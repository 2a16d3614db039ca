"""V-trace actor-critic loss: IMPALA (Espeholt et al. 2018), section 4.

The time alignment, and the LAST -> FIRST transitions that are masked here, are
described in `attn_agents/types.py`.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import rlax

from attn_agents import types
from configs import schema

# Metrics that are sums over transitions; all others are means over the valid
# ones, to be weighted by `num_transitions` when batches are put together.
SUMMED_METRICS = frozenset(
  {'loss', 'pg_loss', 'baseline_loss', 'num_transitions'}
)


class _Transitions(NamedTuple):
  """Transitions 0..T-1, masked ones made harmless; leading axes [T, B]."""

  policy_logits: types.Array
  behaviour_logits: types.Array
  action: types.Array
  baseline_tm1: types.Array
  baseline_t: types.Array
  reward: types.Array
  discount: types.Array
  weight: types.Array


def vtrace_loss(
  outputs: types.NetworkOutput,
  unroll: types.Unroll,
  config: schema.LearningConfig,
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
    The loss, float32 [], and a dict of float32 [] metrics.
    Sums over valid transitions (`SUMMED_METRICS`): `loss`; `pg_loss` and
    `baseline_loss` as they enter it, `baseline_cost` included; and
    `num_transitions`, the number of valid ones.
    Means over valid transitions, 0 if there are none: `entropy` of the
    learner's policy in nats; `baseline_mean`, of V_t; `rho_mean`, of the
    clipped ratio min(rho_bar, rho_t), which at rho_bar = 1 is 1 on policy and
    falls by the total variation distance between the two policies.

  Raises:
    ValueError: outputs and unroll differ in T or B.
  """
  _check_shapes(outputs, unroll)
  steps = _make_transitions(outputs, unroll, config)
  rhos, errors, advantages = _vtrace(steps, config)
  pg_loss, baseline_loss, entropy = _terms(steps, errors, advantages)
  baseline_loss *= config.baseline_cost
  loss = pg_loss + baseline_loss - entropy_cost * entropy
  clipped_rhos = jnp.minimum(config.clip_rho_threshold, rhos)
  num_transitions = jnp.sum(steps.weight)
  metrics = {
    'loss': loss,
    'pg_loss': pg_loss,
    'baseline_loss': baseline_loss,
    'num_transitions': num_transitions,
  }
  totals = {
    'entropy': entropy,
    'baseline_mean': jnp.sum(steps.baseline_tm1 * steps.weight),
    'rho_mean': jnp.sum(clipped_rhos * steps.weight),
  }
  divisor = jnp.maximum(num_transitions, 1.0)
  return loss, metrics | {k: v / divisor for k, v in totals.items()}


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


def _make_transitions(
  outputs: types.NetworkOutput,
  unroll: types.Unroll,
  config: schema.LearningConfig,
) -> _Transitions:
  """Aligns rows to transitions and takes the masked ones out."""
  timestep = unroll.timestep
  valid = timestep.step_type[1:] != types.StepType.FIRST
  # The result of action_t arrives with row t + 1.
  reward = timestep.reward[1:]
  if config.max_abs_reward > 0:
    reward = jnp.clip(reward, -config.max_abs_reward, config.max_abs_reward)
  discount = config.discount * timestep.discount[1:]
  baseline_tm1 = outputs.baseline[:-1]
  # A masked transition gets no discount and the value itself as reward. So its
  # TD error is 0, nothing flows back over it, and the target at LAST is
  # V(LAST): the bootstrap of an episode that was cut off.
  return _Transitions(
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
    weight=valid.astype(jnp.float32),
  )


def _vtrace(
  steps: _Transitions, config: schema.LearningConfig
) -> tuple[types.Array, types.Array, types.Array]:
  """Returns ratios, vs - V and policy gradient advantages, each [T, B]."""
  rhos: types.Array = rlax.categorical_importance_sampling_ratios(
    steps.policy_logits, steps.behaviour_logits, steps.action
  )
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
  clipped_rhos = jnp.minimum(config.clip_pg_rho_threshold, rhos)
  advantages = clipped_rhos * (
    steps.reward + steps.discount * targets - steps.baseline_tm1
  )
  return rhos, errors, advantages


def _terms(
  steps: _Transitions, errors: types.Array, advantages: types.Array
) -> tuple[types.Array, types.Array, types.Array]:
  """Returns policy gradient loss, half squared errors and entropy, summed."""
  num_rows = steps.weight.size
  logits = steps.policy_logits.reshape(num_rows, -1)
  weight = steps.weight.reshape(num_rows)
  # rlax takes means over all rows. It also stops the gradients: of the targets
  # in `vtrace`, of the advantages here.
  pg_loss = num_rows * rlax.policy_gradient_loss(
    logits, steps.action.reshape(num_rows), advantages.reshape(num_rows), weight
  )
  entropy = -num_rows * rlax.entropy_loss(logits, weight)
  baseline_loss = jnp.sum(rlax.l2_loss(errors) * steps.weight)
  return pg_loss, baseline_loss, entropy

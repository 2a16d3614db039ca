"""Q-learning on sequences, and the policy gradient of hard attention.

DQN (Mnih et al. 2015), DRQN and DARQN (Sorokin et al. 2015, Eqs. 3-6), as the
code released with DARQN has them.
"""

import jax
import jax.numpy as jnp
import rlax

from attn_agents import types
from attn_agents.algorithms import q_learning


def q_learning_loss(
  outputs: types.NetworkOutput,
  target_outputs: types.NetworkOutput,
  batch: types.ReplayBatch,
  config: q_learning.QLearningConfig,
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Returns the loss, summed over time and batch, and its metrics.

  loss = sum huber(Y_t - Q_t(a_t)),
  Y_t = r_{t+1} + gamma_{t+1} max_a Q'_{t+1}(a)

  with Q' of the target network. Y is a constant to the gradient, which the
  Huber loss keeps within +-`max_abs_td_error` at each Q ("delta clip").
  Transitions arriving at FIRST add exactly nothing.

  Hard attention adds, for rows t that looked at one location i_t,

    - reinforce_cost sum (Y_t - G_t) log p(i_t) + 1/B sum (Y_t - G_t)^2

  with Y - G constant in the first, so that locations better than expected
  become likelier. The paper's Eq. 6 has G - Y and the released code, which
  ascends, the same sign: `legacy_sign` is that. The second goes over all rows,
  and its gradient to G alone (`networks/q_network.py`).

  Args:
    outputs: of the network that learns, on rows 0..T-1, [T, B, ...].
    target_outputs: of the target network, on rows 1..T, [T, B, ...].
    batch: T transitions of B sequences.
    config: discount, clips and weights.

  Returns:
    The loss, float32 [], and its metrics, each float32 []: `loss` and
    `num_transitions`, sums over valid transitions; `q_mean` of max_a Q_t and
    `td_error` of |Y_t - Q_t(a_t)|, means. With hard attention also the sums
    `pg_loss` and `baseline_loss`, as they enter the loss.

  Raises:
    ValueError: outputs and batch differ in T or B.
  """
  _check_shapes(outputs, target_outputs, batch)
  timestep = batch.timestep
  valid = timestep.step_type[1:] != types.StepType.FIRST
  reward = timestep.reward[1:]
  if config.max_abs_reward > 0:
    reward = jnp.clip(reward, -config.max_abs_reward, config.max_abs_reward)
  # Selected, not multiplied by 0, so that even infinities stay outside.
  q_tm1 = jnp.where(valid[..., None], outputs.policy_logits, 0.0)
  action = jnp.where(valid, batch.action, 0)
  errors: types.Array = jax.vmap(jax.vmap(rlax.q_learning))(
    q_tm1,
    action,
    jnp.where(valid, reward, 0.0),
    jnp.where(valid, config.discount * timestep.discount[1:], 0.0),
    jnp.where(valid[..., None], target_outputs.policy_logits, 0.0),
  )
  if config.max_abs_td_error > 0:
    losses = rlax.huber_loss(errors, config.max_abs_td_error)
  else:
    losses = rlax.l2_loss(errors)
  # Of masked transitions all of this is 0.
  loss = jnp.sum(losses)
  metrics = {}
  if isinstance(outputs.extras, types.Glimpse):
    taken = jnp.take_along_axis(q_tm1, action[..., None], axis=-1)[..., 0]
    targets = jax.lax.stop_gradient(errors + taken)
    metrics = _glimpse_losses(outputs, targets, valid, config)
    loss += sum(metrics.values())
  weight = valid.astype(jnp.float32)
  num_transitions = jnp.sum(weight)
  divisor = jnp.maximum(num_transitions, 1.0)
  return loss, metrics | {
    'loss': loss,
    'num_transitions': num_transitions,
    'q_mean': jnp.sum(jnp.max(q_tm1, axis=-1) * weight) / divisor,
    'td_error': jnp.sum(jnp.abs(errors)) / divisor,
  }


def _glimpse_losses(
  outputs: types.NetworkOutput,
  targets: jax.Array,
  valid: types.Array,
  config: q_learning.QLearningConfig,
) -> dict[str, jax.Array]:
  """Hard attention's policy gradient, and the loss of its baseline."""
  glimpse: types.Glimpse = outputs.extras
  advantages = jnp.where(valid, targets - outputs.baseline, 0.0)
  weights = jax.lax.stop_gradient(advantages) * glimpse.drawn
  pg_loss = -jnp.sum(weights * jnp.where(valid, glimpse.log_prob, 0.0))
  sign = -1.0 if config.legacy_sign else 1.0
  return {
    'pg_loss': sign * config.reinforce_cost * pg_loss,
    'baseline_loss': jnp.sum(advantages**2) / config.batch_size,
  }


def _check_shapes(
  outputs: types.NetworkOutput,
  target_outputs: types.NetworkOutput,
  batch: types.ReplayBatch,
) -> None:
  """Refuses rows that do not fit together."""
  length, batch_size = batch.action.shape
  shapes = {
    'values': (outputs.policy_logits.shape[:-1], length),
    'target values': (target_outputs.policy_logits.shape[:-1], length),
    'reward': (batch.timestep.reward.shape, length + 1),
  }
  for name, (shape, rows) in shapes.items():
    if tuple(shape) != (rows, batch_size):
      raise ValueError(
        f'{name} has leading axes {tuple(shape)}, but actions [T, B] = '
        f'{(length, batch_size)} need {(rows, batch_size)}.'
      )

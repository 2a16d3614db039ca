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

  with Q' of the target network and Y constant to the gradient. The Huber loss
  keeps the gradient at each Q within +-`max_abs_td_error` ("delta clip").
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
  valid = batch.timestep.step_type[1:] != types.StepType.FIRST
  # Selected, not multiplied by 0, so that even infinities stay outside.
  q_tm1 = jnp.where(valid[..., None], outputs.action_values, 0.0)
  action = jnp.where(valid, batch.action, 0)
  errors = _td_errors(q_tm1, action, target_outputs, batch, valid, config)
  # Of masked transitions all of this is 0.
  loss = jnp.sum(_squares(errors, config.max_abs_td_error))
  metrics = {}
  if isinstance(outputs.extras, types.Glimpse):
    taken = jnp.take_along_axis(q_tm1, action[..., None], axis=-1)[..., 0]
    targets = jax.lax.stop_gradient(errors + taken)
    metrics = _glimpse_losses(outputs, targets, valid, config)
    loss += sum(metrics.values())
  count = jnp.sum(valid.astype(jnp.float32))
  means = {
    'q_mean': jnp.sum(jnp.max(q_tm1, axis=-1)),
    'td_error': jnp.sum(jnp.abs(errors)),
  }
  means = {name: x / jnp.maximum(count, 1.0) for name, x in means.items()}
  return loss, metrics | means | {'loss': loss, 'num_transitions': count}


def _squares(errors: types.Array, max_abs_error: float) -> types.Array:
  """Half the squares of errors, which count linearly beyond a bound above 0."""
  if max_abs_error > 0:
    return rlax.huber_loss(errors, max_abs_error)
  return rlax.l2_loss(errors)


def _td_errors(
  q_tm1: jax.Array,
  action: jax.Array,
  target_outputs: types.NetworkOutput,
  batch: types.ReplayBatch,
  valid: types.Array,
  config: q_learning.QLearningConfig,
) -> types.Array:
  """Y_t - Q_t(a_t), float32 [T, B], 0 where masked."""
  reward = batch.timestep.reward[1:]
  if config.max_abs_reward > 0:
    reward = jnp.clip(reward, -config.max_abs_reward, config.max_abs_reward)
  discount = config.discount * batch.timestep.discount[1:]
  return jax.vmap(jax.vmap(rlax.q_learning))(
    q_tm1,
    action,
    jnp.where(valid, reward, 0.0),
    jnp.where(valid, discount, 0.0),
    jnp.where(valid[..., None], target_outputs.action_values, 0.0),
  )


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
    'values': (outputs.action_values.shape[:-1], length),
    'target values': (target_outputs.action_values.shape[:-1], length),
    'reward': (batch.timestep.reward.shape, length + 1),
  }
  for name, (shape, rows) in shapes.items():
    if tuple(shape) != (rows, batch_size):
      raise ValueError(
        f'{name} has leading axes {tuple(shape)}, but actions [T, B] = '
        f'{(length, batch_size)} need {(rows, batch_size)}.'
      )

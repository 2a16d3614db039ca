"""Generalised advantage estimation (Schulman et al. 2016)."""

import jax
import jax.numpy as jnp
import rlax

from attn_agents import types
from attn_agents.losses import transitions


def advantages(
  steps: transitions.Transitions, gae_lambda: types.Array
) -> jax.Array:
  """Returns GAE(gamma, lambda), cut at the end of the unroll.

  A_t = sum_l (gamma lambda)^l delta_{t+l}, with
  delta_t = r_t + gamma_t V_{t+1} - V_t (Schulman et al. 2016, Eq. 16; cut at
  the unroll's end in PPO, Schulman et al. 2017, Eq. 11). The sum stops where an
  episode ends or the discount is 0; an episode that was cut off by the frame
  cap still counts V(LAST) in its last delta, where baselines/ppo2/runner.py
  treats it as a termination.

  Args:
    steps: `transitions.from_unroll`.
    gae_lambda: float32 [] or a number, 0 to 1.

  Returns:
    float32 [T, B], constants to the gradient; 0 where masked.
  """
  values = jnp.concatenate([steps.baseline_tm1, steps.baseline_t[-1:]])
  estimates: types.Array = jax.vmap(
    rlax.truncated_generalized_advantage_estimation,
    in_axes=(1, 1, None, 1),
    out_axes=1,
  )(steps.reward, steps.discount, gae_lambda, values)
  return jax.lax.stop_gradient(estimates)

"""An agent that says what it is told to, and screens of one level each."""

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import agent as agent_lib
from attn_agents import types

T, B, A = 4, 6, 3
CONSTANT = np.array([0.3, -1.0, 2.0], np.float32)
SLOPES = np.array([1.0, -2.0, 0.5], np.float32)


class Agent:
  """An agent that says what `says` makes of the mean of the screen, [B]."""

  def __init__(self, says, maps=None):
    self._says, self._maps = says, maps

  def inspect(self, params, timestep, agent_state):
    screen = jnp.mean(timestep.observation / 255.0, axis=(1, 2, 3))
    logits, baseline = self._says(screen, agent_state.prev_action)
    sown = {} if self._maps is None else {'attention': self._maps(screen)}
    return agent_lib.Inspection(
      types.NetworkOutput(params['scale'] * logits, baseline),
      jax.tree.map(lambda x: x + 1.0, agent_state.core_state),
      sown,
    )


PARAMS = {'scale': np.float32(1.0)}


def constant(screen):
  return jnp.broadcast_to(jnp.asarray(CONSTANT), (*screen.shape, A))


def seeing(screen, prev_action):
  del prev_action
  return constant(screen) + screen[:, None] * SLOPES, 5.0 * screen


def make_rows(seed=0, core_state=(), batch=B, rows=T):
  """Screens of one level each, uint8, and random actions."""
  rng = np.random.default_rng(seed)
  levels = rng.integers(0, 256, (rows, batch, 1, 1, 1), dtype=np.uint8)
  timestep = types.TimeStep(
    observation=np.broadcast_to(levels, (rows, batch, 2, 2, 1)),
    reward=np.zeros((rows, batch), np.float32),
    discount=np.ones((rows, batch), np.float32),
    step_type=np.ones((rows, batch), np.int8),
  )
  action = rng.integers(A, size=(rows - 1, batch), dtype=np.int32)
  prev = rng.integers(A, size=batch, dtype=np.int32)
  return timestep, action, types.AgentState(core_state, prev)

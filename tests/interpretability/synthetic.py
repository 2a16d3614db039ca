"""An agent that looks at two places, and what it is shown.

Its policy hangs on a checkerboard in one cell of the observation, its value on
one in another, and it attends to these two cells: what analyses have to find.
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from attn_agents import types
from attn_agents.interpretability.recordings import (
  moments,
  trained_agent,
  writing,
)
from configs import schema
from tests.networks import tiny

SIZE = (40, 48)
CELLS = (5, 6)
POLICY_CELL = (1, 4)
VALUE_CELL = (3, 1)
NUM_ACTIONS = 3
_PIXELS = 8  # Of a cell, both ways.
_BOARD = np.indices((_PIXELS, _PIXELS)).sum(axis=0) % 2


def patch(cell):
  """The pixels of a cell, as an index into [..., height, width, channels]."""
  row, column = _PIXELS * np.array(cell)
  return (
    ...,
    slice(row, row + _PIXELS),
    slice(column, column + _PIXELS),
    slice(None),
  )


class PatchNetwork(nn.Module):
  """See the module; without recurrent state."""

  @nn.nowrap
  def initial_state(self, batch_size):
    del batch_size
    return ()

  @nn.compact
  def __call__(self, inputs, core_state):
    pixels = inputs.observation
    if pixels.dtype == jnp.uint8:
      pixels = pixels / 255.0
    contrast = (2.0 * _BOARD - 1.0)[..., None]
    found = [
      jnp.mean(pixels[patch(cell)] * contrast, axis=(-3, -2, -1))
      for cell in (POLICY_CELL, VALUE_CELL)
    ]
    scale = self.param('policy', nn.initializers.ones, ())
    logits = jnp.stack([4.0 * scale * found[0]] + 2 * [0.0 * found[0]], axis=-1)
    attention = np.zeros((2, *CELLS), np.float32)
    attention[0][POLICY_CELL] = attention[1][VALUE_CELL] = 1.0
    self.sow(
      'intermediates',
      'attention',
      jnp.broadcast_to(attention, (*found[0].shape, *attention.shape)),
    )
    return types.NetworkOutput(logits, found[1]), core_state


def make_agent(network=None, size=SIZE):
  """A network that needs no game, with random parameters or at a scale of 1."""
  environment = schema.EnvironmentConfig(height=size[0], width=size[1])
  config = dataclasses.replace(tiny.make_config(), environment=environment)
  made = trained_agent.TrainedAgent(config, {}, {})
  made.__dict__.update(network=network or PatchNetwork())
  if network is None:
    return made.with_params({'policy': np.float32(1.0)})
  return made.with_params(tiny.random_params(network, (*size, 3)))


def observations(count, seed=0):
  """Noise with the two checkerboards, uint8 [count, 40, 48, 3]."""
  rng = np.random.default_rng(seed)
  seen = rng.integers(0, 256, (count, *SIZE, 3), dtype=np.uint8)
  for cell in (POLICY_CELL, VALUE_CELL):
    seen[patch(cell)] = 255 * _BOARD[..., None]
  return seen


def record(path, seen, num_actions=NUM_ACTIONS, seed=0):
  """A recording of one game in which these observations were seen."""
  rng = np.random.default_rng(seed)
  writer = writing.Writer(path, {})
  kinds = np.full(len(seen), types.StepType.MID, np.int8)
  kinds[0] = types.StepType.FIRST
  for observation, kind in zip(seen, kinds, strict=True):
    writer.append(
      {
        'observation': observation,
        'frame': np.zeros((*SIZE, 3), np.uint8),
        'reward': np.float32(rng.normal()),
        'discount': np.float32(1.0),
        'step_type': kind,
        'action': np.int32(rng.integers(num_actions)),
      }
    )
  return writer.end(1)


def moment(observation, state=(), action=0):
  """A moment of one observation, seen in the middle of a game."""
  timestep = types.TimeStep(
    observation[None],
    np.zeros(1, np.float32),
    np.ones(1, np.float32),
    np.full(1, types.StepType.MID, np.int8),
  )
  before = types.AgentState(state, jnp.zeros(1, jnp.int32))
  return moments.Moment(0, timestep, before, action, None)

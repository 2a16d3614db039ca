"""Networks small enough to run in milliseconds, and rows to feed them."""

import dataclasses

import jax
import numpy as np
from flax import linen as nn

from attn_agents import agent as agent_lib
from attn_agents import types
from attn_agents.environments import registry as environments
from attn_agents.networks import factory
from configs import schema
from configs.agents import impala_ff, s3ta

NUM_ACTIONS = 5
OBSERVATION_SHAPE = (33, 26, 3)
# Of the maps: 33 x 26 after strides 4 and 2.
MAP_SIZE = (5, 4)


def make_config(**network) -> schema.Config:
  """An S3TA run with 33 x 26 RGB frames, two heads and thin layers."""
  height, width, _ = OBSERVATION_SHAPE
  sizes = {
    'conv_channels': (4, 6),
    'vision_channels': 12,
    'num_queries': 2,
    'query_hidden': (16, 12),
    'answer_hidden': (24,),
    'answer_size': 20,
    'policy_core_size': 10,
    'head_hidden': 14,
  }
  return dataclasses.replace(
    s3ta.paper(),
    network=s3ta.S3TAConfig(**(sizes | network)),
    environment=schema.EnvironmentConfig(height=height, width=width),
  )


def make_resnet_config(**network) -> schema.Config:
  """A deep residual network's run with 33 x 26 RGB frames and thin layers."""
  height, width, _ = OBSERVATION_SHAPE
  sizes = {'channels': (3, 4), 'blocks_per_section': 1, 'hidden_size': 12}
  return dataclasses.replace(
    impala_ff.paper(),
    network=impala_ff.ResNetConfig(**(sizes | network)),
    environment=schema.EnvironmentConfig(height=height, width=width),
  )


def make_agent(**network) -> tuple[agent_lib.Agent, types.Nest]:
  """An agent and its network."""
  module = factory.make_network(make_config(**network), NUM_ACTIONS)
  return agent_lib.Agent(module, OBSERVATION_SHAPE), module


def random_like(tree: types.Nest, seed: int) -> types.Nest:
  """float32 arrays of these shapes, as of a state within an episode."""
  rng = np.random.default_rng(seed)
  return jax.tree.map(
    lambda leaf: (0.3 * rng.normal(size=leaf.shape)).astype(np.float32), tree
  )


def random_params(
  module: nn.Module, observation_shape: tuple[int, ...] = OBSERVATION_SHAPE
) -> types.Nest:
  """Parameters drawn in NumPy: compiling the real initialisers takes long."""
  rng = np.random.default_rng(0)
  inputs = types.NetworkInput(
    observation=np.zeros((1, 1, *observation_shape), np.uint8),
    reward=np.zeros((1, 1), np.float32),
    prev_action=np.zeros((1, 1), np.int32),
    is_first=np.zeros((1, 1), bool),
  )
  shapes = jax.eval_shape(
    module.init, jax.random.key(0), inputs, module.initial_state(1)
  )

  def draw(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
    fan_in = max(1, int(np.prod(leaf.shape[:-1])))
    return (rng.normal(size=leaf.shape) / fan_in**0.5).astype(leaf.dtype)

  return jax.tree_util.tree_map(draw, shapes['params'])


def make_resnet(
  rows: int = 1, batch: int = 2, **network
) -> tuple[nn.Module, types.Nest, types.NetworkInput]:
  """A deep residual network, its variables and rows [T, B] to feed it."""
  config = make_resnet_config(**network)
  module = factory.make_network(config, NUM_ACTIONS)
  inputs = random_inputs(rows, batch, config.environment)
  return module, {'params': random_params(module)}, inputs


def random_inputs(
  rows: int, batch: int, environment: schema.EnvironmentConfig
) -> types.NetworkInput:
  """Random rows [T, B] in the middle of an episode, five actions."""
  rng = np.random.default_rng(0)
  shape = environments.spec(environment).observation_shape
  return types.NetworkInput(
    observation=rng.integers(0, 256, (rows, batch, *shape), dtype=np.uint8),
    reward=rng.normal(size=(rows, batch)).astype(np.float32),
    prev_action=rng.integers(0, NUM_ACTIONS, (rows, batch), dtype=np.int32),
    is_first=np.zeros((rows, batch), bool),
  )


def random_timestep(
  rng: np.random.Generator, step_type: np.ndarray
) -> types.TimeStep:
  """Random pixels and rewards for given step types [T, B]."""
  return types.TimeStep(
    observation=rng.integers(
      0, 256, (*step_type.shape, *OBSERVATION_SHAPE), dtype=np.uint8
    ),
    reward=rng.normal(size=step_type.shape).astype(np.float32),
    discount=(step_type != types.StepType.LAST).astype(np.float32),
    step_type=step_type.astype(np.int8),
  )

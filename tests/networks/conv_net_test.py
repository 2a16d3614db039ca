"""IMPALA's shallow network: its sizes, by hand, and what it refuses."""

import dataclasses

import jax
import pytest

from attn_agents.networks import factory
from configs import agents, errors
from configs.agents import impala_shallow
from tests.networks import tiny


def _count(network: impala_shallow.ConvNetConfig, num_actions: int) -> int:
  config = dataclasses.replace(
    agents.make('impala_shallow', 'paper'), network=network
  )
  module = factory.make_network(config, num_actions)
  inputs = tiny.random_inputs(2, 1, config.environment)
  shapes = jax.eval_shape(
    module.init, jax.random.key(0), inputs, module.initial_state(1)
  )
  return sum(leaf.size for leaf in jax.tree.leaves(shapes['params']))


def test_parameters_of_impala():
  # VALID: 84 -> 20 -> 9.
  torso = 8 * 8 * 4 * 16 + 16 + 4 * 4 * 16 * 32 + 32
  hidden = 9 * 9 * 32 * 256 + 256
  expected = torso + hidden + 257 * 18 + 257
  assert _count(impala_shallow.ConvNetConfig(), 18) == expected == 681_027


def test_parameters_of_the_network_of_dqn():
  network = impala_shallow.ConvNetConfig(
    conv_channels=(32, 64, 64),
    conv_kernels=(8, 4, 3),
    conv_strides=(4, 2, 1),
    hidden_size=512,
  )
  # DQN's with five outputs: here four logits and the value.
  assert _count(network, 4) == 1_686_693


def test_kernels_larger_than_what_they_see_are_refused():
  network = impala_shallow.ConvNetConfig(conv_kernels=(8, 30))
  network.validate()
  with pytest.raises(errors.ConfigError, match='at most 20 in layer 1'):
    network.validate_frames(84, 90)

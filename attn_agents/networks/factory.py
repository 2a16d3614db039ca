"""Makes the network that a config describes."""

from typing import TYPE_CHECKING

from attn_agents.environments import registry as environments
from configs import schema

if TYPE_CHECKING:
  from flax import linen as nn


def make_network(config: schema.Config, num_actions: int) -> 'nn.Module':
  """Makes the network that `config.network` describes.

  Args:
    config: the whole run.
    num_actions: size of the policy.

  Returns:
    A module with `__call__(types.NetworkInput [T, B], core_state) ->
    (types.NetworkOutput [T, B], core_state)` and `initial_state(batch_size)`.

  Raises:
    TypeError: the config names no network.
  """
  spec = environments.spec(config.environment)
  return config.network.make(
    num_actions,
    spec.observation_shape,
    config.learning.max_abs_reward,
  )

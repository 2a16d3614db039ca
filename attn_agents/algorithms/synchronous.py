"""What A2C and PPO share: lock step, and how OpenAI baselines run them."""

import abc
import dataclasses
from typing import TYPE_CHECKING

from attn_agents.algorithms import actor_critic, base

if TYPE_CHECKING:
  from configs import schema

# 10 million steps, the length of baselines' published Atari curves [C: the
# functions' own defaults are other numbers, and not meant for Atari].
BASELINES_FRAMES = 40_000_000


def require_lock_step(learning: actor_critic.ActorCriticConfig) -> None:
  """Raises `errors.ConfigError` unless `max_policy_lag` is 0."""
  lag = learning.max_policy_lag
  expected = '0: it learns only from what its newest parameters played'
  base.require(lag == 0, 'max_policy_lag', lag, expected)


class Synchronous(actor_critic.ActorCritic[base.Section], abc.ABC):
  """Learns only from what its newest parameters played."""

  def why_actors_wait(self, config: 'schema.Config') -> str | None:
    """The algorithm itself."""
    return self.name


def with_fire_reset(config: 'schema.Config') -> 'schema.Config':
  """The same with games that are reset as baselines' wrappers do it."""
  environment = dataclasses.replace(config.environment, fire_reset=True)
  return dataclasses.replace(config, environment=environment)

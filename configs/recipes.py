"""What `--algorithm` makes of an agent's preset.

V-trace is what the presets are written for. A2C and PPO replace the learning
and optimiser sections by the defaults of OpenAI baselines (`a2c.learn`,
`ppo2.defaults.atari`) and reset games as its wrappers do; the network and how
it sees the screen remain the agent's.
"""

import dataclasses
import types
from collections.abc import Callable, Mapping

from configs import algorithms, errors, schema

# 10 million steps, what baselines' published Atari curves are made of [C: the
# functions' own defaults are other numbers, and not meant for Atari].
_BASELINES_FRAMES = 40_000_000


def apply(config: schema.Config, algorithm: str) -> schema.Config:
  """The preset `config` under another algorithm.

  Raises:
    ConfigError: there is no such algorithm.
  """
  if algorithm not in ALGORITHMS:
    raise errors.unknown('algorithm', algorithm, ALGORITHMS)
  return dataclasses.replace(ALGORITHMS[algorithm](config), algorithm=algorithm)


def _vtrace(config: schema.Config) -> schema.Config:
  return config


def _a2c(config: schema.Config) -> schema.Config:
  return dataclasses.replace(
    _like_baselines(config),
    learning=algorithms.A2CConfig(),
    optimizer=schema.OptimizerConfig(
      learning_rate=7e-4,
      anneal_frames=_BASELINES_FRAMES,
      decay=0.99,
      epsilon=1e-5,
      clip_threshold=0.5,
    ),
  )


def _ppo(config: schema.Config) -> schema.Config:
  return dataclasses.replace(
    _like_baselines(config),
    learning=algorithms.PPOConfig(),
    optimizer=schema.OptimizerConfig(
      name='adam',
      learning_rate=2.5e-4,
      anneal_frames=_BASELINES_FRAMES,
      epsilon=1e-5,
      clip_threshold=0.5,
    ),
  )


def _like_baselines(config: schema.Config) -> schema.Config:
  environment = dataclasses.replace(config.environment, fire_reset=True)
  return dataclasses.replace(config, environment=environment)


ALGORITHMS: Mapping[str, Callable[[schema.Config], schema.Config]] = (
  types.MappingProxyType({'vtrace': _vtrace, 'a2c': _a2c, 'ppo': _ppo})
)

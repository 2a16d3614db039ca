"""What `--algorithm` makes of an agent's preset.

Each preset is written for one algorithm: V-trace, or Q-learning for networks
that say what actions are worth. A2C and PPO replace the learning
and optimiser sections by the defaults of OpenAI baselines (`a2c.learn`,
`ppo2.defaults.atari`) and reset games as its wrappers do; the network and how
it sees the screen remain the agent's. `small` has PPO's settings of its own.
"""

import dataclasses
import types
from collections.abc import Callable, Mapping

from configs import agents, algorithms, errors, few_cores, schema

# The preset's own.
AUTO = 'auto'

# 10 million steps, what baselines' published Atari curves are made of [C: the
# functions' own defaults are other numbers, and not meant for Atari].
_BASELINES_FRAMES = 40_000_000


def apply(config: schema.Config, algorithm: str) -> schema.Config:
  """The preset `config` under another algorithm; 'auto' leaves it its own.

  Raises:
    ConfigError: there is no such algorithm, or the agent cannot learn by it.
  """
  if algorithm == AUTO:
    return config
  if algorithm not in ALGORITHMS:
    raise errors.unknown('algorithm', algorithm, (AUTO, *ALGORITHMS))
  able = config.network.algorithms
  if algorithm not in able:
    raise errors.ConfigError(
      f'--algorithm={algorithm}: {config.agent} learns by {" or ".join(able)}'
    )
  return dataclasses.replace(ALGORITHMS[algorithm](config), algorithm=algorithm)


def pairs() -> list[tuple[str, str]]:
  """Every agent with every algorithm that it can learn by."""
  return [
    (agent, algorithm)
    for agent, presets in agents.AGENTS.items()
    for algorithm in presets['paper']().network.algorithms
  ]


def _as_it_is(config: schema.Config) -> schema.Config:
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
  config = _like_baselines(config)
  if config.preset == 'small':
    return dataclasses.replace(
      config, learning=few_cores.ppo(), optimizer=few_cores.optimizer()
    )
  return dataclasses.replace(
    config,
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
  types.MappingProxyType(
    {
      'vtrace': _as_it_is,
      'a2c': _a2c,
      'ppo': _ppo,
      'q_learning': _as_it_is,
    }
  )
)

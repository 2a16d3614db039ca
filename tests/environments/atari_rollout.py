"""Short random games on EnvPool, for the tests of `atari`."""

import dataclasses

import numpy as np

from attn_agents import types
from attn_agents.environments import atari
from configs import schema

ONE_NOOP = schema.EnvironmentConfig(noop_max=1)
SMALL = dataclasses.replace(ONE_NOOP, height=84, width=84, grayscale=True)
WHOLE_GAMES = SMALL.whole_games()


def make(
  config: schema.EnvironmentConfig,
  num_envs: int = 1,
  seed: int = 1,
) -> atari.AtariEnvironment:
  return atari.AtariEnvironment(config, num_envs, seed, 1)


def actions(env: atari.AtariEnvironment, length: int) -> np.ndarray:
  rng = np.random.default_rng(7)
  shape = (length, env.num_envs)
  return rng.integers(env.spec.num_actions, size=shape, dtype=np.int32)


def rollout(env: atari.AtariEnvironment, length: int) -> types.EnvOutput:
  """Small rows of a random policy, stacked to [length + 1, B]."""
  rows = [env.reset()]
  rows += [env.step(action) for action in actions(env, length)]
  timestep = types.TimeStep(
    *map(np.stack, zip(*[r[0] for r in rows], strict=True))
  )
  game_end = types.GameEnd(
    *map(np.stack, zip(*[r[1] for r in rows], strict=True))
  )
  return types.EnvOutput(timestep, game_end)


def rollouts_with_and_without_lives(
  config: schema.EnvironmentConfig, length: int
) -> tuple[types.EnvOutput, types.EnvOutput]:
  """The same actions where discounts count lives, and where nothing does."""
  whole = config.whole_games()
  counting = dataclasses.replace(whole, zero_discount_on_life_loss=True)
  return rollout(make(counting), length), rollout(make(whole), length)

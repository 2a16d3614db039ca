"""Short random games on EnvPool, for the tests of `atari`."""

import dataclasses

import numpy as np

from attn_agents import types
from attn_agents.environments import atari
from configs import schema

ONE_NOOP = schema.EnvironmentConfig(noop_max=1)
SMALL = dataclasses.replace(ONE_NOOP, height=84, width=84, grayscale=True)


def make(
  config: schema.EnvironmentConfig,
  num_envs: int = 1,
  episodic_life: bool = True,
  seed: int = 1,
) -> atari.AtariEnvironment:
  config = dataclasses.replace(config, episodic_life=episodic_life)
  return atari.AtariEnvironment(config, num_envs, seed, 1)


def actions(env: atari.AtariEnvironment, length: int) -> np.ndarray:
  rng = np.random.default_rng(7)
  shape = (length, env.num_envs)
  return rng.integers(env.num_actions, size=shape, dtype=np.int32)


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

"""What the `small` presets of all agents share, so that they compare."""

import dataclasses

from configs import algorithms, schema
from configs import q_learning as q_learning_lib


def learning() -> algorithms.VTraceConfig:
  """Small batches [C]: many updates in the minutes there are."""
  return algorithms.VTraceConfig(
    unroll_length=20, batch_size=16, vtrace_lambda=0.95
  )


def optimizer() -> schema.OptimizerConfig:
  """Adam [C]: RMSProp's epsilon of 0.01 holds early, small gradients back."""
  return schema.OptimizerConfig(name='adam', learning_rate=5e-4, epsilon=1e-5)


def ppo() -> algorithms.PPOConfig:
  """Many environments for few steps [C].

  The recurrent part of a network computes a row of each sequence at a time,
  and more of them cost it little.
  """
  return algorithms.PPOConfig(unroll_length=32, batch_size=64, num_epochs=3)


def ppo_optimizer() -> schema.OptimizerConfig:
  """Not annealed [C]: a run of minutes would end before it is felt."""
  return dataclasses.replace(optimizer(), clip_threshold=0.5)


def q_learning() -> q_learning_lib.QLearningConfig:
  """Schedules of minutes [C], and a replay that fits beside anything."""
  return q_learning_lib.QLearningConfig(
    batch_size=16,
    replay_capacity=100_000,
    replay_min_size=2_000,
    target_update_steps=1_000,
    epsilon_steps=50_000,
    final_learning_rate=2.5e-4,
    learning_rate_steps=50_000,
  )


def q_optimizer() -> schema.OptimizerConfig:
  """Adam [C], and DARQN's clip of each element of the gradient."""
  return schema.OptimizerConfig(
    name='adam', learning_rate=5e-4, epsilon=1e-5, clip='value',
    clip_threshold=5.0,
  )  # fmt: skip

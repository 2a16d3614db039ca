"""What the `small` presets of all agents share, so that runs compare."""

from attn_agents.algorithms import appo
from attn_agents.algorithms import q_learning as q_learning_lib
from configs import schema


def environment(frame_stack: int = 1) -> schema.EnvironmentConfig:
  """84 x 84 grey screens, and a state that runs on across lost lives [C].

  Evaluation plays whole games, so the agent has to know such states
  (docs/tried.md, "Breakout").

  Args:
    frame_stack: screens in an observation.
  """
  return schema.EnvironmentConfig(
    height=84,
    width=84,
    grayscale=True,
    frame_stack=frame_stack,
    episodic_life=False,
    zero_discount_on_life_loss=True,
  )


def learning() -> appo.APPOConfig:
  """V-trace whose steps PPO's clip bounds, so that a batch serves several [C].

  A few cores emulate few steps, so each has to be used more than once.
  docs/tried.md says what happens without the clip. Many environments play few
  steps each: the recurrent part of a network computes one row of all sequences
  at a time, so that more sequences cost little. With a lambda of 1 the policy
  would follow luck where rewards say little (docs/sight.md, "Boxing").
  """
  return appo.APPOConfig(
    unroll_length=32,
    batch_size=64,
    loss_reduction='mean',
    num_epochs=3,
    num_minibatches=8,
    vtrace_lambda=0.95,
    clip_epsilon=0.1,
    normalize_advantages=True,
    max_policy_lag=1,
  )


def optimizer() -> schema.OptimizerConfig:
  """Adam [C] and its own epsilon: larger ones hold small, early gradients back.

  The epsilon of PPO's implementations, 1e-5, is as large as the gradients of
  S3TA's vision early in training (docs/tried.md).

  The learning rate is large while little is known, and smaller from there on.
  Most of the fall is within an hour of two cores; longer runs go on after it.
  """
  return schema.OptimizerConfig(
    name='adam',
    learning_rate=5e-4,
    anneal_frames=8_000_000,
    anneal_to=0.25,
    epsilon=1e-8,
    clip_threshold=0.5,
  )


def q_learning() -> q_learning_lib.QLearningConfig:
  """Schedules for runs of minutes, and a replay of under 1 GB [C]."""
  return q_learning_lib.QLearningConfig(
    batch_size=16,
    replay_capacity=100_000,
    replay_min_size=2_000,
    target_update_steps=1_000,
    epsilon_steps=50_000,
    learning_rate_steps=50_000,
  )


def q_optimizer() -> schema.OptimizerConfig:
  """Adam [C] behind DARQN's clip of each element of the gradient."""
  return schema.OptimizerConfig(
    name='adam',
    learning_rate=5e-4,
    epsilon=1e-5,
    clip='value',
    clip_threshold=5.0,
  )

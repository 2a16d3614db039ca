"""What the `small` presets of all agents share, so that they compare."""

from attn_agents.algorithms import appo
from attn_agents.algorithms import q_learning as q_learning_lib
from configs import schema


def environment(frame_stack: int = 1) -> schema.EnvironmentConfig:
  """84 x 84 grey screens, and a state that runs on across lost lives [C].

  For it does so in evaluation, too. Where training started it afresh, S3TA lost
  a third of its points in Breakout: 13.4 to 8.9, one checkpoint.

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
  """V-trace whose steps PPO's clip bounds, so that each may be taken again [C].

  On Pong, V-trace without it learned nothing from 1.2 M steps: a core takes
  about a millisecond for a step of the emulator, so that few are seen, and more
  passes let the policy leap. Many environments for few steps: the recurrent
  part of a network computes a row of each sequence at a time, and more of them
  cost it little. Lambda is 1, for V-trace's ratios, none above 1, shorten
  returns as it is: by 3 to 6 % a step where actors are one update ahead.
  """
  return appo.APPOConfig(
    unroll_length=32,
    batch_size=64,
    loss_reduction='mean',
    num_epochs=3,
    num_minibatches=4,
    clip_epsilon=0.1,
    normalize_advantages=True,
    max_policy_lag=1,
  )


def optimizer() -> schema.OptimizerConfig:
  """Adam [C] and its own epsilon: larger ones hold small, early gradients back.

  Those of S3TA's vision are of 1e-6 to 1e-5 until it sees something that pays.
  With an epsilon of 1e-5, as in PPO's implementations, and with 1e-6 Breakout
  gave 1.8 after 0.25 M agent steps, about chance; two runs of this one 2.4 and
  3.1.

  Large steps while little is known, smaller ones from there on: most of the
  fall is within an hour of two cores, and runs of any length go on after it.
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
    name='adam',
    learning_rate=5e-4,
    epsilon=1e-5,
    clip='value',
    clip_threshold=5.0,
  )

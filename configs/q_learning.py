"""The section on learning of Q-learning from replay: DQN, DRQN and DARQN.

Defaults are those of DARQN: [P] printed in Sorokin et al. 2015, [R] in the code
the paper releases, [C] our choice. A step is an agent step of any actor.
"""

import dataclasses
from typing import ClassVar

from configs import algorithms, schema

# Kept of each step beside its frame: action, reward, discount and place in the
# episode, and where the step before it lies.
_BYTES_BESIDE_FRAME = 30


@dataclasses.dataclass(frozen=True)
class QLearningConfig(algorithms.LearningConfig):
  """Q-learning with a target network (Mnih et al. 2015) on short sequences.

  Attributes:
    unroll_length: steps of each environment that an actor sends at a time.
    batch_size: sequences per update, B, over all devices.
    sequence_length: transitions of a sequence, all of them learned from; the
      network starts each with an empty state [R].
    replay_capacity: transitions kept; the oldest go first [R].
    replay_min_size: transitions before the first update. Schedules begin there,
      as in the released code [R].
    steps_per_update: steps of all actors to an update [R].
    replay_checkpoint_seconds: least time between two copies of the replay on
      disk while training goes on; one more is made at the end [C]. 0 makes one
      with every checkpoint.
    target_update_steps: steps between two copies of the parameters to the
      target network [R].
    max_abs_td_error: errors beyond it count linearly; 0 for never [R].
    epsilon_start, epsilon_end, epsilon_steps: the share of random actions falls
      linearly from the first to the second in so many steps [R].
    evaluation_epsilon: the same while scoring [R].
    final_learning_rate, learning_rate_steps: where the learning rate ends, and
      in how many steps [R].
    reinforce_cost: of hard attention, weight of its policy gradient [R].
    legacy_sign: take that gradient with the sign of the paper's Eq. 6 and the
      released code, which makes better locations less likely.
  """

  replay: ClassVar[bool] = True

  unroll_length: int = 4
  sequence_length: int = 4
  replay_capacity: int = 500_000
  replay_min_size: int = 25_000
  steps_per_update: int = 4
  replay_checkpoint_seconds: float = 600.0
  target_update_steps: int = 10_000
  max_abs_td_error: float = 1.0
  epsilon_start: float = 1.0
  epsilon_end: float = 0.1
  epsilon_steps: int = 1_000_000
  evaluation_epsilon: float = 0.05
  final_learning_rate: float = 0.00025
  learning_rate_steps: int = 1_000_000
  reinforce_cost: float = 0.1
  legacy_sign: bool = False

  @property
  def steps_learned(self) -> int:
    """Transitions of each sequence in an update."""
    return self.sequence_length

  @property
  def samples_per_insert(self) -> float:
    """How often each transition begins or ends a sequence, on average."""
    return self.batch_size / self.steps_per_update

  def rows_per_item(self, frame_stack: int) -> int:
    """Rows that make a sequence, with those that only its first stack shows.

    One more than it has frames, for the row after a lost life that ends the
    episode, which brings no new one (`learning/sequences.py`).
    """
    before = frame_stack if frame_stack > 1 else 0
    return before + self.sequence_length + 1

  def validate(self, num_devices: int, recurrent: bool) -> None:
    """See `LearningConfig.validate`."""
    super().validate(num_devices, recurrent)
    for name in (
      'sequence_length', 'replay_min_size', 'steps_per_update',
      'target_update_steps', 'epsilon_steps', 'learning_rate_steps',
    ):  # fmt: skip
      value = getattr(self, name)
      algorithms.require(value >= 1, name, value, 'at least 1')
    for name in ('epsilon_start', 'epsilon_end', 'evaluation_epsilon'):
      value = getattr(self, name)
      algorithms.require(0 <= value <= 1, name, value, 'a number in [0, 1]')
    algorithms.require(
      self.epsilon_end <= self.epsilon_start,
      'epsilon_end',
      self.epsilon_end,
      f'at most epsilon_start={self.epsilon_start}, from which it falls',
    )
    algorithms.require(
      self.final_learning_rate > 0,
      'final_learning_rate',
      self.final_learning_rate,
      'a number above 0',
    )
    algorithms.require_not_negative(
      self,
      ('max_abs_td_error', 'reinforce_cost', 'replay_checkpoint_seconds'),
    )
    algorithms.require(
      self.replay_capacity >= self.replay_min_size,
      'replay_capacity',
      self.replay_capacity,
      f'at least replay_min_size={self.replay_min_size}, which is waited for',
    )


def replay_bytes(config: schema.Config) -> int:
  """Memory that a full replay takes: each frame is stored once.

  Args:
    config: of a run whose `learning` is a `QLearningConfig`; 0 for others.
  """
  if not isinstance(config.learning, QLearningConfig):
    return 0
  env = config.environment
  frame = env.height * env.width * env.channels // env.frames_in_stack
  return config.learning.replay_capacity * (frame + _BYTES_BESIDE_FRAME)


def tolerance(config: schema.Config) -> float:
  """Samples by which updates and steps may be off their ratio for a while.

  What all actors send at a time, and what lies ready for the learner: with
  less, one of them would wait for the other without need.

  Args:
    config: of a run whose `learning` is a `QLearningConfig`.

  Raises:
    TypeError: it is not.
  """
  learning, runtime = config.learning, config.runtime
  if not isinstance(learning, QLearningConfig):
    raise TypeError(f'no replay is made for {learning!r}')
  together = (
    runtime.num_actors * runtime.envs_per_actor * learning.unroll_length
  )
  ahead = learning.batch_size * (config.queue.prefetch_batches + 1)
  return 2.0 * together * learning.samples_per_insert + ahead

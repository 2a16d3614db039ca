"""Q-learning from a replay: DQN, DRQN and DARQN.

Defaults are those of DARQN: [P] printed in Sorokin et al. 2015, [R] in the code
the paper releases, [C] our choice. A step is an agent step of any actor.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from attn_agents.algorithms import base, replay
from configs import errors, ranges

if TYPE_CHECKING:
  import jax

  from attn_agents import types
  from attn_agents.acting import action_selection
  from attn_agents.learning import train_state
  from configs import schema


@dataclasses.dataclass(frozen=True)
class QLearningConfig(base.LearningConfig):
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
      disk during training; another is made at the end [C]. 0 makes one with
      every checkpoint.
    target_update_steps: steps between two copies of the parameters to the
      target network [R].
    max_abs_td_error: errors beyond it count linearly; 0 for never [R].
    epsilon_start, epsilon_end, epsilon_steps: the share of random actions falls
      linearly from the first to the second in so many steps [R].
    evaluation_epsilon: the share of random actions in evaluation [R].
    final_learning_rate, learning_rate_steps: the learning rate falls linearly
      to this value in so many steps [R].
    reinforce_cost: of hard attention, weight of its policy gradient [R].
    legacy_sign: take that gradient with the sign of the paper's Eq. 6 and the
      released code, which makes better locations less likely.
  """

  RANGES: ClassVar[Mapping[str, ranges.Range]] = {
    'sequence_length': ranges.Range(1, 10_000),
    'replay_capacity': ranges.Range(1, ranges.MAX_STEPS),
    'replay_min_size': ranges.Range(1, ranges.MAX_STEPS),
    'steps_per_update': ranges.Range(1, 1_000_000),
    'replay_checkpoint_seconds': ranges.Range(0.0, ranges.MAX_SECONDS),
    'target_update_steps': ranges.Range(1, ranges.MAX_STEPS),
    'max_abs_td_error': ranges.Range(0.0, 1e9),
    'epsilon_start': ranges.SHARE,
    'epsilon_end': ranges.SHARE,
    'epsilon_steps': ranges.Range(1, ranges.MAX_STEPS),
    'evaluation_epsilon': ranges.SHARE,
    'final_learning_rate': ranges.Range(1e-12, 100.0),
    'learning_rate_steps': ranges.Range(1, ranges.MAX_STEPS),
    'reinforce_cost': ranges.Range(0.0, 1e6),
  }

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
  def samples_per_insert(self) -> float:
    """How often each transition begins or ends a sequence, on average."""
    return self.batch_size / self.steps_per_update

  def validate(self, num_devices: int, recurrent: bool) -> None:
    """See `LearningConfig.validate`."""
    super().validate(num_devices, recurrent)
    base.require(
      self.epsilon_end <= self.epsilon_start,
      'epsilon_end',
      self.epsilon_end,
      f'at most epsilon_start={self.epsilon_start}, from which it falls',
    )
    base.require(
      self.replay_capacity >= self.replay_min_size,
      'replay_capacity',
      self.replay_capacity,
      f'at least replay_min_size={self.replay_min_size}, or learning never '
      'starts',
    )


class QLearning(replay.FromReplay[QLearningConfig]):
  """Q-learning from a replay."""

  name = 'q_learning'
  title = 'Q-learning'
  section_class = QLearningConfig
  head = 'action_values'
  metrics = ('pg_loss', 'baseline_loss', 'epsilon', 'q_mean', 'td_error')
  has_target_network = True
  quick_settings = (
    'learning.replay_capacity=20000',
    'learning.replay_min_size=1000',
    'learning.target_update_steps=400',
    'learning.epsilon_steps=10000',
    'learning.epsilon_end=0.02',
    'learning.final_learning_rate=1e-3',
    'optimizer.learning_rate=1e-3',
    'runtime.num_actors=1',
    'runtime.envs_per_actor=8',
  )

  def configure(self, preset: 'schema.Config') -> 'schema.Config':
    """The preset unchanged: all presets with this head are for Q-learning."""
    return preset

  def validate(self, config: 'schema.Config') -> None:
    """Checks that a run gets to its first update, and how its rate falls."""
    learning, optimizer = self.section(config), config.optimizer
    errors.require(
      optimizer.anneal_frames == 0,
      'optimizer.anneal_frames',
      optimizer.anneal_frames,
      '0: learning.final_learning_rate and learning_rate_steps say how the '
      'learning rate falls',
    )
    rate = optimizer.learning_rate
    base.require(
      learning.final_learning_rate <= rate,
      'final_learning_rate',
      learning.final_learning_rate,
      f'at most optimizer.learning_rate={rate}, from which it falls',
    )
    super().validate(config)

  def replay(self, config: 'schema.Config') -> replay.Replay:
    """The replay of a run."""
    learning = self.section(config)
    samples_per_insert = learning.samples_per_insert
    return replay.Replay(
      capacity=learning.replay_capacity,
      min_size=learning.replay_min_size,
      batch_size=learning.batch_size,
      sequence_length=learning.sequence_length,
      rows_per_item=replay.rows_per_item(config, learning.sequence_length),
      samples_per_insert=samples_per_insert,
      tolerance=replay.tolerance(config, samples_per_insert),
      checkpoint_seconds=learning.replay_checkpoint_seconds,
      num_bytes=replay.num_bytes(config, learning.replay_capacity),
    )

  def network_rows(self, config: 'schema.Config') -> base.NetworkRows:
    """The network that learns, and the target network forward."""
    return base.NetworkRows(2.0, 1.0)

  def make_update(
    self,
    agent: 'train_state.Agent',
    config: 'schema.Config',
    devices: 'Sequence[jax.Device]',
  ) -> 'train_state.Update':
    """See `Algorithm.make_update`."""
    from attn_agents.learning import q_update

    return q_update.make_update(agent, config, self.section(config), devices)

  def learning_rate(
    self,
    config: 'schema.Config',
    start: 'types.Array',
    agent_steps: 'types.Array',
  ) -> 'jax.Array':
    """Stands still until learning starts, then falls to its end."""
    from attn_agents.learning import schedules

    learning = self.section(config)
    return schedules.linear(
      start,
      learning.final_learning_rate,
      agent_steps - learning.replay_min_size,
      learning.learning_rate_steps,
    )

  def epsilon(
    self, config: 'schema.Config', agent_steps: 'types.Array'
  ) -> 'jax.Array':
    """The share of random actions, float32 []; as `learning_rate`."""
    from attn_agents.learning import schedules

    learning = self.section(config)
    return schedules.linear(
      learning.epsilon_start,
      learning.epsilon_end,
      agent_steps - learning.replay_min_size,
      learning.epsilon_steps,
    )

  def selection(self) -> 'action_selection.ActionSelection':
    """Epsilon-greedy."""
    from attn_agents.acting import action_selection

    return action_selection.EPSILON_GREEDY

  def variables(
    self,
    config: 'schema.Config',
    params: 'types.Nest',
    agent_steps: 'types.Array',
  ) -> 'action_selection.Variables':
    """Parameters, and epsilon after so many steps of all actors."""
    from attn_agents.acting import action_selection

    epsilon = self.epsilon(config, agent_steps)
    return action_selection.Variables(params, (epsilon,))

  def evaluation_variables(
    self, config: 'schema.Config', params: 'types.Nest'
  ) -> 'action_selection.Variables':
    """Parameters, and the epsilon of evaluation."""
    import jax.numpy as jnp

    from attn_agents.acting import action_selection

    epsilon = jnp.float32(self.section(config).evaluation_epsilon)
    return action_selection.Variables(params, (epsilon,))


ALGORITHM = QLearning()

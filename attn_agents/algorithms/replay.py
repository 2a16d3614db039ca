"""What algorithms that learn from a replay have in common."""

import abc
import dataclasses
import math
from typing import TYPE_CHECKING

from attn_agents.algorithms import base
from attn_agents.environments import registry as environments
from configs import errors

if TYPE_CHECKING:
  from attn_agents import types
  from attn_agents.learning import train_state
  from configs import schema

# Kept of each step beside its frame: action, reward, discount and place in the
# episode, and where the step before it lies.
_BYTES_BESIDE_FRAME = 30


@dataclasses.dataclass(frozen=True)
class Replay:
  """A store of what actors played, from which updates sample sequences.

  Attributes:
    capacity: transitions kept; the oldest go first.
    min_size: transitions before the first update.
    batch_size: sequences per update.
    sequence_length: transitions of a sequence.
    rows_per_item: rows kept together for a sequence; see `rows_per_item`.
    samples_per_insert: how often each transition begins or ends a sequence, on
      average.
    tolerance: samples by which updates and steps may be off that ratio for a
      while.
    checkpoint_seconds: least time between two copies on disk.
    num_bytes: of memory, when it is full.
  """

  capacity: int
  min_size: int
  batch_size: int
  sequence_length: int
  rows_per_item: int
  samples_per_insert: float
  tolerance: float
  checkpoint_seconds: float
  num_bytes: int


class FromReplay(base.Algorithm[base.Section], abc.ABC):
  """Updates sample sequences from a replay."""

  @abc.abstractmethod
  def replay(self, config: 'schema.Config') -> Replay:
    """The replay of a run."""

  def validate(self, config: 'schema.Config') -> None:
    """Checks that a run gets to its first update."""
    found, env = self.replay(config), config.environment
    spec = environments.spec(env)
    errors.require(
      not (env.fire_reset and spec.frames_in_stack > 1),
      'environment.fire_reset',
      env.fire_reset,
      f'False with environment.frame_stack={env.frame_stack}: a replay makes '
      'stacks of single frames, and it lacks the frames of an opening',
    )
    num_actors = config.runtime.num_actors
    num_envs = config.runtime.envs_per_actor
    rows = found.rows_per_item + config.learning.unroll_length
    least = num_actors * num_envs * rows
    base.require(
      found.capacity >= least,
      'replay_capacity',
      found.capacity,
      f'at least {least}: it must hold a sequence of each of {num_actors} x '
      f'{num_envs} environments beside what is being written',
    )
    first = found.min_size * spec.action_repeat
    if 0 < config.max_frames <= first:
      raise errors.ConfigError(
        f'max_frames={config.max_frames}: learning starts after '
        f'learning.replay_min_size={found.min_size} steps, {first} frames, so '
        'nothing would be learned; expected more frames, or a smaller '
        'learning.replay_min_size'
      )

  def rows(
    self, agent: 'train_state.Agent', batch: 'types.Batch'
  ) -> 'tuple[types.TimeStep, types.Array, types.AgentState]':
    """A replay keeps no states: sequences begin with an empty one."""
    state = agent.initial_state(batch.action.shape[1])
    return batch.timestep, batch.action, state

  def describe(self, config: 'schema.Config') -> str:
    """How it runs, in a few words."""
    return 'from a replay'

  def describe_batch(self, config: 'schema.Config') -> str:
    """What an update learns from, in a few words."""
    found = self.replay(config)
    return (
      f'batches of {found.batch_size} sequences x {found.sequence_length} steps'
    )


def rows_per_item(config: 'schema.Config', sequence_length: int) -> int:
  """Rows kept together for a sequence.

  They include rows that only the first stack of frames shows. There is one more
  than frames, for the row after a lost life that ends the episode, which brings
  no new frame. Where two lives are lost so fast that this is one too few, no
  sequence begins (`transport/sequences.py`).

  Args:
    config: the run's.
    sequence_length: transitions of a sequence.
  """
  stack = environments.spec(config.environment).frames_in_stack
  return (stack if stack > 1 else 0) + sequence_length + 1


def num_bytes(config: 'schema.Config', capacity: int) -> int:
  """Memory of a full replay: each frame is stored once."""
  spec = environments.spec(config.environment)
  frame = math.prod(spec.observation_shape) // spec.frames_in_stack
  return capacity * (frame + _BYTES_BESIDE_FRAME)


def tolerance(config: 'schema.Config', samples_per_insert: float) -> float:
  """Samples that all actors send at a time, and that wait for the learner.

  With less tolerance actors or learner would wait for the other without need.
  """
  learning, runtime = config.learning, config.runtime
  together = (
    runtime.num_actors * runtime.envs_per_actor * learning.unroll_length
  )
  ahead = learning.batch_size * (config.queue.prefetch_batches + 1)
  return 2.0 * together * samples_per_insert + ahead

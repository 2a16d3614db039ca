"""A2C: synchronous advantage actor-critic, as OpenAI baselines' `a2c`."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from attn_agents.algorithms import actor_critic, synchronous

if TYPE_CHECKING:
  import jax

  from attn_agents.learning import train_state
  from configs import schema


@dataclasses.dataclass(frozen=True)
class A2CConfig(actor_critic.ActorCriticConfig):
  """Advantage actor-critic (Mnih et al. 2016); defaults of baselines [R]."""

  unroll_length: int = 5
  batch_size: int = 16
  loss_reduction: str = 'mean'
  max_policy_lag: int | None = 0

  def validate(self, num_devices: int, recurrent: bool) -> None:
    """See `LearningConfig.validate`."""
    super().validate(num_devices, recurrent)
    synchronous.require_lock_step(self)


class A2C(synchronous.Synchronous[A2CConfig]):
  """Synchronous advantage actor-critic."""

  name = 'a2c'
  title = 'A2C'
  section_class = A2CConfig
  quick_settings = (
    'learning.unroll_length=10',
    'runtime.num_actors=2',
    'optimizer.learning_rate=2e-3',
    'optimizer.anneal_frames=0',
    # The mean of squares starts at 1 and holds steps small until it has
    # decayed: hundreds of updates at 0.99, tens at 0.9.
    'optimizer.decay=0.9',
  )

  def configure(self, preset: 'schema.Config') -> 'schema.Config':
    """Learns as `a2c.learn` of baselines does, and resets games like it."""
    from configs import schema

    return dataclasses.replace(
      synchronous.with_fire_reset(preset),
      learning=A2CConfig(),
      optimizer=schema.OptimizerConfig(
        learning_rate=7e-4,
        anneal_frames=synchronous.BASELINES_FRAMES,
        decay=0.99,
        epsilon=1e-5,
        clip_threshold=0.5,
      ),
    )

  def make_update(
    self,
    agent: 'train_state.Agent',
    config: 'schema.Config',
    devices: 'Sequence[jax.Device]',
  ) -> 'train_state.Update':
    """See `Algorithm.make_update`."""
    from attn_agents.learning import update
    from attn_agents.losses import a2c

    return update.make_update(
      agent,
      config,
      devices,
      a2c.a2c_loss,
      self.section(config).reconstruction_cost,
    )


ALGORITHM = A2C()

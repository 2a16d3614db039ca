"""PPO: synchronous proximal policy optimisation, as baselines' `ppo2`."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from attn_agents.algorithms import proximal, synchronous
from configs import ranges

if TYPE_CHECKING:
  from attn_agents import types
  from attn_agents.losses import ppo
  from configs import schema


@dataclasses.dataclass(frozen=True)
class PPOConfig(proximal.ProximalConfig):
  """PPO (Schulman et al. 2017); defaults of baselines' `ppo2` for Atari [R].

  Attributes:
    gae_lambda: of generalised advantage estimation.
  """

  RANGES: ClassVar[Mapping[str, ranges.Range]] = {
    'gae_lambda': ranges.SHARE,
  }

  unroll_length: int = 128
  batch_size: int = 8
  max_policy_lag: int | None = 0
  gae_lambda: float = 0.95

  def validate(self, num_devices: int, recurrent: bool) -> None:
    """See `LearningConfig.validate`."""
    super().validate(num_devices, recurrent)
    synchronous.require_lock_step(self)


class PPO(proximal.Proximal[PPOConfig], synchronous.Synchronous[PPOConfig]):
  """Synchronous proximal policy optimisation."""

  name = 'ppo'
  title = 'PPO'
  section_class = PPOConfig
  quick_settings = (
    'learning.unroll_length=32',
    'learning.batch_size=16',
    'runtime.num_actors=2',
    'optimizer.learning_rate=1e-3',
    'optimizer.anneal_frames=0',
  )

  def configure(self, preset: 'schema.Config') -> 'schema.Config':
    """Learns as `ppo2.defaults.atari` of baselines does.

    `small` keeps its optimiser, its unrolls and its batches [C].
    """
    config = synchronous.with_fire_reset(preset)
    if preset.preset == 'small':
      own = preset.learning
      learning = PPOConfig(
        unroll_length=own.unroll_length,
        batch_size=own.batch_size,
        num_epochs=3,
      )
      return dataclasses.replace(config, learning=learning)
    from configs import schema

    return dataclasses.replace(
      config,
      learning=PPOConfig(),
      optimizer=schema.OptimizerConfig(
        name='adam',
        learning_rate=2.5e-4,
        anneal_frames=synchronous.BASELINES_FRAMES,
        epsilon=1e-5,
        clip_threshold=0.5,
      ),
    )

  def make_targets(
    self,
    outputs: 'types.NetworkOutput',
    unroll: 'types.Unroll',
    learning: PPOConfig,
  ) -> 'ppo.Targets':
    """See `Proximal.make_targets`."""
    from attn_agents.losses import ppo

    return ppo.targets(outputs, unroll, learning)


ALGORITHM = PPO()

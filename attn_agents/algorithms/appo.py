"""APPO: V-trace's targets under PPO's clip, for several steps on each batch.

V-trace corrects for the distance from the actor's policy to the learner's, the
clip bounds how far the steps of an update go from there.
"""

import dataclasses
from typing import TYPE_CHECKING

from attn_agents.algorithms import proximal, vtrace

if TYPE_CHECKING:
  from attn_agents import types
  from attn_agents.losses import ppo
  from configs import schema


@dataclasses.dataclass(frozen=True)
class APPOConfig(proximal.ProximalConfig, vtrace.VTraceConfig):
  """Asynchronous PPO; defaults are our choice [C]."""

  num_epochs: int = 3
  max_policy_lag: int | None = 1


class APPO(proximal.Proximal[APPOConfig]):
  """Asynchronous PPO."""

  name = 'appo'
  title = 'APPO'
  section_class = APPOConfig
  quick_settings = (
    'learning.unroll_length=20',
    'learning.batch_size=16',
    'runtime.envs_per_actor=8',
    'optimizer.learning_rate=1e-3',
  )

  def configure(self, preset: 'schema.Config') -> 'schema.Config':
    """Unrolls and batches of the preset, and the optimiser of `small`."""
    if preset.algorithm == self.name:
      return preset
    from configs import small_presets

    learning = preset.learning
    return dataclasses.replace(
      preset,
      learning=APPOConfig(
        unroll_length=learning.unroll_length, batch_size=learning.batch_size
      ),
      optimizer=small_presets.optimizer(),
    )

  def make_targets(
    self,
    outputs: 'types.NetworkOutput',
    unroll: 'types.Unroll',
    learning: APPOConfig,
  ) -> 'ppo.Targets':
    """See `Proximal.make_targets`."""
    from attn_agents.losses import vtrace as vtrace_loss

    return vtrace_loss.proximal_targets(outputs, unroll, learning)


ALGORITHM = APPO()

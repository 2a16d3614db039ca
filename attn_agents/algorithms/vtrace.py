"""V-trace (IMPALA): one step on each batch, corrected for the policy lag."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from attn_agents.algorithms import actor_critic, base

if TYPE_CHECKING:
  import jax

  from attn_agents.learning import train_state
  from configs import schema


@dataclasses.dataclass(frozen=True)
class VTraceConfig(actor_critic.ActorCriticConfig):
  """V-trace (IMPALA section 4.2; S3TA A.2).

  Attributes:
    clip_rho_threshold, clip_pg_rho_threshold: rho-bar of the value targets and
      of the policy gradient [R].
    vtrace_lambda: V-trace's lambda [R].
  """

  clip_rho_threshold: float = 1.0
  clip_pg_rho_threshold: float = 1.0
  vtrace_lambda: float = 1.0

  def validate(self, num_devices: int, recurrent: bool) -> None:
    """See `LearningConfig.validate`."""
    super().validate(num_devices, recurrent)
    for name in ('clip_rho_threshold', 'clip_pg_rho_threshold'):
      value = getattr(self, name)
      base.require(value > 0, name, value, 'a number above 0')
    value = self.vtrace_lambda
    base.require(0 <= value <= 1, 'vtrace_lambda', value, 'a number in [0, 1]')


class VTrace(actor_critic.ActorCritic[VTraceConfig]):
  """IMPALA's algorithm."""

  name = 'vtrace'
  title = 'V-trace'
  section_class = VTraceConfig
  quick_settings = (
    'learning.unroll_length=20',
    'learning.batch_size=16',
    'runtime.envs_per_actor=8',
    'optimizer.learning_rate=1e-3',
  )

  def configure(self, preset: 'schema.Config') -> 'schema.Config':
    """The preset's own optimiser; of its section, what V-trace has."""
    learning = base.convert(preset.learning, VTraceConfig)
    return dataclasses.replace(preset, learning=learning)

  def make_update(
    self,
    agent: 'train_state.Agent',
    config: 'schema.Config',
    devices: 'Sequence[jax.Device]',
  ) -> 'train_state.Update':
    """See `Algorithm.make_update`."""
    from attn_agents.learning import update
    from attn_agents.losses import vtrace

    return update.make_update(agent, config, devices, vtrace.vtrace_loss)


ALGORITHM = VTrace()

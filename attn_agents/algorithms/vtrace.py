"""V-trace (IMPALA): one step on each batch, corrected for the policy lag."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from attn_agents.algorithms import actor_critic, base
from configs import ranges

if TYPE_CHECKING:
  import jax

  from attn_agents.learning import train_state
  from configs import schema


@dataclasses.dataclass(frozen=True)
class VTraceConfig(actor_critic.ActorCriticConfig):
  """V-trace (IMPALA section 4.2; S3TA A.1).

  Attributes:
    clip_rho_threshold, clip_pg_rho_threshold: rho-bar of the value targets and
      of the policy gradient [R].
    vtrace_lambda: V-trace's lambda [R].
  """

  RANGES: ClassVar[Mapping[str, ranges.Range]] = {
    'clip_rho_threshold': ranges.Range(1e-6, 1e6),
    'clip_pg_rho_threshold': ranges.Range(1e-6, 1e6),
    'vtrace_lambda': ranges.SHARE,
  }

  clip_rho_threshold: float = 1.0
  clip_pg_rho_threshold: float = 1.0
  vtrace_lambda: float = 1.0


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

    return update.make_update(
      agent,
      config,
      devices,
      vtrace.vtrace_loss,
      self.section(config).reconstruction_cost,
    )


ALGORITHM = VTrace()

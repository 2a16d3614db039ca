"""What actor-critic algorithms have in common."""

import abc
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from attn_agents.algorithms import base
from configs import ranges

if TYPE_CHECKING:
  from configs import schema


@dataclasses.dataclass(frozen=True)
class ActorCriticConfig(base.LearningConfig):
  """What every actor-critic algorithm has.

  Attributes:
    baseline_cost: weight of the value loss: of half the squared error for
      V-trace, APPO and PPO, of the whole for A2C, as in their sources.
    entropy_cost: weight of the entropy bonus.
    reconstruction_cost: weight of the error with which a network draws the
      screen again (`losses.reconstruction`), if it does: 1 if it draws nothing
      [C].
    max_policy_lag: actors make one unroll for each update, at most so many
      updates ahead of the parameters they have. 0 is lock step: actors wait for
      the newest parameters, and an update takes exactly the unrolls made with
      them. With 1 actors play the next batch while the learner learns from this
      one. none sets no bound: actors play on while there is room in the queue.
  """

  RANGES: ClassVar[Mapping[str, ranges.Range]] = {
    'baseline_cost': ranges.Range(0.0, 1e6),
    'entropy_cost': ranges.Range(0.0, 1e6),
    'reconstruction_cost': ranges.Range(0.0, 1e6),
    'max_policy_lag': ranges.Range(0, 1000, '0 to 1000, or none'),
  }

  baseline_cost: float = 0.5
  entropy_cost: float = 0.01
  reconstruction_cost: float = 0.5
  max_policy_lag: int | None = None


class ActorCritic(base.Algorithm[base.Section], abc.ABC):
  """What actor-critic algorithms have in common."""

  metrics = (
    'pg_loss',
    'baseline_loss',
    'reconstruction_loss',
    'entropy',
    'baseline_mean',
    'rho_mean',
    'approx_kl',
    'ratio_clip_fraction',
  )

  def entropy_cost(self, config: 'schema.Config') -> float:
    """The weight of the entropy at the start."""
    learning: Any = self.section(config)
    return learning.entropy_cost

  def network_rows(self, config: 'schema.Config') -> base.NetworkRows:
    """One pass over the batch."""
    return base.NetworkRows(rows_of_unroll(config.learning), 1.0)


def rows_of_unroll(learning: base.LearningConfig) -> float:
  """Rows per transition: the last one of an unroll gives its value only."""
  return (learning.unroll_length + 1) / learning.unroll_length

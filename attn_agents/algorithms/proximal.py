"""What PPO and APPO share: several steps on a batch, bounded by PPO's clip."""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, TypeVar

from attn_agents.algorithms import actor_critic, base
from configs import errors, ranges

if TYPE_CHECKING:
  import jax

  from attn_agents import types
  from attn_agents.learning import train_state
  from attn_agents.losses import ppo
  from configs import schema


@dataclasses.dataclass(frozen=True)
class ProximalConfig(actor_critic.ActorCriticConfig):
  """What algorithms with PPO's clip have.

  Attributes:
    num_epochs: passes over each batch.
    num_minibatches: parts of a batch per pass, each one step.
    part_length: rows of the sequences in a recurrent network's minibatches.
      Each starts from the state that the parameters before the update give it,
      and gradients stop there. Shorter parts mix more environments into each
      minibatch; the network is compiled once per part of an unroll. 0: whole
      unrolls [C].
    clip_epsilon: the ratio to the policy before the update is clipped to
      [1 - x, 1 + x], the value to x around the one before; falls with the
      learning rate if that falls to 0.
    normalize_advantages: to mean 0 and deviation 1 in each minibatch.
  """

  RANGES: ClassVar[Mapping[str, ranges.Range]] = {
    'num_epochs': ranges.Range(1, 1000),
    'num_minibatches': ranges.Range(1, 65_536),
    'part_length': ranges.Range(0, 10_000),
    'clip_epsilon': ranges.Range(
      1e-6, 0.999999, 'a number between 0 and 1, 1e-06 to 0.999999'
    ),
  }

  loss_reduction: str = 'mean'
  num_epochs: int = 4
  num_minibatches: int = 4
  part_length: int = 0
  clip_epsilon: float = 0.1
  normalize_advantages: bool = True

  def validate(self, num_devices: int, recurrent: bool) -> None:
    """See `LearningConfig.validate`."""
    super().validate(num_devices, recurrent)
    length = self.part_length or self.unroll_length
    base.require(
      recurrent or not self.part_length,
      'part_length',
      self.part_length,
      '0: a network without state learns from single rows',
    )
    base.require(
      length > 0 and self.unroll_length % length == 0,
      'part_length',
      self.part_length,
      f'a divisor of unroll_length = {self.unroll_length}, or 0; nearest is '
      + str(errors.nearest_divisor(self.unroll_length, max(length, 1))),
    )
    per_device = self.batch_size // num_devices
    if recurrent:
      self._validate_parts(
        per_device * (self.unroll_length // length),
        'sequences' if self.part_length else 'environments',
        ', which a recurrent network keeps whole',
      )
    else:
      self._validate_parts(per_device * self.unroll_length, 'transitions', '')

  def _validate_parts(self, parts: int, whole: str, why: str) -> None:
    """Checks that minibatches are of one size on each device."""
    number = self.num_minibatches
    base.require(
      parts % number == 0,
      'num_minibatches',
      number,
      f'a divisor of the {parts} {whole} on each device{why}; the nearest is '
      + str(errors.nearest_divisor(parts, number)),
    )
    steps = self.batch_size * self.unroll_length // number
    base.require(
      steps >= 2 or not self.normalize_advantages,
      'num_minibatches',
      number,
      'few enough to leave at least 2 transitions in each, since the '
      'advantage of a single one is normalised to 0',
    )


Section = TypeVar('Section', bound=ProximalConfig)


class Proximal(actor_critic.ActorCritic[Section], abc.ABC):
  """What algorithms with PPO's clip have in common."""

  def network_rows(self, config: 'schema.Config') -> base.NetworkRows:
    """One pass forward for the targets, then all epochs."""
    learning = self.section(config)
    return base.NetworkRows(
      actor_critic.rows_of_unroll(learning) + learning.num_epochs,
      learning.num_epochs,
    )

  @abc.abstractmethod
  def make_targets(
    self,
    outputs: 'types.NetworkOutput',
    unroll: 'types.Unroll',
    learning: Section,
  ) -> 'ppo.Targets':
    """What stays fixed during an update; see `losses.ppo.Targets`.

    Args:
      outputs: of the parameters before the update, on rows 0..T, float32
        [T + 1, B, ...].
      unroll: T transitions of B environments.
      learning: of the run.
    """

  def make_update(
    self,
    agent: 'train_state.Agent',
    config: 'schema.Config',
    devices: 'Sequence[jax.Device]',
  ) -> 'train_state.Update':
    """See `Algorithm.make_update`."""
    from attn_agents.learning import proximal_update

    return proximal_update.make_update(
      agent, config, self.section(config), devices, self.make_targets
    )

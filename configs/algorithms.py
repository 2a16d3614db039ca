"""The losses' sections of a config, one class per algorithm.

Tags as in `schema`: [P] the S3TA paper, [R] what it cites or OpenAI baselines,
[C] our choice.
"""

import dataclasses
from collections.abc import Iterable
from typing import ClassVar

from configs import divisors, errors


@dataclasses.dataclass(frozen=True)
class LearningConfig:
  """What every loss has; each algorithm adds its own fields.

  Attributes:
    synchronous: actors wait for the parameters of the newest update before an
      unroll, and an update takes exactly the unrolls made with those before it.
    replay: updates sample what actors played from a store, instead of taking
      each unroll once from a queue.
    unroll_length: transitions per unroll, T.
    batch_size: unrolls (environments) per update, B, over all devices.
    discount: gamma.
    max_abs_reward: rewards are clipped to [-x, x] for learning and for the
      network's reward input; 0 leaves them as they are. On Atari's whole
      numbers 1 is the same as the sign.
    loss_reduction: 'sum' or 'mean' over the transitions of all environments.
  """

  synchronous: ClassVar[bool] = False
  replay: ClassVar[bool] = False

  unroll_length: int = 50
  batch_size: int = 32
  discount: float = 0.99
  max_abs_reward: float = 1.0
  loss_reduction: str = 'sum'

  @property
  def steps_learned(self) -> int:
    """Transitions of each environment, or sequence, in an update."""
    return self.unroll_length

  @property
  def lag_bound(self) -> int | None:
    """Updates by which actors may be ahead of parameters; None: any number."""
    return 0 if self.synchronous else None

  def validate(self, num_devices: int, recurrent: bool) -> None:
    """Raises `errors.ConfigError` if a value is out of its range.

    Args:
      num_devices: local learner devices that share each batch.
      recurrent: whether the network carries state, so that sequences must stay
        whole.
    """
    del num_devices, recurrent  # Not all algorithms split a batch further.
    for name in ('unroll_length', 'batch_size'):
      value = getattr(self, name)
      require(value >= 1, name, value, 'at least 1')
    require(0 <= self.discount <= 1, 'discount', self.discount, '0 to 1')
    require_not_negative(self, ('max_abs_reward',))
    errors.choice(
      'learning.loss_reduction', self.loss_reduction, ('sum', 'mean')
    )


@dataclasses.dataclass(frozen=True)
class ActorCriticConfig(LearningConfig):
  """What every actor-critic loss has.

  Attributes:
    baseline_cost: weight of the value loss: of half the squared error for
      V-trace and PPO, of the whole for A2C, as in their sources.
    entropy_cost: weight of the entropy bonus.
  """

  baseline_cost: float = 0.5
  entropy_cost: float = 0.01

  def validate(self, num_devices: int, recurrent: bool) -> None:
    """See `LearningConfig.validate`."""
    super().validate(num_devices, recurrent)
    require_not_negative(self, ('baseline_cost', 'entropy_cost'))


@dataclasses.dataclass(frozen=True)
class VTraceConfig(ActorCriticConfig):
  """V-trace (IMPALA section 4.2; S3TA A.2).

  Attributes:
    clip_rho_threshold, clip_pg_rho_threshold: rho-bar of the value targets and
      of the policy gradient [R].
    vtrace_lambda: V-trace's lambda [R].
    num_epochs: passes over each batch. To the later ones it is off-policy, as
      V-trace allows.
    num_minibatches: parts of a batch per pass, each one step; whole unrolls.
    clip_epsilon: above 0, a batch's V-trace targets are made once, by the
      parameters before the update, and its steps take PPO's loss: the ratio to
      those parameters' policy is clipped to [1 - x, 1 + x], the value to x
      around theirs, which bounds how far several steps go. Falls with the
      learning rate if that falls to 0 [C: 0, IMPALA's policy gradient].
    normalize_advantages: with clip_epsilon, to mean 0 and deviation 1 in each
      minibatch.
    max_policy_lag: above 0, all actors together make one batch for each update,
      at most so many updates before the learner can take it: with 1 they play
      the next batch while it learns from this one. 0 lets them go on as long as
      there is room in the queue [C].
  """

  clip_rho_threshold: float = 1.0
  clip_pg_rho_threshold: float = 1.0
  vtrace_lambda: float = 1.0
  num_epochs: int = 1
  num_minibatches: int = 1
  clip_epsilon: float = 0.0
  normalize_advantages: bool = False
  max_policy_lag: int = 0

  @property
  def lag_bound(self) -> int | None:
    """See `LearningConfig.lag_bound`."""
    return self.max_policy_lag or None

  def validate(self, num_devices: int, recurrent: bool) -> None:
    """See `LearningConfig.validate`."""
    super().validate(num_devices, recurrent)
    for name in ('clip_rho_threshold', 'clip_pg_rho_threshold'):
      value = getattr(self, name)
      require(value > 0, name, value, 'a number above 0')
    value = self.vtrace_lambda
    require(0 <= value <= 1, 'vtrace_lambda', value, 'a number in [0, 1]')
    require_not_negative(self, ('max_policy_lag',))
    value = self.clip_epsilon
    require(0 <= value < 1, 'clip_epsilon', value, 'a number from 0 to below 1')
    require(
      self.clip_epsilon > 0 or not self.normalize_advantages,
      'normalize_advantages',
      self.normalize_advantages,
      'false without clip_epsilon',
    )
    _validate_passes(self, self.batch_size // num_devices, 'unrolls')


@dataclasses.dataclass(frozen=True)
class A2CConfig(ActorCriticConfig):
  """Synchronous advantage actor-critic, OpenAI baselines' `a2c` [R]."""

  synchronous: ClassVar[bool] = True

  unroll_length: int = 5
  batch_size: int = 16
  loss_reduction: str = 'mean'


@dataclasses.dataclass(frozen=True)
class PPOConfig(ActorCriticConfig):
  """Proximal policy optimisation (Schulman et al. 2017), baselines' `ppo2` [R].

  Attributes:
    gae_lambda: of generalised advantage estimation.
    clip_epsilon: the ratio is clipped to [1 - x, 1 + x] and the value to x
      around the old one; falls with the learning rate if that falls to 0.
    num_epochs: passes over a batch.
    num_minibatches: parts of a batch per pass, each one step; whole sequences
      for recurrent networks, single transitions for others.
    normalize_advantages: to mean 0 and deviation 1 in each minibatch.
  """

  synchronous: ClassVar[bool] = True

  unroll_length: int = 128
  batch_size: int = 8
  loss_reduction: str = 'mean'
  gae_lambda: float = 0.95
  clip_epsilon: float = 0.1
  num_epochs: int = 4
  num_minibatches: int = 4
  normalize_advantages: bool = True

  def validate(self, num_devices: int, recurrent: bool) -> None:
    """See `LearningConfig.validate`."""
    super().validate(num_devices, recurrent)
    value = self.gae_lambda
    require(0 <= value <= 1, 'gae_lambda', value, 'a number in [0, 1]')
    value = self.clip_epsilon
    require(0 < value < 1, 'clip_epsilon', value, 'a number between 0 and 1')
    per_device = self.batch_size // num_devices
    if recurrent:
      whole, parts = 'environments', per_device
    else:
      whole, parts = 'transitions', per_device * self.unroll_length
    why = ', which a recurrent network keeps whole' if recurrent else ''
    _validate_passes(self, parts, whole, why)


def _validate_passes(
  config: VTraceConfig | PPOConfig, parts: int, whole: str, why: str = ''
) -> None:
  """Checks that minibatches are of one size on each device, and not too small.

  Args:
    config: of the algorithm.
    parts: number of what is kept whole in a device's share of the batch.
    whole: what is.
    why: it is.
  """
  for name in ('num_epochs', 'num_minibatches'):
    value = getattr(config, name)
    require(value >= 1, name, value, 'at least 1')
  number = config.num_minibatches
  require(
    parts % number == 0,
    'num_minibatches',
    number,
    f'a divisor of the {parts} {whole} on each device{why}; the nearest is '
    + str(divisors.nearest_divisor(parts, number)),
  )
  steps = config.batch_size * config.unroll_length // number
  require(
    steps >= 2 or not config.normalize_advantages,
    'num_minibatches',
    number,
    'few enough to leave at least 2 transitions in each, since the '
    'advantage of a single one is normalised to 0',
  )


def require(ok: bool, name: str, value: object, expected: str) -> None:
  """`errors.require` for a field of this section."""
  errors.require(ok, f'learning.{name}', value, expected)


def require_not_negative(config: LearningConfig, names: Iterable[str]) -> None:
  """Raises `errors.ConfigError` unless these fields are 0 or more."""
  for name in names:
    value = getattr(config, name)
    require(value >= 0, name, value, 'a number of 0 or more')

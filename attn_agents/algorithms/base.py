"""What an algorithm is to the rest of the system.

An algorithm is a section of the config (`LearningConfig`) and one object
(`Algorithm`). Whoever needs to know something about an algorithm asks its
object; `registry` lists them.

Tags in comments: [P] the S3TA paper, [R] what it cites or OpenAI baselines, [C]
our choice.
"""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from configs import errors, ranges

if TYPE_CHECKING:
  import jax

  from attn_agents import types
  from attn_agents.acting import action_selection
  from attn_agents.algorithms import replay
  from attn_agents.learning import train_state
  from configs import schema


@dataclasses.dataclass(frozen=True)
class LearningConfig:
  """What every algorithm has; each adds its own fields.

  Attributes:
    unroll_length: transitions per unroll, T.
    batch_size: unrolls (environments) per update, B, over all devices.
    discount: gamma.
    max_abs_reward: rewards are clipped to [-x, x] for learning and for the
      network's reward input; 0 leaves them as they are. On Atari's whole
      numbers 1 is the same as the sign.
    loss_reduction: 'sum' or 'mean' over the transitions of all environments.
  """

  RANGES: ClassVar[Mapping[str, ranges.Range]] = {
    'unroll_length': ranges.Range(1, 10_000),
    'batch_size': ranges.Range(1, 65_536),
    'discount': ranges.SHARE,
    'max_abs_reward': ranges.Range(0.0, 1e9),
  }

  unroll_length: int = 50
  batch_size: int = 32
  discount: float = 0.99
  max_abs_reward: float = 1.0
  loss_reduction: str = 'sum'

  @property
  def max_policy_lag(self) -> int | None:
    """Updates by which actors may be ahead; None: any number."""
    return None

  @property
  def lock_step(self) -> bool:
    """Whether each update takes exactly what its own parameters played."""
    return self.max_policy_lag == 0

  def validate(self, num_devices: int, recurrent: bool) -> None:
    """Raises `errors.ConfigError` if values do not fit each other.

    They are in their ranges, see `configs.ranges`.

    Args:
      num_devices: local learner devices that share each batch.
      recurrent: whether the network carries state, so that sequences must stay
        whole.
    """
    del num_devices, recurrent  # Not all algorithms split a batch further.
    errors.choice(
      'learning.loss_reduction', self.loss_reduction, ('sum', 'mean')
    )


@dataclasses.dataclass(frozen=True)
class NetworkRows:
  """Work of an update, in rows of the network per transition learned from.

  Attributes:
    forward: rows computed.
    backward: rows differentiated.
  """

  forward: float
  backward: float


Section = TypeVar('Section', bound=LearningConfig)


class Algorithm(abc.ABC, Generic[Section]):
  """One algorithm. Its methods take the config of a whole run.

  Attributes:
    name: what `--algorithm` calls it.
    title: its name in sentences.
    section_class: the class of `config.learning`.
    head: what its networks put out; see `schema.NetworkConfig.head`.
    metrics: names of its update's own metrics, each a column of metrics.csv.
    has_target_network: the train state keeps a second copy of the parameters.
    quick_settings: 'section.field=value' with which a narrow network learns
      Catch within a minute or two; for tests.
  """

  name: ClassVar[str]
  title: ClassVar[str]
  section_class: type[Section]
  head: ClassVar[str] = 'policy'
  metrics: ClassVar[tuple[str, ...]] = ()
  has_target_network: ClassVar[bool] = False
  quick_settings: ClassVar[tuple[str, ...]] = ()

  def section(self, config: 'schema.Config') -> Section:
    """`config.learning`.

    Raises:
      TypeError: it is another algorithm's.
    """
    # Exactly: a section may extend another algorithm's.
    if type(config.learning) is not self.section_class:
      raise TypeError(f'{self.name} does not learn from {config.learning!r}')
    return config.learning

  @abc.abstractmethod
  def configure(self, preset: 'schema.Config') -> 'schema.Config':
    """What `--algorithm` makes of an agent's preset.

    Args:
      preset: as its agent has it, for an algorithm with the same `head`.

    Returns:
      The same with other sections; `learning` is a `section_class`. The network
      and what it sees of the screen stay.
    """

  def validate(self, config: 'schema.Config') -> None:
    """Raises `errors.ConfigError` if it cannot run under the whole config."""

  def replay(self, config: 'schema.Config') -> 'replay.Replay | None':
    """The replay that updates sample from; None: a queue, read once."""
    del config
    return None

  def why_actors_wait(self, config: 'schema.Config') -> str | None:
    """What makes actors wait for updates, in words; None: nothing does."""
    lag = config.learning.max_policy_lag
    return None if lag is None else f'learning.max_policy_lag={lag}'

  def describe(self, config: 'schema.Config') -> str:
    """How it runs, in a few words."""
    lag = config.learning.max_policy_lag
    if lag is None:
      return 'policy lag not bounded'
    if not lag:
      return 'synchronous'
    return f'policy lag of at most {lag} update{"s" if lag > 1 else ""}'

  def describe_batch(self, config: 'schema.Config') -> str:
    """What an update learns from, in a few words."""
    learning = config.learning
    return (
      f'batches of {learning.batch_size} unrolls x '
      f'{learning.unroll_length} steps'
    )

  @abc.abstractmethod
  def network_rows(self, config: 'schema.Config') -> NetworkRows:
    """What an update costs."""

  @abc.abstractmethod
  def make_update(
    self,
    agent: 'train_state.Agent',
    config: 'schema.Config',
    devices: 'Sequence[jax.Device]',
  ) -> 'train_state.Update':
    """Makes the compiled update of all devices.

    Args:
      agent: the network to train.
      config: the run's.
      devices: D devices; a batch is split evenly over them.

    Returns:
      See `train_state.Update`.

    Raises:
      ValueError: the config names an unknown optimiser or clip.
    """

  def rows(
    self, agent: 'train_state.Agent', batch: 'types.Batch'
  ) -> 'tuple[types.TimeStep, types.Array, types.AgentState]':
    """What the network sees of a batch in learning.

    Args:
      agent: whose network it is.
      batch: what an update takes, of one device and without its axis.

    Returns:
      Time steps [T + 1, B], the actions between them, int32 [T, B], and the
      state before the first, [B].
    """
    del agent
    return batch.timestep, batch.action, batch.agent_state

  def entropy_cost(self, config: 'schema.Config') -> float:
    """The weight of the entropy at the start."""
    del config
    return 0.0

  def learning_rate(
    self,
    config: 'schema.Config',
    start: 'types.Array',
    agent_steps: 'types.Array',
  ) -> 'jax.Array':
    """The learning rate after so many steps of all actors, float32 [].

    Args:
      config: the run's.
      start: float32 [], at the beginning.
      agent_steps: int32 [].
    """
    from attn_agents.learning import schedules

    return start * schedules.annealed(config, agent_steps)

  def selection(self) -> 'action_selection.ActionSelection':
    """How actors select actions; sampled by default."""
    from attn_agents.acting import action_selection

    return action_selection.SAMPLED

  def variables(
    self,
    config: 'schema.Config',
    params: 'types.Nest',
    agent_steps: 'types.Array',
  ) -> 'action_selection.Variables':
    """What actors are sent.

    Args:
      config: the run's.
      params: of the agent.
      agent_steps: int32 [], so far, of all actors.
    """
    from attn_agents.acting import action_selection

    del config, agent_steps
    return action_selection.Variables(params)

  def evaluation_variables(
    self, config: 'schema.Config', params: 'types.Nest'
  ) -> 'action_selection.Variables':
    """What an evaluator plays with."""
    from attn_agents.acting import action_selection

    del config
    return action_selection.Variables(params)


def convert(
  learning: LearningConfig, section_class: type[Section], **changes: Any
) -> Section:
  """A section with the values of another one, where both have the field.

  Args:
    learning: the other.
    section_class: of the new one.
    **changes: fields with other values.
  """
  shared = {field.name for field in dataclasses.fields(section_class)} & {
    field.name for field in dataclasses.fields(learning)
  }
  values = {name: getattr(learning, name) for name in shared}
  return section_class(**(values | changes))


def require(ok: bool, name: str, value: object, expected: str) -> None:
  """`errors.require` for a field of `learning`."""
  errors.require(ok, f'learning.{name}', value, expected)

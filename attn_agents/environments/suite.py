"""What a suite of games says of itself, before any game is started.

Only the standard library is imported here: configs are checked against it.
"""

import abc
import dataclasses
from typing import TYPE_CHECKING

from configs import errors

if TYPE_CHECKING:
  from attn_agents.environments import base
  from configs import schema

_MAX_SIZE = 1024


@dataclasses.dataclass(frozen=True)
class EnvironmentSpec:
  """An environment as everything around it needs to know it.

  Attributes:
    observation_shape: (height, width, channels) of one observation.
    actions: what each action means, in the order of their numbers. Two games
      with equal actions can be played by one agent.
    screen_shape: (height, width, 3) of the picture that people see, RGB; the
      shape of observations under `Suite.screen`.
    observation_dtype: name of a NumPy dtype.
    action_repeat: frames per agent step.
    frames_in_stack: frames of different times that an observation stacks along
      its channels, the oldest first.
    has_lives: whether a life can be lost before the game is over.
    frames_per_second: at which people play it; None if it has no clock.
    opening: where steps are played that the agent does not choose
      (`fire_reset.py`): at the start of 'each life' or 'each game', or 'none'.
  """

  observation_shape: tuple[int, int, int]
  actions: tuple[str, ...]
  screen_shape: tuple[int, int, int]
  observation_dtype: str = 'uint8'
  action_repeat: int = 1
  frames_in_stack: int = 1
  has_lives: bool = False
  frames_per_second: float | None = None
  opening: str = 'none'

  @property
  def num_actions(self) -> int:
    """Size of the discrete action set."""
    return len(self.actions)

  @property
  def steps_per_second(self) -> float:
    """Agent steps per second at which it is shown; 15 if it has no clock."""
    if self.frames_per_second is None:
      return 15.0
    return self.frames_per_second / self.action_repeat


class Suite(abc.ABC):
  """Some games that are made in the same way.

  A subclass, and its line in `registry.SUITES`, is all that a new suite needs.
  Its module imports nothing but the standard library and `configs` before
  `make` is called.

  Attributes:
    name: of the suite.
    games: names of its games, as users type them; no other suite has them.
  """

  name: str
  games: tuple[str, ...]

  @abc.abstractmethod
  def spec(self, config: 'schema.EnvironmentConfig') -> EnvironmentSpec:
    """The spec of the environments that `make` makes of a config."""

  @abc.abstractmethod
  def make(
    self,
    config: 'schema.EnvironmentConfig',
    num_envs: int,
    seed: int,
    num_threads: int,
  ) -> 'base.Environment':
    """See `registry.make_environment`."""

  def has(self, game: str) -> bool:
    """Whether the suite is to say what a name means."""
    return game in self.games

  def members(self, game: str) -> tuple[str, ...]:
    """The games that an agent of this one plays: itself alone, mostly."""
    return (game,)

  def canonical(self, game: str) -> str:
    """The one name of a game that has several."""
    return game

  def validate(self, config: 'schema.EnvironmentConfig') -> None:  # noqa: B027
    """Raises `errors.ConfigError` for settings that this suite cannot honour.

    What holds in every suite is checked in `configs.validation`.
    """

  def num_bytes(
    self,
    config: 'schema.EnvironmentConfig',
    num_envs: int,
  ) -> int:
    """What so many environments take of memory at least, by themselves."""
    return 0

  def screen(
    self, config: 'schema.EnvironmentConfig'
  ) -> 'schema.EnvironmentConfig':
    """The config of the same game, observed as people see it.

    Observations under it are RGB pictures of `EnvironmentSpec.screen_shape`.
    With the same seed and actions the game is the same.
    """
    return config


def require_size(
  config: 'schema.EnvironmentConfig', least: tuple[int, int]
) -> None:
  """Refuses observations below a size, height and width, or above any use.

  Raises:
    ConfigError: naming the field.
  """
  for name, low in zip(('height', 'width'), least, strict=True):
    value = getattr(config, name)
    errors.require(
      low <= value <= _MAX_SIZE,
      f'environment.{name}',
      value,
      f'{low} to {_MAX_SIZE}',
    )

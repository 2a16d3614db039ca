"""One game seen twice: as people see it, and as the agent does.

Two environments play the same game in lockstep, with one seed and the same
actions. That they agree is checked at every row.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from attn_agents import types
from attn_agents.environments import registry as environments
from attn_agents.interpretability.recordings import agent_view
from configs import schema

# Maps the screen, uint8 [H, W, 3], and the row of the game, from 0, to what
# is to be seen instead. Must not write to its argument.
Edit = Callable[[np.ndarray, int], np.ndarray]


class View(NamedTuple):
  """One row.

  Attributes:
    frame: uint8 [H, W, 3], the screen as people see it, edited.
    timestep: `types.TimeStep` [1], what the agent sees.
    game_end: `types.GameEnd` [1].
  """

  frame: np.ndarray
  timestep: types.TimeStep
  game_end: types.GameEnd


class ViewsDifferError(RuntimeError):
  """The two environments are no longer in the same game."""


class Views:
  """One environment, auto-reset as `environments.base` says."""

  def __init__(
    self,
    config: schema.EnvironmentConfig,
    seed: int,
    edit: Edit | None = None,
  ):
    """Loads the game twice.

    Args:
      config: how the agent sees it; whole games are played.
      seed: of the game.
      edit: changes the screen before the agent sees it.
    """
    self._seen, self._drawn = (
      environments.make_environment(
        view, 1, seed, num_threads=1, evaluation=True
      )
      for view in (config, environments.screen(config))
    )
    self._edit = edit
    self._agent_view = agent_view.AgentView(self._seen.spec)
    self._row = 0

  def reset(self) -> View:
    """Starts a new game."""
    return self._look(self._seen.reset(), self._drawn.reset())

  def step(self, action: np.ndarray) -> View:
    """Plays one agent step with an action int32 [1].

    Raises:
      ViewsDifferError: the emulators disagree, which would be a fault of
        theirs or ours.
    """
    return self._look(self._seen.step(action), self._drawn.step(action))

  def close(self) -> None:
    """Frees both."""
    self._seen.close()
    self._drawn.close()

  def _look(self, seen: types.EnvOutput, drawn: types.EnvOutput) -> View:
    for ours, theirs in zip(seen.timestep[1:], drawn.timestep[1:], strict=True):
      if not np.array_equal(ours, theirs):
        raise ViewsDifferError(
          f'the two copies of the game differ: {seen.timestep[1:]} and '
          f'{drawn.timestep[1:]} (reward, discount, step type)'
        )
    timestep, frame = seen.timestep, drawn.timestep.observation[0]
    is_first = timestep.step_type[0] == types.StepType.FIRST
    self._row = 0 if is_first else self._row + 1
    if self._edit is not None:
      edited = self._edit(frame, self._row)
      observation = self._agent_view.edit(
        timestep.observation[0], frame, edited, bool(is_first)
      )
      timestep = timestep._replace(observation=observation[None])
      frame = edited
    return View(frame, timestep, seen.game_end)

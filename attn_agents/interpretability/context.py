"""What every analysis is given."""

import dataclasses
import functools
import hashlib
import pathlib
from collections.abc import Callable, Sequence

import numpy as np

from attn_agents import types
from attn_agents.interpretability import options
from attn_agents.interpretability.recordings import (
  record,
  recording,
  trained_agent,
)
from attn_agents.interpretability.screen import cells, grids
from attn_agents.runs import named_trees
from configs import schema

# S3TA looks at saliency after more than 200 frames, 50 agent steps.
_SETTLED_ROWS = 50


class DoesNotApplyError(ValueError):
  """An analysis does not apply to this agent; the message says why."""


@dataclasses.dataclass
class Context:
  """One recording and who played it.

  Attributes:
    played: the agent.
    recorded: its recording.
    plan: how that was made.
    directory: where all results go.
    trained: config of the run, with its own game.
    checkpoints: directory of the run's checkpoints.
    chosen: options of analyses that differ from their defaults.
    other: an agent to compare with; None if none was named.
    say: shows the user one line on progress.
  """

  played: trained_agent.TrainedAgent
  recorded: recording.Recording
  plan: record.Plan
  directory: pathlib.Path
  trained: schema.Config
  checkpoints: pathlib.Path
  chosen: Sequence[options.Options] = ()
  other: trained_agent.TrainedAgent | None = None
  say: Callable[[str], None] = lambda line: None

  @property
  def agent(self) -> str:
    """The agent's name."""
    return self.played.config.agent

  def options_of(self, kind: type[options.Kind]) -> options.Kind:
    """The chosen options of one class, or its defaults."""
    return next((x for x in self.chosen if isinstance(x, kind)), kind())

  def need_attention(self) -> None:
    """Raises `DoesNotApplyError` if the agent has no attention over cells."""
    if 'attention' not in self.recorded:
      raise DoesNotApplyError(
        f'{self.agent} has no attention over cells of the screen'
      )

  @functools.cached_property
  def attention(self) -> np.ndarray:
    """float32 [N, heads, h, w]; see `need_attention`."""
    self.need_attention()
    return self.recorded['attention']

  @functools.cached_property
  def grid(self) -> cells.Grid:
    """Where the cells of its attention are on the screen."""
    height, width = self.attention.shape[2:]
    return cells.of_agent(self.played.config, (height, width))

  @functools.cached_property
  def drawn_attention(self) -> np.ndarray:
    """`attention` for drawing, see `to_draw`; not for numbers."""
    return self.to_draw(self.attention)

  def to_draw(self, maps: np.ndarray) -> np.ndarray:
    """Maps over attention's cells for drawing, see `cells.to_draw`."""
    return cells.to_draw(maps, self.grid)

  def on_even_cells(self, maps: np.ndarray) -> np.ndarray:
    """Maps as ones over as many cells that share the screen evenly.

    Each pixel has the weight of its cell, and each even cell the mean of its
    pixels, so that nothing is smoothed more than the shift asks for.

    Args:
      maps: float [..., h, w].
    """
    height, width = maps.shape[-2:]
    nearest = cells.resize(maps, self.grid, 'nearest')
    return grids.cell_means(nearest, (height, width))

  def rows(self, count: int) -> list[int]:
    """At most `count` rows at which an action was taken, evenly spread.

    Rows from the first moments of a game are left out, if there are others.
    """
    # What was chosen at the last row of all was not played.
    acted = self.recorded['step_type'][:-1] != types.StepType.LAST
    settled = np.flatnonzero(
      acted & (self.recorded['row'][:-1] > _SETTLED_ROWS)
    )
    if len(settled) < count:
      settled = np.flatnonzero(acted)
    places = np.linspace(0, len(settled) - 1, min(count, len(settled)))
    return settled[np.unique(np.rint(places).astype(int))].tolist()

  @property
  def step_seconds(self) -> float:
    """How long an agent step lasts in the game."""
    return self.played.step_seconds

  def seconds(self, rows: Sequence[int]) -> list[float]:
    """When rows were, in seconds of play since the recording began."""
    return [row * self.step_seconds for row in rows]

  @property
  def labels(self) -> tuple[str, str]:
    """What the agent and the one it is compared with are called."""
    if self.other is None:
      return self.agent, ''
    theirs = self.other.config.agent
    if theirs != self.agent:
      return self.agent, theirs
    both = self.played, self.other
    runs = _told_apart(*(pathlib.Path(who.facts['run']) for who in both))
    ours, theirs = (
      f'{who.config.agent}, checkpoint {who.facts["checkpoint"]:,} of {run}'
      for who, run in zip(both, runs, strict=True)
    )
    return ours, theirs if theirs != ours else f'{theirs}, again'

  @functools.cached_property
  def shown_to_other(
    self,
  ) -> tuple[trained_agent.TrainedAgent, recording.Recording]:
    """The other agent, and the same game as it sees it.

    Raises:
      DoesNotApplyError: there is no other agent, or its game is another one.
    """
    if self.other is None:
      raise DoesNotApplyError('no --baseline was named to compare with')
    actions = self.recorded['action']
    plan = dataclasses.replace(self.plan, with_states=False)
    run = pathlib.Path(self.other.facts['run'])
    # Runs of other directories may have that name.
    digest = named_trees.digest(self.other.params)[:8]
    name = f'{run.name}_{self.other.facts["checkpoint"]}_{digest}'
    shown = record.record(
      self.other,
      plan,
      self.directory / 'baseline' / name,
      actions=actions,
      facts={
        'shown': str(self.recorded.path),
        'shown_actions': hashlib.sha256(actions.tobytes()).hexdigest(),
      },
    )
    same = len(shown) == len(self.recorded) and all(
      np.array_equal(ours['frame'], theirs['frame'])
      for (_, ours), (_, theirs) in zip(
        self.recorded.parts('frame'), shown.parts('frame'), strict=True
      )
    )
    if not same:
      raise DoesNotApplyError(
        f'{run} was trained on a game that goes another way with the same '
        'actions'
      )
    return self.other, shown


def _told_apart(ours: pathlib.Path, theirs: pathlib.Path) -> tuple[str, str]:
  """Two paths without the folders above them that tell nothing.

  Their names if these differ; else as much before them as it takes.
  """
  if ours == theirs:
    return ours.name, theirs.name
  length = 1
  while ours.parts[-length:] == theirs.parts[-length:]:
    length += 1
  return (
    str(pathlib.Path(*ours.parts[-length:])),
    str(pathlib.Path(*theirs.parts[-length:])),
  )

"""Several games in one batch of environments, each with an equal share of it.

More environments are held than play at a time. They are cut into *parts*, rows
of one game that play together, and play in turns: in every turn, which is an
unroll of the actor, the parts of those games play that have had the fewest
agent steps. So any number of rows serves any number of games, an episode goes
on where it stopped, and games get equal numbers of agent steps, however long
their episodes, and however many of their rows only start one.

`LEAD_IN_TURNS` says how equal. Every actor plays all games, so that shares do
not depend on how fast actors are.
"""

import concurrent.futures
from collections.abc import Sequence

import numpy as np

from attn_agents import types
from attn_agents.environments import base, mixed_rows, registry, suite
from configs import schema

# After any turn of an actor, no game is ahead of another by more agent steps
# than one part makes in so many turns.
LEAD_IN_TURNS = 2


class MixedEnvironment:
  """N rows that play several games; see `base.Rotating`.

  Emulators are started when they play first.
  """

  def __init__(
    self,
    configs: Sequence[schema.EnvironmentConfig],
    spec: suite.EnvironmentSpec,
    num_envs: int,
    seed: int,
    num_threads: int,
  ):
    """Starts nothing.

    Args:
      configs: of the games.
      spec: of the rows of all.
      num_envs: N.
      seed: of the rows of each game: its row i takes seed + i. Two games may
        have the same seeds.
      num_threads: that step the games.
    """
    self._configs, self.spec, self.num_envs = tuple(configs), spec, num_envs
    self._division = mixed_rows.divide(num_envs, len(configs))
    rows, playing, held = self._division
    self.num_held = rows * held * len(configs)
    self._seed = seed
    workers = min(num_threads, playing)
    self._threads_each = num_threads // workers
    self._pool = concurrent.futures.ThreadPoolExecutor(workers)
    # Games in one actor's order, of which the first play first.
    order = np.random.default_rng(seed).permutation(len(configs))
    self._rank = np.argsort(order)
    self._parts: dict[int, base.Environment] = {}
    # The newest row of each part that has played.
    self._newest: dict[int, types.EnvOutput] = {}
    self._last_turn = np.full(len(configs) * held, -1)
    self._turn = -1
    self._playing: list[int] = []
    self._steps = np.zeros(len(configs), np.int64)
    self._rows_in_turn = 0

  @property
  def agent_steps(self) -> np.ndarray:
    """Agent steps of each game so far, int64 [G]."""
    return self._steps.copy()

  def reset(self) -> types.EnvOutput:
    """See `base.Environment.reset`; begins a turn."""
    self._newest = {}
    return self.begin_turn().output

  def begin_turn(self) -> base.Turn:
    """See `base.Rotating.begin_turn`."""
    self._turn += 1
    self._playing = self._choose()
    self._last_turn[self._playing] = self._turn
    self._rows_in_turn = 0
    outputs = list(self._pool.map(self._resume, self._playing))
    self._newest.update(zip(self._playing, outputs, strict=True))
    parts = np.repeat(self._playing, self._division.rows)
    offset = np.tile(np.arange(self._division.rows), self._division.playing)
    return base.Turn(
      rows=(parts * self._division.rows + offset).astype(np.int32),
      games=(parts // self._division.held).astype(np.int32),
      output=_join(outputs),
    )

  def step(self, action: np.ndarray) -> types.EnvOutput:
    """See `base.Environment.step`."""
    actions = action.reshape(self._division.playing, self._division.rows)
    outputs = list(
      self._pool.map(
        lambda part, action: self._parts[part].step(action),
        self._playing,
        actions,
      )
    )
    self._rows_in_turn += 1
    for part, output in zip(self._playing, outputs, strict=True):
      self._newest[part] = output
      first = output.timestep.step_type == types.StepType.FIRST
      self._steps[part // self._division.held] += np.count_nonzero(~first)
    return _join(outputs)

  def close(self) -> None:
    """See `base.Environment.close`."""
    self._pool.shutdown()
    for part in self._parts.values():
      part.close()
    self._parts = {}

  def _choose(self) -> list[int]:
    """The parts of the next turn, the games with fewest steps first."""
    held = self._division.held
    # What each part that is chosen is about to add.
    expected = max(1, self._rows_in_turn) * self._division.rows
    steps = self._steps.astype(np.float64)
    waiting = [
      sorted(range(game * held, (game + 1) * held), key=self._last_turn.item)
      for game in range(len(self._configs))
    ]
    chosen = []
    for _ in range(self._division.playing):
      game = min(
        (game for game, parts in enumerate(waiting) if parts),
        key=lambda game: (steps[game], self._rank[game]),
      )
      chosen.append(waiting[game].pop(0))
      steps[game] += expected
    return chosen

  def _resume(self, part: int) -> types.EnvOutput:
    """The row that a part goes on from."""
    if part not in self._parts:
      game, which = divmod(part, self._division.held)
      self._parts[part] = registry.make_environment(
        self._configs[game],
        self._division.rows,
        self._seed + which * self._division.rows,
        self._threads_each,
      )
    if part not in self._newest:
      return self._parts[part].reset()
    return self._newest[part]


def _join(outputs: Sequence[types.EnvOutput]) -> types.EnvOutput:
  timesteps = zip(*(output.timestep for output in outputs), strict=True)
  ends = zip(*(output.game_end for output in outputs), strict=True)
  return types.EnvOutput(
    types.TimeStep(*map(np.concatenate, timesteps)),
    types.GameEnd(*map(np.concatenate, ends)),
  )

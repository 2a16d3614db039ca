"""What a run is at one moment: its state and its totals."""

import dataclasses
import zlib

import jax
import numpy as np

from attn_agents import types


@dataclasses.dataclass(frozen=True)
class Counters:
  """Totals since the run's very first start; plain numbers, fit for JSON.

  Attributes:
    agent_steps: environment steps learned from, auto-reset rows not counted.
    frames: emulator frames, agent_steps x action_repeat. Those of no-ops and of
      openings (`environment.fire_reset`), which no agent step stands for, are
      not among them, though openings count towards the cap of a game.
    learner_steps: updates.
    games: whole games ended.
    wall_time: seconds of running, pauses between runs not counted.
  """

  agent_steps: int = 0
  frames: int = 0
  learner_steps: int = 0
  games: int = 0
  wall_time: float = 0.0


@dataclasses.dataclass(frozen=True)
class Snapshot:
  """All that a run needs to go on.

  Attributes:
    state: `train_state.TrainState` as NumPy arrays, without a device axis.
    counters: totals so far.
    recent_returns, recent_lengths: of the last games, newest last.
    recent_of_games: of a run of several games, the game and the return of the
      last ones of each; the game as its number.
  """

  state: types.Nest
  counters: Counters
  recent_returns: tuple[float, ...] = ()
  recent_lengths: tuple[float, ...] = ()
  recent_of_games: tuple[tuple[int, float], ...] = ()


def digest(snapshot: Snapshot) -> int:
  """A number of the bits of the state's arrays, CRC-32."""
  number = 0
  for array in jax.tree.leaves(snapshot.state):
    number = zlib.crc32(np.ascontiguousarray(array).data, number)
  return number

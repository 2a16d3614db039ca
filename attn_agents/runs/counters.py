"""What a run has done so far, kept across stops and continuations."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Counters:
  """Totals since the run's very first start; plain numbers, fit for JSON.

  Attributes:
    agent_steps: environment steps learned from, auto-reset rows not counted.
    frames: emulator frames, agent_steps x action_repeat.
    learner_steps: updates.
    games: whole games ended.
    wall_time: seconds of running, pauses between runs not counted.
  """

  agent_steps: int = 0
  frames: int = 0
  learner_steps: int = 0
  games: int = 0
  wall_time: float = 0.0

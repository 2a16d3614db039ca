"""The data that moves through the system, and how it is aligned in time.

Time alignment, stated once and relied on everywhere
----------------------------------------------------
A *row* t is one time step an actor saw. With `T = unroll_length`, an unroll
has T + 1 rows (0..T) and T transitions (0..T-1):

    row t       timestep_t = (observation_t, reward_t, discount_t, step_type_t)
                reward_t and discount_t arrived *with* observation_t; they are
                the result of action_{t-1}.
    action_t    was chosen at row t from timestep_t and the state before it.
    transition  t: row t --action_t--> row t + 1, for t = 0..T-1; its reward is
                reward_{t+1}, its discount discount_{t+1}.

The last row of one unroll is row 0 of the next, so every transition is in
exactly one unroll, and `agent_state` is the state *before* row 0.

Episodes are auto-reset with one extra row (EnvPool's and dm_env's form):

    ... MID, MID, LAST, FIRST, MID ...

LAST carries the terminal observation and the final reward; discount_t is 0
there if the episode terminated and 1 if it was cut off by the frame cap. The
transition LAST -> FIRST is no environment step: its action is ignored and its
reward is 0, so it is masked out of every loss (`losses/transitions.py`) and not
counted as an agent step (`num_agent_steps`). Recurrent state, previous action
and previous reward are zeroed at FIRST rows, inside the network.

With `zero_discount_on_life_loss` a MID row has discount 0 too, where a life was
lost: nothing after it counts for what came before, but it is an environment
step like any other, and the episode and its state run on.

An *episode* here is what the agent experiences (a life, when life loss ends
episodes in training). A *game* is the whole ALE game; `GameEnd` reports those.

Shapes are written [T, B, ...]: time-major, B environments. A *frame* is one
emulator frame; one agent step is `action_repeat` (4) frames.
"""

import enum
from typing import Any, NamedTuple

import numpy as np

# A NumPy or JAX array; both are passed through the same tuples.
Array = Any
# An arbitrary tree of arrays.
Nest = Any


class StepType(enum.IntEnum):
  """Position of a row in its episode, with dm_env's numbering."""

  FIRST = 0
  MID = 1
  LAST = 2


class TimeStep(NamedTuple):
  """What the environment shows at one row; leading axes [B] or [T + 1, B].

  Attributes:
    observation: uint8 [..., height, width, channels].
    reward: float32 [...], unclipped, summed over the repeated frames.
    discount: float32 [...], 0 where the episode terminated at this row, or a
      lost life counts as if it had, else 1 (the learner multiplies by its own
      `discount`, i.e. gamma).
    step_type: int8 [...], a `StepType`.
  """

  observation: Array
  reward: Array
  discount: Array
  step_type: Array


class GameEnd(NamedTuple):
  """Whole games that ended on arriving at a row; leading axes [B] or [T, B].

  Life losses do not end a game, so returns and lengths run across them.

  Attributes:
    game_return: float32 [...], unclipped sum of rewards, NaN if no game ended.
    game_length: int32 [...], agent steps, 0 if no game ended.
  """

  game_return: Array
  game_length: Array


class EnvOutput(NamedTuple):
  """One step of a batched environment: what the agent sees, and the score."""

  timestep: TimeStep
  game_end: GameEnd


class NetworkInput(NamedTuple):
  """What a network sees at each row; leading axes [T, B].

  Attributes:
    observation: uint8 [T, B, height, width, channels].
    reward: float32 [T, B], the unclipped reward that arrived with the row.
    prev_action: int32 [T, B], the action that led to the row.
    is_first: bool [T, B]; where True the network zeroes its recurrent state,
      the previous action's one-hot and the previous reward before anything
      else, so that nothing crosses an episode's border.
  """

  observation: Array
  reward: Array
  prev_action: Array
  is_first: Array


class NetworkOutput(NamedTuple):
  """What a network says at each row; leading axes [T, B] or [B].

  Attributes:
    policy_logits: float32 [..., num_actions], the larger the better the action:
      logits of the policy or, of networks whose `head` is 'action_values', the
      values Q(x_t, .) themselves, for which `action_values` is the better name.
    baseline: float32 [...], the value estimate V(x_t).
    extras: what the network's own loss needs besides; () for most.
  """

  policy_logits: Array
  baseline: Array
  extras: Nest = ()

  @property
  def action_values(self) -> Array:
    """`policy_logits` of a network whose `head` is 'action_values'."""
    return self.policy_logits


class Glimpse(NamedTuple):
  """Where hard attention looked, for its loss; leading axes [T, B].

  Attributes:
    log_prob: float32 [...], of the location, differentiable.
    drawn: float32 [...], 1 where the location was looked at, 0 where the row
      saw the mean over all of them instead.
  """

  log_prob: Array
  drawn: Array


class Reconstruction(NamedTuple):
  """The screen as a network draws it again, for its loss; leading axes [T, B].

  Attributes:
    cells: float32 [..., n, n], the brightness of cells of equal area, each in
      deviations from its own mean.
  """

  cells: Array


class AgentState(NamedTuple):
  """What an agent carries from row to row; leading axis [B].

  Attributes:
    core_state: the network's recurrent state, a tree of [B, ...] arrays.
    prev_action: int32 [B], the action chosen at the row before.
  """

  core_state: Nest
  prev_action: Array


class AgentOutput(NamedTuple):
  """One acting step; leading axis [B].

  Attributes:
    action: int32 [B], chosen by `policy_logits`: sampled from their softmax, or
      most often the largest one's.
    policy_logits: float32 [B, num_actions].
    baseline: float32 [B].
  """

  action: Array
  policy_logits: Array
  baseline: Array


class Unroll(NamedTuple):
  """What the learner trains on: T transitions of B environments.

  Attributes:
    timestep: `TimeStep` with leading axes [T + 1, B].
    action: int32 [T, B].
    behaviour_logits: float32 [T, B, num_actions], the acting policy's.
    agent_state: `AgentState` [B, ...] before row 0; the only stored state.
  """

  timestep: TimeStep
  action: Array
  behaviour_logits: Array
  agent_state: AgentState


class ReplayBatch(NamedTuple):
  """What Q-learning trains on: B sequences of T transitions from a replay.

  Attributes:
    timestep: `TimeStep` with leading axes [T + 1, B].
    action: int32 [T, B].
    new_steps: int32 [], agent steps that actors have reported since the batch
      before; what schedules follow.
  """

  timestep: TimeStep
  action: Array
  new_steps: Array


# What an update is given: an `Unroll` or a `ReplayBatch`, by its algorithm.
Batch = Any


class ActorReport(NamedTuple):
  """What an actor tells about the making of one unroll.

  Attributes:
    params_version: int64 [], learner steps done when the parameters that made
      this unroll were published.
    actor_id: int32 [], index over all hosts.
    games: int32 [B], which of the run's games each environment played; 0 of a
      run with one game.
    game_end: `GameEnd` [T, B], for arrivals at rows 1..T.
    env_seconds, inference_seconds, queue_seconds, total_seconds: float32 [],
      time in the environment, in the policy, waiting for room in the queue (or
      for parameters, if the algorithm is synchronous), and in all, since the
      actor's previous unroll.
  """

  params_version: Array
  actor_id: Array
  games: Array
  game_end: GameEnd
  env_seconds: Array
  inference_seconds: Array
  queue_seconds: Array
  total_seconds: Array


class ReplayReport(NamedTuple):
  """What goes to the learner beside a replay, for each unroll put in.

  Attributes:
    report: of the making of the unroll.
    agent_steps: int32 [], of all environments.
  """

  report: ActorReport
  agent_steps: Array


class Trajectory(NamedTuple):
  """One item of the queue: an unroll and its report."""

  unroll: Unroll
  report: ActorReport


def num_agent_steps(step_type: np.ndarray) -> int:
  """Environment steps in rows [T + 1, B]: all but those arriving at FIRST."""
  return int(agent_steps_of_each(step_type).sum())


def agent_steps_of_each(step_type: np.ndarray) -> np.ndarray:
  """The same of each environment, int64 [B]."""
  return np.count_nonzero(step_type[1:] != StepType.FIRST, axis=0)

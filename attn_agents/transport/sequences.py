"""Rows as a replay keeps them, and the sequences that are made of them.

Each frame is kept once. Overlapping sequences, and the stacks of frames that
some networks see, are put together when they are sampled.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attn_agents import types


class Row(NamedTuple):
  """One row of one environment; any leading axes.

  Attributes:
    frame: uint8 [..., height, width, channels], the newest of the observation.
    action: int32 [...], that led to the row.
    reward: float32 [...], unclipped.
    discount: float32 [...].
    step_type: int8 [...].
    fills: bool [...], whether the frame fills the whole stack, as at the start
      of a game. After a lost life that ends the episode, the FIRST row shows
      the stack of the LAST row again.
  """

  frame: types.Array
  action: types.Array
  reward: types.Array
  discount: types.Array
  step_type: types.Array
  fills: types.Array


class Sampled(NamedTuple):
  """One batch, as a replay returns it.

  Attributes:
    rows: `Row` [R, B]: the T + 1 rows of each sequence, and before them those
      that only the first stack of frames shows.
    reports: of actors, since the batch before.
  """

  rows: Row
  reports: Sequence[types.ReplayReport]


def row_spec(observation_shape: tuple[int, int, int], frame_stack: int) -> Row:
  """Shapes and dtypes of a row, as empty arrays.

  Args:
    observation_shape: height, width and channels.
    frame_stack: frames of different times among these channels.
  """
  height, width, channels = observation_shape
  frame = np.empty((height, width, channels // frame_stack), np.uint8)
  scalars = (np.int32, np.float32, np.float32, np.int8, np.bool_)
  return Row(frame, *(np.empty((), dtype) for dtype in scalars))


def cut(unroll: types.Unroll, frame_stack: int, is_start: bool) -> Row:
  """The rows of an unroll that the one before did not have.

  Args:
    unroll: T transitions of N environments, on the host.
    frame_stack: frames in each observation, of which the newest is kept.
    is_start: keep row 0, too, which else is the last of the unroll before.

  Returns:
    `Row` [T, N], or [T + 1, N]. Row 0 has no action before it; its action is 0.
  """
  timestep = unroll.timestep
  channels = timestep.observation.shape[-1] // frame_stack
  none = np.zeros_like(unroll.action[:1])
  rows = Row(
    timestep.observation[..., -channels:],
    np.concatenate([none, unroll.action]),
    timestep.reward,
    timestep.discount,
    timestep.step_type,
    _fills(timestep, frame_stack),
  )
  return rows if is_start else Row(*(x[1:] for x in rows))


def _fills(timestep: types.TimeStep, frame_stack: int) -> np.ndarray:
  """`Row.fills`, bool [T + 1, N], from the observations at FIRST rows."""
  fills = timestep.step_type == types.StepType.FIRST
  channels = timestep.observation.shape[-1] // frame_stack
  places = range(channels, channels * frame_stack, channels)
  for t, env in np.argwhere(fills):
    # Equal frames of different times look the same as one that fills it.
    frames = np.split(timestep.observation[t, env], places, axis=-1)
    fills[t, env] = all(np.array_equal(frames[-1], x) for x in frames)
  return fills


class Ends:
  """Says which rows of one actor end a sequence that can be put together.

  Others are never drawn: those with too few rows before them, those at FIRST,
  and those whose first stack shows a frame from before the sequence. The last
  are near two lives lost within a stack: each of them takes a row and brings no
  frame, and a sequence has room for one.
  """

  def __init__(self, frame_stack: int, rows_per_item: int):
    """Starts with an actor that has not played yet.

    Args:
      frame_stack: frames in each observation, S.
      rows_per_item: R, rows of a sequence with the S that only its first stack
        shows, if S > 1.
    """
    self._before_first = frame_stack if frame_stack > 1 else 0
    self._rows_per_item = rows_per_item
    self._repeats: np.ndarray | None = None
    self._fills: np.ndarray | None = None

  def find(self, rows: Row) -> np.ndarray:
    """Bool [L, N] for rows [L, N], which follow on those of the last call."""
    firsts = rows.step_type == types.StepType.FIRST
    repeats, fills = firsts & ~rows.fills, rows.fills
    if self._repeats is not None and self._fills is not None:
      repeats = np.concatenate([self._repeats, repeats])
      fills = np.concatenate([self._fills, fills])
    ends = ~firsts
    start = len(repeats) - len(ends) - (self._rows_per_item - 1)
    for t in range(len(ends)):
      ends[t] &= self._shows_all(repeats, fills, start + t)
    self._repeats = repeats[1 - self._rows_per_item :]
    self._fills = fills[1 - self._rows_per_item :]
    return ends

  def _shows_all(
    self, repeats: np.ndarray, fills: np.ndarray, start: int
  ) -> np.ndarray | bool:
    """Whether rows from `start` on have all frames of the first stack."""
    if start < 0:
      return False
    first = start + self._before_first
    few = np.count_nonzero(repeats[start + 1 : first + 1], axis=0) <= 1
    return few | fills[start : first + 1].any(axis=0)


def report_of(trajectory: types.Trajectory) -> types.ReplayReport:
  """The report on an unroll that goes into a replay."""
  steps = types.num_agent_steps(trajectory.unroll.timestep.step_type)
  return types.ReplayReport(trajectory.report, np.int32(steps))


def join(sampled: Sampled, frame_stack: int, length: int) -> types.ReplayBatch:
  """Sequences as the acting network saw them.

  Args:
    sampled: R rows of B sequences; only stacks use those before the last T + 1.
    frame_stack: frames in each observation.
    length: T.

  Returns:
    `types.ReplayBatch` of T transitions.
  """
  rows = sampled.rows
  first = len(rows.action) - length - 1
  return types.ReplayBatch(
    timestep=types.TimeStep(
      observation=stack(rows.frame, rows.step_type, rows.fills, frame_stack)[
        first:
      ],
      reward=rows.reward[first:],
      discount=rows.discount[first:],
      step_type=rows.step_type[first:],
    ),
    action=rows.action[first + 1 :],
    new_steps=np.int32(sum(int(r.agent_steps) for r in sampled.reports)),
  )


def stack(
  frame: np.ndarray,
  step_type: np.ndarray,
  fills: np.ndarray,
  frame_stack: int,
) -> np.ndarray:
  """Puts frames of different times side by side in the channels.

  Args:
    frame: uint8 [R, B, height, width, channels].
    step_type: int8 [R, B].
    fills: bool [R, B], see `Row`; nothing from before such a frame is seen.
    frame_stack: S.

  Returns:
    uint8 [R, B, height, width, S * channels], oldest channels first. Row 0
    stands in for the rows before it.
  """
  if frame_stack == 1:
    return frame
  envs = np.arange(step_type.shape[1])
  shows = np.zeros((len(frame), frame_stack, len(envs)), int)
  for row in range(1, len(frame)):
    shows[row, :-1], shows[row, -1] = shows[row - 1, 1:], row
    shows[row, :, fills[row]] = row
    repeats = (step_type[row] == types.StepType.FIRST) & ~fills[row]
    shows[row, :, repeats] = shows[row - 1][:, repeats].T
  return np.concatenate(
    [frame[shows[:, place], envs] for place in range(frame_stack)], axis=-1
  )

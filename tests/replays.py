"""Games that say what they are in every frame, and a plain list beside them."""

import numpy as np

from attn_agents import types
from attn_agents.transport import sequences

_FIRST, _MID, _LAST = types.StepType
ENVS, STEPS = 3, 4
SHAPE = (2, 3)


class Player:
  """Makes unrolls as an actor does, and keeps every row of every environment.

  Frames carry a number that no other row has, stacks are as EnvPool makes them.

  Attributes:
    rows: of each environment, a list of dicts, in their order.
  """

  def __init__(self, seed, frame_stack=1, first_number=0):
    self._rng = np.random.default_rng(seed)
    self._stack = frame_stack
    self._number = first_number
    self.rows = [[] for _ in range(ENVS)]
    self._last = None

  def unroll(self):
    """A trajectory of STEPS steps."""
    rows = [self._last or self._step(True)]
    actions = []
    for _ in range(STEPS):
      actions.append(self._rng.integers(9, size=ENVS, dtype=np.int32))
      rows.append(self._step(False, actions[-1]))
    self._last = rows[-1]
    timestep = types.TimeStep(*(np.stack(x) for x in zip(*rows, strict=True)))
    ends = types.GameEnd(
      np.full((STEPS, ENVS), np.nan, np.float32),
      np.zeros((STEPS, ENVS), np.int32),
    )
    report = types.ActorReport(
      np.int64(0), np.int32(0), np.zeros(ENVS, np.int32), ends,
      *(np.float32(0) for _ in range(3)), np.float32(1),
    )  # fmt: skip
    return types.Trajectory(
      types.Unroll(
        timestep, np.stack(actions), np.zeros((STEPS, ENVS, 9), np.float32),
        types.AgentState((), np.zeros(ENVS, np.int32)),
      ),
      report,
    )  # fmt: skip

  def _step(self, is_start, action=None):
    made = []
    for env, rows in enumerate(self.rows):
      step_type = _MID if self._rng.random() < 0.7 else _LAST
      if is_start or rows[-1]['step_type'] == _LAST:
        step_type = _FIRST
      # A lost life, which brings no new frame; several at once, too.
      repeats = (
        step_type == _FIRST and not is_start and self._rng.random() < 0.5
      )
      self._number += 1
      seen = [self._number] * self._stack
      if repeats:
        seen = rows[-1]['seen']
      elif step_type != _FIRST:
        seen = [*rows[-1]['seen'][1:], self._number]
      rows.append({
        'number': seen[-1],
        'repeats': repeats,
        'seen': seen,
        'action': 0 if action is None else int(action[env]),
        'reward': 0.0 if step_type == _FIRST else float(self._number) + 0.5,
        # Now and then a lost life that only the discount shows, or a cut.
        'discount': float(
          step_type == _FIRST or (step_type != _LAST) ^ (self._number % 5 == 0)
        ),
        'step_type': int(step_type),
      })  # fmt: skip
      made.append((_picture(seen), *list(rows[-1].values())[4:]))
    frame, reward, discount, step_type = (
      np.array(x) for x in zip(*made, strict=True)
    )
    return (
      frame.astype(np.uint8), reward.astype(np.float32),
      discount.astype(np.float32), step_type.astype(np.int8),
    )  # fmt: skip


def _picture(numbers):
  """uint8 [2, 3, S]: each number in two pixels of its channel."""
  picture = np.zeros((*SHAPE, len(numbers)), np.uint8)
  for channel, number in enumerate(numbers):
    picture[0, 0, channel] = number % 256
    picture[1, 2, channel] = number // 256
  return picture


def number(frame):
  """Of a frame [..., 2, 3, 1], or of the newest of a stack."""
  frame = frame.astype(int)
  return frame[..., 0, 0, -1] + 256 * frame[..., 1, 2, -1]


def row_spec(frame_stack=1):
  """Shapes and dtypes of what a replay of these games keeps."""
  return sequences.row_spec((*SHAPE, frame_stack), frame_stack)


def all_ends(players, rows_per_item):
  """Numbers of all rows that end a sequence, oldest first in each list.

  Rows that a sequence holds show every frame of its first stack.
  """
  ends = []
  for rows in (rows for player in players for rows in player.rows):
    for index in range(rows_per_item - 1, len(rows)):
      held = rows[index - rows_per_item + 1 :][:rows_per_item]
      stack = len(held[0]['seen'])
      first = stack if stack > 1 else 0
      shown = {row['number'] for row in held[: first + 1]}
      if held[-1]['step_type'] != _FIRST and shown.issuperset(
        held[first]['seen']
      ):
        ends.append(held[-1]['number'])
  return ends


def rows_per_item(frame_stack, length):
  """As `attn_agents.algorithms.replay.rows_per_item`."""
  return length + 1 + (frame_stack if frame_stack > 1 else 0)


def check(batch, players):
  """Every sequence is what one environment has seen, to the last byte."""
  where = {
    row['number']: (rows, index)
    for player in players
    for rows in player.rows
    for index, row in enumerate(rows)
    if not row['repeats']
  }
  timestep, length = batch.timestep, len(batch.action)
  for b in range(batch.action.shape[1]):
    rows, index = where[int(number(timestep.observation[-1, b]))]
    for t, row in enumerate(rows[index - length : index + 1]):
      np.testing.assert_array_equal(
        timestep.observation[t, b], _picture(row['seen'])
      )
      assert timestep.reward[t, b] == row['reward']
      assert timestep.discount[t, b] == row['discount']
      assert timestep.step_type[t, b] == row['step_type']
      if t:
        assert batch.action[t - 1, b] == row['action']
  return number(timestep.observation[-1])

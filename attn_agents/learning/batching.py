"""Joins trajectories into one batch and splits it over devices."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import frame_changes, types
from attn_agents.learning import screens


class BatchInfo(NamedTuple):
  """What the host keeps of a batch once its arrays are on the devices.

  Attributes:
    agent_steps: environment steps in the batch, without auto-reset rows. From a
      replay: the steps that actors have reported since the batch before.
    versions: int64 [M], parameter version of each of the M trajectories, or
      reports.
    game_returns: float32 [G], unclipped, of the games that ended in them.
    game_lengths: int32 [G], agent steps.
    games: int32 [G], which of the run's games each of them was.
    steps_of_games: int64 [K], agent steps of each of the run's games, as far as
      the last that has any; () where reports do not say it.
    actor_seconds: float64 [4], sums of the actors' env, inference, queue and
      total seconds.
  """

  agent_steps: int
  versions: np.ndarray
  game_returns: np.ndarray
  game_lengths: np.ndarray
  games: np.ndarray
  steps_of_games: np.ndarray
  actor_seconds: np.ndarray


def concatenate(trajectories: Sequence[types.Trajectory]) -> types.Unroll:
  """One unroll [T + 1, B] from M unrolls [T + 1, B / M], in their order.

  JAX arrays are joined on their device and stay there, NumPy arrays on the
  host; a tree may hold both. Those that lie side by side in one array already,
  as unpacked frames do, are not copied. `frame_changes.Changes` are `Joined`.
  """
  unrolls = [t.unroll for t in trajectories]

  def join(axis: int, *trees: types.Nest) -> types.Nest:
    return jax.tree.map(lambda *x: _join(x, axis), *trees)

  return types.Unroll(
    timestep=join(1, *(u.timestep for u in unrolls)),
    action=join(1, *(u.action for u in unrolls)),
    behaviour_logits=join(1, *(u.behaviour_logits for u in unrolls)),
    agent_state=join(0, *(u.agent_state for u in unrolls)),
  )


def _join(arrays: Sequence[types.Array], axis: int) -> types.Array:
  if isinstance(arrays[0], jax.Array):
    return jnp.concatenate(arrays, axis=axis)
  if isinstance(arrays[0], frame_changes.Changes):
    if axis == 1:
      return frame_changes.Joined(arrays)
    arrays = [frame_changes.Joined([x]).restore() for x in arrays]
  whole = arrays[0].base
  if isinstance(whole, np.ndarray) and _are_parts(arrays, whole, axis):
    return whole
  return np.concatenate(arrays, axis=axis)


def _are_parts(
  arrays: Sequence[np.ndarray], whole: np.ndarray, axis: int
) -> bool:
  """Whether arrays are all parts of another, in their order along an axis."""
  if whole.ndim <= axis:
    return False
  start = 0
  for part in arrays:
    end = start + part.shape[axis]
    place = whole[(slice(None),) * axis + (slice(start, end),)]
    if part.__array_interface__ != place.__array_interface__:
      return False
    start = end
  return start == whole.shape[axis]


def describe(trajectories: Sequence[types.Trajectory]) -> BatchInfo:
  """The description of a batch of trajectories."""
  games = np.concatenate([t.report.games for t in trajectories])
  steps = np.concatenate(
    [
      types.agent_steps_of_each(t.unroll.timestep.step_type)
      for t in trajectories
    ]
  )
  return _describe(
    [t.report for t in trajectories],
    int(steps.sum()),
    np.bincount(games, weights=steps).astype(np.int64),
  )


def describe_reports(reports: Sequence[types.ReplayReport]) -> BatchInfo:
  """The same from the reports beside a replay; there may be none."""
  return _describe(
    [r.report for r in reports],
    sum(int(r.agent_steps) for r in reports),
    np.zeros(0, np.int64),
  )


def _describe(
  reports: Sequence[types.ActorReport],
  agent_steps: int,
  steps_of_games: np.ndarray,
) -> BatchInfo:
  ends = [r.game_end for r in reports]
  nothing = [np.zeros(0, np.int32)]
  returns = np.concatenate([e.game_return.ravel() for e in ends] or nothing)
  lengths = np.concatenate([e.game_length.ravel() for e in ends] or nothing)
  games = np.concatenate(
    [
      np.broadcast_to(r.games, r.game_end.game_length.shape).ravel()
      for r in reports
    ]
    or nothing
  )
  ended = lengths > 0
  seconds = [
    (r.env_seconds, r.inference_seconds, r.queue_seconds, r.total_seconds)
    for r in reports
  ]
  return BatchInfo(
    agent_steps=agent_steps,
    versions=np.array([r.params_version for r in reports], np.int64),
    game_returns=returns[ended],
    game_lengths=lengths[ended],
    games=games[ended],
    steps_of_games=steps_of_games,
    actor_seconds=np.sum(seconds or np.zeros((1, 4)), axis=0, dtype=np.float64),
  )


def shard(unroll: types.Unroll, num_devices: int) -> types.Unroll:
  """Splits a batch evenly over devices.

  Args:
    unroll: NumPy or JAX arrays, [T + 1, B, ...] or [T, B, ...], and
      `agent_state` [B, ...].
    num_devices: D, which divides B.

  Returns:
    The same with leading axis D: [D, T + 1, B / D, ...] or [D, T, B / D, ...],
    and `agent_state` [D, B / D, ...]. Device d gets environments
    d B / D .. (d + 1) B / D - 1. NumPy arrays come back as views, and
    `frame_changes.Joined` as `screens.Chunks` where that is possible.

  Raises:
    ValueError: D does not divide B.
  """
  split = _split(unroll.action.shape[1], num_devices)

  def split_time_major(x: types.Array) -> types.Array:
    return _split_time_major(x, split)

  def split_batch_major(x: types.Array) -> types.Array:
    return x.reshape(*split, *x.shape[1:])

  return types.Unroll(
    timestep=jax.tree.map(split_time_major, unroll.timestep),
    action=split_time_major(unroll.action),
    behaviour_logits=split_time_major(unroll.behaviour_logits),
    agent_state=jax.tree.map(split_batch_major, unroll.agent_state),
  )


def shard_replay(
  batch: types.ReplayBatch, num_devices: int
) -> types.ReplayBatch:
  """Splits a batch from replay evenly over devices.

  Args:
    batch: NumPy arrays [T + 1, B, ...] and [T, B].
    num_devices: D, which divides B.

  Returns:
    As `shard`; each device has all of `new_steps`, int32 [D].

  Raises:
    ValueError: D does not divide B.
  """
  split = _split(batch.action.shape[1], num_devices)
  return types.ReplayBatch(
    timestep=jax.tree.map(
      lambda x: _split_time_major(x, split), batch.timestep
    ),
    action=_split_time_major(batch.action, split),
    new_steps=np.full(num_devices, batch.new_steps, np.int32),
  )


def _split(batch_size: int, num_devices: int) -> tuple[int, int]:
  if batch_size % num_devices:
    raise ValueError(
      f'A batch of {batch_size} cannot be split evenly over {num_devices} '
      'devices.'
    )
  return num_devices, batch_size // num_devices


def _split_time_major(x: types.Array, split: tuple[int, int]) -> types.Array:
  if isinstance(x, frame_changes.Joined):
    chunks = screens.split(x, split[0])
    if chunks is not None:
      return chunks
    x = x.restore()
  return x.reshape(x.shape[0], *split, *x.shape[2:]).swapaxes(0, 1)

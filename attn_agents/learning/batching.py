"""Puts trajectories of several actors into one batch, and splits it again."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import types


class BatchInfo(NamedTuple):
  """What the host keeps of a batch once its arrays are on the devices.

  Attributes:
    agent_steps: environment steps in it, auto-reset rows not counted.
    versions: int64 [M], parameter version of each of its M trajectories.
    game_returns: float32 [G], unclipped, of the games that ended in it.
    game_lengths: int32 [G], agent steps.
    actor_seconds: float64 [4], sums of the actors' env, inference, queue and
      total seconds.
  """

  agent_steps: int
  versions: np.ndarray
  game_returns: np.ndarray
  game_lengths: np.ndarray
  actor_seconds: np.ndarray


def concatenate(trajectories: Sequence[types.Trajectory]) -> types.Unroll:
  """One unroll [T + 1, B] from M unrolls [T + 1, B / M], in their order.

  JAX arrays are joined on their device and stay there, NumPy arrays on the
  host; a tree may hold both.
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
  return np.concatenate(arrays, axis=axis)


def describe(trajectories: Sequence[types.Trajectory]) -> BatchInfo:
  """Counts what is in a batch."""
  reports = [t.report for t in trajectories]
  ends = [r.game_end for r in reports]
  returns = np.concatenate([e.game_return.ravel() for e in ends])
  lengths = np.concatenate([e.game_length.ravel() for e in ends])
  ended = lengths > 0
  return BatchInfo(
    agent_steps=sum(
      types.num_agent_steps(t.unroll.timestep.step_type) for t in trajectories
    ),
    versions=np.array([r.params_version for r in reports], np.int64),
    game_returns=returns[ended],
    game_lengths=lengths[ended],
    actor_seconds=np.sum(
      [
        (
          r.env_seconds, r.inference_seconds, r.queue_seconds, r.total_seconds,
        )
        for r in reports
      ],
      axis=0,
      dtype=np.float64,
    ),
  )  # fmt: skip


def shard(unroll: types.Unroll, num_devices: int) -> types.Unroll:
  """Splits a batch evenly over devices.

  Args:
    unroll: NumPy or JAX arrays, [T + 1, B, ...] or [T, B, ...], and
      `agent_state` [B, ...].
    num_devices: D, which divides B.

  Returns:
    The same with leading axis D: [D, T + 1, B / D, ...] or [D, T, B / D, ...],
    and `agent_state` [D, B / D, ...]. Device d gets environments
    d B / D .. (d + 1) B / D - 1. NumPy arrays come back as views.

  Raises:
    ValueError: D does not divide B.
  """
  batch_size = unroll.action.shape[1]
  if batch_size % num_devices:
    raise ValueError(
      f'A batch of {batch_size} cannot be split evenly over {num_devices} '
      'devices.'
    )
  split = (num_devices, batch_size // num_devices)

  def split_time_major(x: types.Array) -> types.Array:
    return x.reshape(x.shape[0], *split, *x.shape[2:]).swapaxes(0, 1)

  def split_batch_major(x: types.Array) -> types.Array:
    return x.reshape(*split, *x.shape[1:])

  return types.Unroll(
    timestep=jax.tree.map(split_time_major, unroll.timestep),
    action=split_time_major(unroll.action),
    behaviour_logits=split_time_major(unroll.behaviour_logits),
    agent_state=jax.tree.map(split_batch_major, unroll.agent_state),
  )

"""Puts trajectories of several actors together into one batch."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
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
  """One unroll [T + 1, B] from M unrolls [T + 1, B / M], in their order."""
  unrolls = [t.unroll for t in trajectories]

  def join(axis: int, *trees: types.Nest) -> types.Nest:
    return jax.tree.map(lambda *x: np.concatenate(x, axis=axis), *trees)

  return types.Unroll(
    timestep=join(1, *(u.timestep for u in unrolls)),
    action=join(1, *(u.action for u in unrolls)),
    behaviour_logits=join(1, *(u.behaviour_logits for u in unrolls)),
    agent_state=join(0, *(u.agent_state for u in unrolls)),
  )


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

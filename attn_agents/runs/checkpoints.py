"""Saves and restores a run with Orbax; a checkpoint is whole or absent."""

import dataclasses
import pathlib
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from attn_agents import types


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


@dataclasses.dataclass(frozen=True)
class Snapshot:
  """All that a run needs to go on.

  Attributes:
    state: `train_state.TrainState` as NumPy arrays, without a device axis.
    counters: totals so far.
    recent_returns, recent_lengths: of the last games, newest last.
  """

  state: types.Nest
  counters: Counters
  recent_returns: tuple[float, ...] = ()
  recent_lengths: tuple[float, ...] = ()


class Checkpointer:
  """The checkpoints of one run, named by learner step."""

  def __init__(self, directory: pathlib.Path | str, keep: int = 3):
    """Opens `directory`, making it if need be; keeps the newest `keep`."""
    path = pathlib.Path(directory).absolute()
    path.mkdir(parents=True, exist_ok=True)
    self._manager = ocp.CheckpointManager(
      path,
      item_names=('state', 'meta'),
      options=ocp.CheckpointManagerOptions(
        max_to_keep=keep, enable_async_checkpointing=False
      ),
    )

  def newest(self) -> int | None:
    """Learner step of the newest complete checkpoint, None if there is none."""
    return self._manager.latest_step()

  def save(self, snapshot: Snapshot) -> bool:
    """Writes a checkpoint; False if this learner step is already saved.

    Orbax writes beside the final name and renames at the end, so a process
    killed in between leaves the former checkpoints as they were.
    """
    step = snapshot.counters.learner_steps
    if step in self._manager.all_steps():
      return False
    meta = {
      'counters': dataclasses.asdict(snapshot.counters),
      'recent_returns': [float(x) for x in snapshot.recent_returns],
      'recent_lengths': [float(x) for x in snapshot.recent_lengths],
    }
    leaves = jax.tree.leaves(snapshot.state)
    self._manager.save(
      step,
      args=ocp.args.Composite(
        state=ocp.args.StandardSave([np.asarray(x) for x in leaves]),
        meta=ocp.args.JsonSave(meta),
      ),
    )
    self._manager.wait_until_finished()
    return True

  def restore(self, template: types.Nest, step: int | None = None) -> Snapshot:
    """Reads the newest checkpoint, or that of `step`.

    Args:
      template: the structure, shapes and dtypes of the state: arrays or
        `jax.ShapeDtypeStruct`s.
      step: learner step; None takes the newest.

    Raises:
      FileNotFoundError: there is none.
      ValueError: its arrays are not those of `template`.
    """
    step = self._manager.latest_step() if step is None else step
    if step is None:
      raise FileNotFoundError('the run has no checkpoint yet')
    leaves, structure = jax.tree.flatten(template)
    restored: Any = self._manager.restore(
      step,
      args=ocp.args.Composite(
        state=ocp.args.StandardRestore(
          [np.zeros(x.shape, x.dtype) for x in leaves]
        ),
        meta=ocp.args.JsonRestore(),
      ),
    )
    for i, (want, have) in enumerate(
      zip(leaves, restored['state'], strict=True)
    ):
      if np.shape(want) != np.shape(have):
        raise ValueError(
          f'checkpoint {step}: array {i} has shape {np.shape(have)}, expected '
          f'{np.shape(want)}'
        )
    meta = restored['meta']
    return Snapshot(
      state=jax.tree.unflatten(structure, restored['state']),
      counters=Counters(**meta['counters']),
      recent_returns=tuple(meta['recent_returns']),
      recent_lengths=tuple(meta['recent_lengths']),
    )

  def close(self) -> None:
    """Frees the manager's threads."""
    self._manager.close()

"""Writes and reads checkpoints with Orbax; each is whole or absent.

<directory>/<learner step>/state/   arrays by name (`named_trees`)
meta/    JSON: format, counters, the latest
returns, and each array's dtype and
shape
"""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import orbax.checkpoint as ocp

from attn_agents import types
from attn_agents.runs import named_trees, run_directory, snapshots
from attn_agents.utils import disk, finite, heap
from configs import errors

# What Orbax writes besides the arrays, at most.
_ADDED_BYTES = 65_536
# Characters. Some of Orbax's messages list every array.
_MOST_OF_CAUSE = 200


_ALL = ocp.options.MultiprocessingOptions()
# Orbax would otherwise wait for the other hosts.
_ALONE = ocp.options.MultiprocessingOptions(
  primary_host=0, active_processes={0}, barrier_sync_key_prefix='host0'
)


class NotWrittenError(RuntimeError):
  """Orbax wrote no checkpoint, and raised nothing."""


class Checkpointer:
  """The checkpoints of one run, named by learner step."""

  def __init__(
    self,
    directory: pathlib.Path | str,
    keep: int | None = None,
    *,
    host_of_many: bool = False,
  ):
    """Opens a directory, which is made if it does not exist.

    Args:
      directory: the run's `checkpoints` or `best`.
      keep: number of newest checkpoints that are kept; None keeps all.
      host_of_many: this is host 0 of several that are one JAX program; the
        others take no part in saving.

    Raises:
      StorageError: it does not exist and cannot be made.
    """
    self._path = pathlib.Path(directory).absolute()
    with disk.explaining(self._path):
      self._path.mkdir(parents=True, exist_ok=True)
      self._manager = ocp.CheckpointManager(
        self._path,
        item_names=('state', 'meta'),
        options=ocp.CheckpointManagerOptions(
          max_to_keep=keep,
          enable_async_checkpointing=False,
          # The directory is there by now. Orbax would make it on all hosts.
          create=not host_of_many,
          multiprocessing_options=_ALONE if host_of_many else _ALL,
        ),
      )

  def newest(self) -> int | None:
    """Learner step of the newest complete checkpoint, None if there is none."""
    return self._manager.latest_step()

  def save(self, snapshot: snapshots.Snapshot) -> bool:
    """Writes a checkpoint; False if this learner step is already saved.

    Orbax writes beside the final name and renames at the end, so a process
    killed in between leaves the former checkpoints as they were.

    Raises:
      NotWrittenError: there are checkpoints of later steps. Orbax does not
        write earlier ones.
      NotFiniteError: an array holds infinities or NaN; nothing is written.
      StorageError: it cannot be written, for lack of room for example; nothing
        of it is left, and it can be tried again.
    """
    step = snapshot.counters.learner_steps
    if step in self._manager.all_steps():
      return False
    self._write(snapshot, force=False)
    return True

  def save_alone(self, snapshot: snapshots.Snapshot) -> None:
    """Writes a checkpoint, then removes those of all other steps.

    A checkpointer that does so keeps all by itself (`keep=None`).
    """
    step = snapshot.counters.learner_steps
    if step not in self._manager.all_steps():
      self._write(snapshot, force=True)
    for other in self._manager.all_steps():
      if other != step:
        self._manager.delete(other)

  def _write(self, snapshot: snapshots.Snapshot, force: bool) -> None:
    """Writes a checkpoint; `force` does so below the newest step, too."""
    step = snapshot.counters.learner_steps
    arrays = {
      name: np.asarray(x)
      for name, x in named_trees.flatten(snapshot.state).items()
    }
    bad = [name for name, x in arrays.items() if not np.isfinite(x).all()]
    if bad:
      raise finite.NotFiniteError(
        f'checkpoint {step} was not written: {bad[0]} is infinite or NaN, and '
        f'{len(bad) - 1} other arrays; the newest is {self.newest()}'
      )
    meta = {
      'format': run_directory.FORMAT,
      'counters': dataclasses.asdict(snapshot.counters),
      'recent_returns': [float(x) for x in snapshot.recent_returns],
      'recent_lengths': [float(x) for x in snapshot.recent_lengths],
      'recent_of_games': [
        [int(x), float(y)] for x, y in snapshot.recent_of_games
      ],
      'arrays': named_trees.specs(arrays),
    }
    needed = _ADDED_BYTES + sum(x.nbytes for x in arrays.values())
    with disk.explaining(self._path, needed):
      try:
        written = self._manager.save(
          step,
          force=force,
          args=ocp.args.Composite(
            state=ocp.args.StandardSave(named_trees.nest(arrays)),
            meta=ocp.args.JsonSave(meta),
          ),
        )
        self._manager.wait_until_finished()
      except Exception:
        run_directory.remove_partial_checkpoints(self._path)
        raise
    # Heaps of a run would otherwise grow for an hour.
    heap.give_back()
    if not (written and (self._path / str(step)).is_dir()):
      raise NotWrittenError(
        f'checkpoint {step} was not written: the newest in {self._path} is '
        f'{self.newest()}'
      )

  def restore(
    self, template: types.Nest, step: int | None = None
  ) -> snapshots.Snapshot:
    """Reads the newest checkpoint, or that of `step`.

    Args:
      template: the structure, shapes and dtypes of the state: arrays or
        `jax.ShapeDtypeStruct`s.
      step: learner step; None takes the newest.

    Raises:
      FileNotFoundError: there is none.
      ConfigError: it is of another format, or damaged.
      ValueError: its arrays have other names, shapes or dtypes than those of
        `template`; the message lists them.
    """
    step = self._manager.latest_step() if step is None else step
    if step is None:
      raise FileNotFoundError('the run has no checkpoint yet')
    meta = self._meta(step)
    expected = named_trees.specs(template)
    misfits = named_trees.misfits(meta['arrays'], expected)
    if misfits:
      raise ValueError(
        f'checkpoint {step} has arrays of other names or shapes '
        f'({named_trees.listed(misfits)})'
      )
    empty = {
      name: np.empty(shape, dtype) for name, (dtype, shape) in expected.items()
    }
    restored = self._read(
      step, state=ocp.args.StandardRestore(named_trees.nest(empty))
    )
    return snapshots.Snapshot(
      state=named_trees.fill(template, named_trees.flatten(restored['state'])),
      counters=snapshots.Counters(**meta['counters']),
      recent_returns=tuple(meta['recent_returns']),
      recent_lengths=tuple(meta['recent_lengths']),
      # Runs from before there were any lack it.
      recent_of_games=tuple((x, y) for x, y in meta.get('recent_of_games', ())),
    )

  def arrays(self, step: int) -> Mapping[str, named_trees.Spec]:
    """Dtype and shape of each array of a checkpoint, by name.

    Raises:
      ConfigError: it is of another format, or damaged.
    """
    return self._meta(step)['arrays']

  def counters(self, step: int) -> snapshots.Counters:
    """The totals of a checkpoint.

    Raises:
      ConfigError: it is of another format, or damaged.
    """
    return snapshots.Counters(**self._meta(step)['counters'])

  def close(self) -> None:
    """Frees the manager's threads."""
    self._manager.close()

  def _meta(self, step: int) -> dict[str, Any]:
    meta = self._read(step, meta=ocp.args.JsonRestore())['meta']
    if not isinstance(meta, dict):
      raise self._damaged(step, 'its meta part is no object in braces')
    run_directory.require_format(meta, self._path.parent)
    for name in ('arrays', 'counters'):
      if not isinstance(meta.get(name), dict):
        raise self._damaged(step, f'its meta part has no {name}')
    counted = [field.name for field in dataclasses.fields(snapshots.Counters)]
    if sorted(meta['counters']) != sorted(counted):
      raise self._damaged(step, 'its meta part has other counters')
    return meta

  def _read(self, step: int, **args: Any) -> Mapping[str, Any]:
    """Items of a checkpoint.

    Raises:
      ConfigError: files are missing or damaged.
    """
    try:
      return self._manager.restore(step, args=ocp.args.Composite(**args))
    except (PermissionError, MemoryError):
      raise
    except Exception as error:
      # Which it is depends on the file that is hurt, and Orbax names none.
      why = f'{type(error).__name__}: {error}'
      raise self._damaged(step, why.splitlines()[0]) from error

  def _damaged(self, step: int, why: str) -> errors.ConfigError:
    return errors.ConfigError(
      f'checkpoint {self._path / str(step)} is damaged '
      f'({why[:_MOST_OF_CAUSE]}); without this directory the checkpoint before '
      'it is the newest'
    )

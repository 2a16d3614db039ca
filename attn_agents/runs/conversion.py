"""Runs of commit 02cacd7 and before, rewritten in today's form.

Their config.json is converted by `old_configs`. Their checkpoints hold a list
of arrays without names; here each gets the name of the array that the same
config has at its place today. Everything else is copied as it is.
"""

import ctypes
import os
import pathlib
import shlex
import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np
import orbax.checkpoint as ocp

from attn_agents import experiment, types
from attn_agents.runs import (
  checkpoints,
  named_trees,
  old_configs,
  run_directory,
  saved_runs,
  snapshots,
)
from configs import errors, overrides, schema

# The parts of an old checkpoint in its order, and the scalars of some by name.
_SCALARS = (
  'hyperparams/learning_rate',
  'hyperparams/entropy_cost',
  'hyperparams/epsilon',
  'hyperparams/clip_threshold',
  'agent_steps',
  'learner_steps',
)
_REWRITTEN = ('config.json', 'config.partial', 'checkpoints', 'best')
# Linux's numbers for renameat2.
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def convert(logdir: pathlib.Path, out: pathlib.Path | None = None) -> str:
  """Converts a run, in place or into a new directory.

  The new directory is written beside its place and checked: every array is read
  again and compared. Then it takes its place in one step, so that a run
  converted in place is whole in one form or the other whenever this ends. The
  old form is deleted then; `out` leaves it as it is.

  Args:
    logdir: of the run.
    out: the new directory, which must not exist; None converts in place.

  Returns:
    One line on what was done.

  Raises:
    ConfigError: there is no run, it cannot be converted, another process uses
      it, or `out` exists.
  """
  run = run_directory.RunDirectory(logdir.resolve())
  config = converted_config(run)
  beside = _beside(run.path if out is None else out.absolute())
  if config is None:
    if out is None:
      shutil.rmtree(beside, ignore_errors=True)
    return f'{run.path} is of this form already'
  if out is not None and out.exists():
    raise errors.ConfigError(f'--out={out} exists; expected a new directory')
  algorithm = run.content_of_any_format()['config']['algorithm']
  run.lock()
  shutil.rmtree(beside, ignore_errors=True)
  try:
    count = _write(run, run_directory.RunDirectory(beside), config, out is None)
    if out is None:
      _exchange(beside, run.path)
    else:
      os.rename(beside, out)
  finally:
    # What was half written, or the old form.
    shutil.rmtree(beside, ignore_errors=True)
  done = run.path if out is None else out.absolute()
  line = (
    f'converted {done}: {config.agent} by {config.algorithm}, '
    f'{count} checkpoint{"" if count == 1 else "s"}'
  )
  if config.algorithm != algorithm:
    # The directory that training takes by default has the algorithm's name.
    line += f'; train it on with --logdir={shlex.quote(str(done))}'
  return line


def converted_config(run: run_directory.RunDirectory) -> schema.Config | None:
  """The config of a run of the old form in today's; None if it is of today's.

  Raises:
    ConfigError: it is of a later form, or its config cannot be converted.
  """
  content = run.content_of_any_format()
  if content.get('format', 1) >= run_directory.FORMAT:
    run_directory.require_format(content, run.path)
    return None
  try:
    values = old_configs.convert(old_configs.complete(content['config']))
    return run_directory.to_config(values)
  except errors.ConfigError as error:
    raise errors.ConfigError(
      f'{run.path} cannot be converted: {error}'
    ) from error
  except KeyError as error:
    raise errors.ConfigError(
      f'{run.path} cannot be converted: its config.json lacks {error}'
    ) from error


def _write(
  old: run_directory.RunDirectory,
  new: run_directory.RunDirectory,
  config: schema.Config,
  in_place: bool,
) -> int:
  """Writes all of the new form; returns the number of checkpoints."""
  _copy_files(old.path, new.path, linked=in_place)
  count = _convert_checkpoints(old, new, config)
  content = {'converted': old_configs.NOTE, 'config': overrides.to_dict(config)}
  new.write({**old.content_of_any_format(), **content})
  # All of it reaches the disk before anything of the old form is deleted.
  os.sync()
  return count


def _beside(path: pathlib.Path) -> pathlib.Path:
  return path.with_name(f'.{path.name}.converting')


def _copy_files(
  source: pathlib.Path, target: pathlib.Path, linked: bool
) -> None:
  """Copies what is not rewritten.

  Args:
    source: the run's directory.
    target: does not exist.
    linked: the source is deleted afterwards, so that hard links will do.
  """

  def leave_out(directory: str, names: list[str]) -> list[str]:
    top = pathlib.Path(directory) == source
    return [name for name in names if top and name in _REWRITTEN]

  def link(old: str, new: str) -> None:
    try:
      os.link(old, new)
    except OSError:
      shutil.copy2(old, new)

  shutil.copytree(
    source,
    target,
    symlinks=True,
    ignore=leave_out,
    copy_function=link if linked else shutil.copy2,
  )


def _convert_checkpoints(
  old: run_directory.RunDirectory,
  new: run_directory.RunDirectory,
  config: schema.Config,
) -> int:
  """Writes all checkpoints by name; returns their number."""
  count = 0
  spec = experiment.Experiment(config).state_spec()
  for source, target in (
    (old.checkpoints, new.checkpoints),
    (old.best, new.best),
  ):
    if not source.is_dir():
      continue
    checkpointer = checkpoints.Checkpointer(target)
    for step in saved_runs.steps(source):
      snapshot = read_old(source, step, spec)
      checkpointer.save(snapshot)
      again = checkpointer.restore(spec, step)
      if not _same(snapshot, again):
        raise OSError(f'{target / str(step)}: other arrays than were written')
      count += 1
    checkpointer.close()
  return count


def read_old(
  directory: pathlib.Path, step: int, spec: types.Nest
) -> snapshots.Snapshot:
  """Reads a checkpoint of the old form.

  Args:
    directory: of the run's checkpoints.
    step: learner step.
    spec: shapes and dtypes of its state in today's form.

  Raises:
    ConfigError: its arrays are not those of `spec`.
  """
  expected = named_trees.specs(spec)
  names = _old_order(expected)
  manager = ocp.CheckpointManager(directory, item_names=('state', 'meta'))
  empty = [np.empty(expected[name][1], expected[name][0]) for name in names]
  try:
    restored: Any = manager.restore(
      step,
      args=ocp.args.Composite(
        state=ocp.args.StandardRestore(empty), meta=ocp.args.JsonRestore()
      ),
    )
  except (KeyError, TypeError, ValueError) as error:
    raise errors.ConfigError(
      f'{directory / str(step)} does not have the {len(names)} arrays that '
      f'config.json asks for'
    ) from error
  finally:
    manager.close()
  named = dict(zip(names, map(np.asarray, restored['state']), strict=True))
  misfits = named_trees.misfits(named_trees.specs(named), expected)
  if misfits:
    raise errors.ConfigError(
      f'{directory / str(step)} has arrays of other shapes than config.json '
      f'asks for ({named_trees.listed(misfits)})'
    )
  meta = restored['meta']
  return snapshots.Snapshot(
    state=named_trees.fill(spec, named),
    counters=snapshots.Counters(**meta['counters']),
    recent_returns=tuple(meta['recent_returns']),
    recent_lengths=tuple(meta['recent_lengths']),
  )


def _old_order(names: Mapping[str, Any]) -> list[str]:
  """The names of the arrays in the order in which old checkpoints have them."""

  def part(start: str) -> list[str]:
    return [name for name in names if name.startswith(f'{start}/')]

  return [
    *part('params'),
    *part('opt_state'),
    *_SCALARS,
    *part('target_params'),
  ]


def _same(a: snapshots.Snapshot, b: snapshots.Snapshot) -> bool:
  """Whether two snapshots of one structure are equal bit for bit."""
  mine, theirs = named_trees.flatten(a.state), named_trees.flatten(b.state)
  return a.counters == b.counters and all(
    np.asarray(mine[name]).tobytes() == np.asarray(theirs[name]).tobytes()
    for name in mine
  )


def _exchange(a: pathlib.Path, b: pathlib.Path) -> None:
  """Exchanges two directories of one file system in one step.

  Raises:
    ConfigError: the system or the file system cannot do that.
  """
  libc = ctypes.CDLL(None, use_errno=True)
  reason = 'the system has no renameat2'
  if hasattr(libc, 'renameat2'):
    first, second = os.fsencode(a), os.fsencode(b)
    if not libc.renameat2(
      _AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE
    ):
      return
    reason = os.strerror(ctypes.get_errno())
  raise errors.ConfigError(
    f'{b} cannot be converted in place ({reason}); convert it into a new '
    f'directory: launch/convert.py --run={shlex.quote(str(b))} --out=...'
  )

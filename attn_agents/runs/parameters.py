"""The parameters of a checkpoint, or of an exported agent, to play with."""

import pathlib
from typing import NamedTuple

import jax
import numpy as np

from attn_agents import experiment, types
from attn_agents.runs import (
  checkpoints,
  exported,
  named_trees,
  saved_runs,
  snapshots,
  tensor_files,
)
from configs import errors, schema

# Of an exported agent's parameters, where its network is not known.
_MOST_BYTES = 2_000_000_000


class Restored(NamedTuple):
  """What playing needs of a checkpoint.

  Attributes:
    params: of the agent.
    counters: of the training before it.
  """

  params: types.Nest
  counters: snapshots.Counters


def restore(
  config: schema.Config, directory: pathlib.Path, step: int
) -> Restored:
  """Reads the parameters of one checkpoint.

  Args:
    config: of the run as it was trained, with its own game.
    directory: from `saved_runs.find`.
    step: from `saved_runs.find`.

  Raises:
    ConfigError: it is of another format, or its arrays have other names or
      shapes than those of the config's agent, or are not finite.
  """
  if exported.is_one(directory):
    return _of_exported(config, directory)
  checkpointer = checkpoints.Checkpointer(directory)
  try:
    snapshot = checkpointer.restore(
      experiment.Experiment(config).state_spec(), step
    )
  except errors.ConfigError:
    raise
  except ValueError as error:
    raise errors.ConfigError(
      f'--checkpoint={step} is not of the agent in config.json: {error}'
    ) from error
  finally:
    checkpointer.close()
  others = [there for there in saved_runs.steps(directory) if there != step]
  _require_finite(
    snapshot.state.params,
    f'checkpoint {directory / str(step)}',
    f'--checkpoint={others[-1]}' if others else 'another run',
  )
  return Restored(snapshot.state.params, snapshot.counters)


def specs(directory: pathlib.Path, step: int) -> dict[str, named_trees.Spec]:
  """Dtype and shape of each parameter of a checkpoint, by name.

  Args:
    directory: from `saved_runs.find`.
    step: from `saved_runs.find`.

  Raises:
    ConfigError: it is of another format, or damaged.
  """
  if exported.is_one(directory):
    path = directory / exported.PARAMETERS
    return named_trees.specs(tensor_files.read(path, _MOST_BYTES))
  checkpointer = checkpoints.Checkpointer(directory)
  found = checkpointer.arrays(step)
  checkpointer.close()
  prefix = 'params/'
  return {
    name.removeprefix(prefix): spec
    for name, spec in found.items()
    if name.startswith(prefix)
  }


def _of_exported(config: schema.Config, directory: pathlib.Path) -> Restored:
  """`restore` of an exported agent."""
  spec = experiment.Experiment(config).params_spec
  expected = named_trees.specs(spec)
  size = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(spec))
  path = directory / exported.PARAMETERS
  arrays = tensor_files.read(path, size)
  misfits = named_trees.misfits(named_trees.specs(arrays), expected)
  if misfits:
    raise errors.ConfigError(
      f'{path} is not of the agent in config.json: its arrays have other names '
      f'or shapes ({named_trees.listed(misfits)})'
    )
  params = named_trees.fill(spec, arrays)
  _require_finite(params, str(path), 'another agent')
  facts = exported.ExportedAgent(directory, directory).facts()
  if named_trees.digest(params) != facts['parameters']:
    raise errors.ConfigError(
      f'{path} is damaged: its arrays are not those that were exported (their '
      'SHA-256 is another than in config.json)'
    )
  return Restored(params, snapshots.Counters(**facts['counters']))


def _require_finite(params: types.Nest, where: str, instead: str) -> None:
  """Raises `ConfigError` for parameters of which no score says anything.

  Args:
    params: of the agent.
    where: they are from.
    instead: what has finite ones.
  """
  bad = [
    name
    for name, x in named_trees.flatten(params).items()
    if not np.isfinite(x).all()
  ]
  if bad:
    raise errors.ConfigError(
      f'{where}: parameter {bad[0]} is infinite or NaN ({len(bad)} such '
      f'arrays); expected finite numbers, as of {instead}'
    )

"""The parameters of a checkpoint, to play with them."""

import pathlib
from typing import NamedTuple

import numpy as np

from attn_agents import experiment, types
from attn_agents.runs import checkpoints, named_trees, saved_runs
from configs import errors, schema


class Restored(NamedTuple):
  """What playing needs of a checkpoint.

  Attributes:
    params: of the agent.
    counters: of the training before it.
  """

  params: types.Nest
  counters: checkpoints.Counters


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
  _require_finite(snapshot.state.params, directory / str(step))
  return Restored(snapshot.state.params, snapshot.counters)


def _require_finite(params: types.Nest, checkpoint: pathlib.Path) -> None:
  """Raises `ConfigError` for parameters of which no score says anything."""
  bad = [
    name
    for name, x in named_trees.flatten(params).items()
    if not np.isfinite(x).all()
  ]
  if bad:
    others = [
      step
      for step in saved_runs.steps(checkpoint.parent)
      if str(step) != checkpoint.name
    ]
    raise errors.ConfigError(
      f'checkpoint {checkpoint}: parameter {bad[0]} is infinite or NaN '
      f'({len(bad)} such arrays); expected finite numbers, as of '
      + (f'--checkpoint={others[-1]}' if others else 'another run')
    )

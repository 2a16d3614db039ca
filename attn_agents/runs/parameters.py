"""The parameters of a checkpoint, to play with them."""

import pathlib
from typing import NamedTuple

from attn_agents import experiment, types
from attn_agents.runs import checkpoints
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
      shapes than those of the config's agent.
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
  return Restored(snapshot.state.params, snapshot.counters)

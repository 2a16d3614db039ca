"""Parameters of a run's checkpoint, for playing with them."""

import pathlib
from typing import NamedTuple

from attn_agents import experiment, types
from attn_agents.runs import checkpoints
from configs import errors, schema


class Restored(NamedTuple):
  """A checkpoint for playing with.

  Attributes:
    params: of the agent.
    counters: what had been learned from.
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
    ConfigError: its arrays are not those of the config's agent.
  """
  checkpointer = checkpoints.Checkpointer(directory)
  try:
    snapshot = checkpointer.restore(
      experiment.Experiment(config).state_spec(), step
    )
  except ValueError as error:
    raise errors.ConfigError(
      f'--checkpoint={step}: not of the agent that config.json says: {error}'
    ) from error
  finally:
    checkpointer.close()
  return Restored(snapshot.state.params, snapshot.counters)

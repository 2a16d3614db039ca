"""What an export takes from a run."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from attn_agents.environments import registry as environments
from attn_agents.exporting import (
  check,
  contents,
  curve,
  evaluations,
  files,
  pictures,
)
from attn_agents.interpretability.recordings import trained_agent
from attn_agents.runs import (
  exported,
  named_trees,
  parameters,
  run_directory,
  saved_runs,
)
from configs import schema

# Of config.json, what says how the agent came about. Not the host's name.
_TOLD = ('seed', 'git_commit', 'versions', 'started', 'commands', 'format')
_NOT_TOLD = ('hostname',)


def of_run(
  run: run_directory.RunDirectory,
  config: schema.Config,
  directory: pathlib.Path,
  step: int,
  *,
  name: str,
  licence: str,
) -> contents.Contents:
  """Everything that an export of a checkpoint holds.

  Args:
    run: trained, or still training.
    config: its config.
    directory: from `saved_runs.find`.
    step: from `saved_runs.find`.
    name: what the agent is to be called.
    licence: of its parameters, as hubs write it.

  Raises:
    ConfigError: the checkpoint has no evaluation, or something of the run is
      damaged.
  """
  scores = evaluations.of_run(run, step, config)
  table = curve.table(run.metrics)
  restored = parameters.restore(config, directory, step)
  games = environments.members(config.environment.game)
  agent = trained_agent.TrainedAgent(
    saved_runs.with_game(config, games[0] if len(games) > 1 else None),
    restored.params,
    {},
  )
  facts = {
    'format': exported.FORMAT,
    'name': name,
    'licence': licence,
    'checkpoint': step,
    'counters': dataclasses.asdict(restored.counters),
    'parameters': named_trees.digest(restored.params),
    'pictures': pictures.of_run(run, step, games),
  }
  return contents.Contents(
    content=_content(run) | {exported.KEY: facts},
    params={
      name: np.asarray(array)
      for name, array in named_trees.flatten(restored.params).items()
    },
    evaluations=scores,
    curve=table,
    figure=curve.draw(run.metrics, f'{name}, training'),
    check=check.record(agent),
    evaluation_curve=(
      files.read(run.evaluation_curve)
      if run.evaluation_curve.exists()
      else None
    ),
  )


def _content(run: run_directory.RunDirectory) -> dict[str, Any]:
  """What an export's config.json has of the run's."""
  content = run.content()
  hardware = {
    name: value
    for name, value in content.get('hardware', {}).items()
    if name not in _NOT_TOLD
  }
  told = {name: content[name] for name in _TOLD if name in content}
  return {'config': content['config'], **told, 'hardware': hardware}

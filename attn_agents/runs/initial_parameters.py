"""The first parameters of a run, from another run: `--init_from`.

`launch/run_local.py` runs `python -m attn_agents.runs.initial_parameters` to
check it before anything starts, in a process of its own since it needs JAX.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attn_agents.algorithms import registry
from attn_agents.runs import run_directory, saved_runs
from attn_agents.utils import children
from configs import errors, overrides, schema

if TYPE_CHECKING:
  from attn_agents.runs import named_trees, snapshots

_CHECK_SECONDS = 300


def check(config: schema.Config) -> None:
  """Raises unless a run of this config can copy from `runtime.init_from`.

  Args:
    config: of the run to be started.

  Raises:
    ConfigError: there is no such run or checkpoint, or it is damaged, or its
      arrays have other names or shapes, which are listed; or reading it takes
      minutes.
  """
  _source(config)
  try:
    done = children.run(
      [
        *(sys.executable, '-m', 'attn_agents.runs.initial_parameters'),
        json.dumps(overrides.to_dict(config)),
      ],
      _CHECK_SECONDS,
      {**os.environ, 'JAX_PLATFORMS': 'cpu'},
      cwd=pathlib.Path(__file__).parents[2],
    )
  except subprocess.TimeoutExpired:
    raise errors.ConfigError(
      f'--init_from={config.runtime.init_from}: expected a run whose '
      f'parameters can be read within {_CHECK_SECONDS} seconds; if its disk is '
      'slow or hangs, copy the run to another one'
    ) from None
  if done.returncode:
    lines = (done.stdout or done.stderr).strip().splitlines()
    failed = f'the check of --init_from ended with {done.returncode}'
    raise errors.ConfigError(lines[-1] if lines else failed)


def load_into(
  config: schema.Config, start: 'snapshots.Snapshot'
) -> 'snapshots.Snapshot':
  """Copies parameters of `runtime.init_from` into a new run's snapshot.

  Optimiser and counters stay those of a new run; a target network starts with
  the same parameters.

  Args:
    config: of the run.
    start: its initial snapshot.

  Raises:
    ConfigError: see `check`.
  """
  from attn_agents.runs import named_trees, parameters

  run, directory, step = _source(config)
  restored = parameters.restore(run.config(), directory, step)
  theirs = named_trees.flatten(restored.params)
  ours = named_trees.flatten(start.state.params)
  copied = _copied(config, named_trees.specs(ours), named_trees.specs(theirs))
  params = named_trees.fill(
    start.state.params, {**ours, **{name: theirs[name] for name in copied}}
  )
  state = start.state._replace(params=params)
  if registry.get(config.algorithm).has_target_network:
    state = state._replace(target_params=params)
  return dataclasses.replace(start, state=state)


def _source(
  config: schema.Config,
) -> tuple[run_directory.RunDirectory, pathlib.Path, int]:
  """The run to copy from, and its newest checkpoint's directory and step."""
  run, _ = saved_runs.open_run(config.runtime.init_from)
  return run, *saved_runs.find(run, 'newest')


def _copied(
  config: schema.Config,
  ours: Mapping[str, 'named_trees.Spec'],
  theirs: Mapping[str, 'named_trees.Spec'],
) -> list[str]:
  """Names of the parameters that are copied; new training parts are not.

  Raises:
    ConfigError: one of them is missing there or has another shape.
  """
  from attn_agents.runs import named_trees

  network = config.network
  missing = {_part(name) for name in ours} - {_part(name) for name in theirs}
  new = missing.intersection(network.training_parts)
  names = [
    name
    for name in ours
    if _part(name) not in new
    and (not network.transferred or _part(name) in network.transferred)
  ]
  misfits = named_trees.misfits(
    {name: theirs[name] for name in names if name in theirs},
    {name: ours[name] for name in names},
  )
  if misfits:
    raise errors.ConfigError(
      f'--init_from={config.runtime.init_from}: its network has arrays of '
      f'other names or shapes ({named_trees.listed(misfits)})'
    )
  return names


def _part(name: str) -> str:
  return name.partition('/')[0]


def _check_here(values: Mapping[str, Any]) -> None:
  """`check` in a process that may load JAX."""
  from attn_agents import experiment
  from attn_agents.runs import named_trees, parameters

  config = run_directory.to_config(values)
  run, directory, step = _source(config)
  theirs = parameters.specs(directory, step)
  params = experiment.Experiment(config).params_spec
  _copied(config, named_trees.specs(params), theirs)
  # Only reading the arrays shows whether they are whole.
  parameters.restore(run.config(), directory, step)


def main() -> int:
  """Checks the config given as JSON; prints why it is refused."""
  parser = argparse.ArgumentParser()
  parser.add_argument('config', help='as JSON')
  try:
    _check_here(json.loads(parser.parse_args().config))
  except errors.ConfigError as error:
    print(error)
    return 2
  return 0


if __name__ == '__main__':
  sys.exit(main())

"""Starting a run from another run's parameters: `--init_from`.

`launch/run_local.py` runs `python -m attn_agents.runs.initial_parameters` to
check it before anything starts, in a process of its own since it needs JAX.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
from typing import TYPE_CHECKING

from attn_agents.algorithms import registry
from attn_agents.runs import saved_runs
from configs import agents, errors, overrides, schema

if TYPE_CHECKING:
  from attn_agents import types
  from attn_agents.runs import checkpoints

_CHECK_SECONDS = 300
# Those named in a refusal.
_MOST_NAMES = 6


def refuse_misfit(config: schema.Config) -> None:
  """Raises unless `runtime.init_from` can give this run its parameters.

  Args:
    config: of the run to be started.

  Raises:
    ConfigError: there is no such run or checkpoint, or its arrays are others,
      which are named.
  """
  run, _ = saved_runs.open_run(config.runtime.init_from)
  saved_runs.find(run, 'newest')
  done = subprocess.run(
    [sys.executable, '-m', 'attn_agents.runs.initial_parameters',
     json.dumps(overrides.to_dict(config))],
    env={**os.environ, 'JAX_PLATFORMS': 'cpu'},
    cwd=pathlib.Path(__file__).parents[2],
    stdin=subprocess.DEVNULL,
    capture_output=True, text=True, timeout=_CHECK_SECONDS, check=False,
  )  # fmt: skip
  if done.returncode:
    lines = (done.stdout or done.stderr).strip().splitlines()
    raise errors.ConfigError(lines[-1] if lines else 'the check of --init_from '
                             f'ended with {done.returncode}')  # fmt: skip


def load_into(
  config: schema.Config, start: 'checkpoints.Snapshot'
) -> 'checkpoints.Snapshot':
  """The snapshot of a new run with parameters of `runtime.init_from` in it.

  Optimiser and counters stay those of a new run; a target network starts from
  the same parameters.

  Args:
    config: of the run.
    start: its initial snapshot.

  Raises:
    ConfigError: see `refuse_misfit`.
  """
  import dataclasses

  from attn_agents.runs import parameters

  run, theirs = saved_runs.open_run(config.runtime.init_from)
  source = parameters.restore(theirs, *saved_runs.find(run, 'newest')).params
  params = _merge(config, start.state.params, source)
  state = start.state._replace(params=params)
  if registry.get(config.algorithm).has_target_network:
    state = state._replace(target_params=params)
  return dataclasses.replace(start, state=state)


def _merge(
  config: schema.Config, ours: 'types.Nest', theirs: 'types.Nest'
) -> 'types.Nest':
  """Our tree with the arrays, or shapes, of theirs in the parts that transfer.

  Raises:
    ConfigError: one of these is missing or has another shape.
  """
  from flax import traverse_util

  mine = traverse_util.flatten_dict(ours)
  source = traverse_util.flatten_dict(theirs)
  parts = config.network.transferred or tuple({path[0] for path in mine})
  misfits = []
  for path, leaf in mine.items():
    if path[0] not in parts:
      continue
    found = source.get(path)
    if found is None or found.shape != leaf.shape:
      there = 'absent' if found is None else list(found.shape)
      misfits.append(f'{"/".join(path)}: {there} there, {list(leaf.shape)} now')
    mine[path] = found
  if misfits:
    rest = len(misfits) - _MOST_NAMES
    listed = '; '.join(misfits[:_MOST_NAMES])
    raise errors.ConfigError(
      f'--init_from={config.runtime.init_from}: its network has other arrays '
      f'({listed}' + (f'; and {rest} more)' if rest > 0 else ')')
    )
  return traverse_util.unflatten_dict(mine)


def main() -> int:
  """Checks the config given as JSON; prints why it is refused."""
  parser = argparse.ArgumentParser()
  parser.add_argument('config', help='as JSON')
  values = json.loads(parser.parse_args().config)
  template = agents.make(values['agent'], values['preset'], values['algorithm'])
  config = overrides.from_dict(template, values)

  from attn_agents import experiment

  _, theirs = saved_runs.open_run(config.runtime.init_from)
  try:
    _merge(
      config,
      experiment.Experiment(config).params_spec,
      experiment.Experiment(theirs).params_spec,
    )
  except errors.ConfigError as error:
    print(error)
    return 2
  return 0


if __name__ == '__main__':
  sys.exit(main())

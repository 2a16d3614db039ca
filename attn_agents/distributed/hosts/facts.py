"""What must be the same on all learner hosts of a run."""

from typing import Any

from attn_agents.runs import run_directory
from attn_agents.utils import machine
from configs import overrides, schema

# What each host fits to its own machine.
_OWN = frozenset(
  f'runtime.{name}' for name in ('num_actors', 'envs_per_actor', 'env_threads')
)


def of(config: schema.Config, devices: machine.Devices) -> dict[str, str]:
  """The facts of this host, by name.

  Args:
    config: of the run, as this host has resolved it.
    devices: of this host.
  """
  found = {
    'the commit': run_directory.git_commit() or 'unknown',
    'the device': f'{devices.count} x {devices.kind}',
    **{f'{k} (version)': v for k, v in run_directory.versions().items()},
    **_flat(overrides.to_dict(config)),
  }
  return {name: found[name] for name in found if name not in _OWN}


def _flat(values: dict[str, Any], prefix: str = '') -> dict[str, str]:
  found: dict[str, str] = {}
  for name, value in values.items():
    if isinstance(value, dict):
      found |= _flat(value, f'{prefix}{name}.')
    else:
      found[f'{prefix}{name}'] = str(value)
  return found

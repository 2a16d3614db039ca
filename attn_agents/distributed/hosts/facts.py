"""What must be the same on all hosts of a run."""

from collections.abc import Mapping
from typing import Any

from attn_agents.algorithms import registry
from attn_agents.runs import run_directory
from attn_agents.utils import machine
from configs import overrides, schema

# What each host fits to its own machine.
_OWN = frozenset(
  f'runtime.{name}' for name in ('num_actors', 'envs_per_actor', 'env_threads')
)
# Of a config: what an actor plays by, and the shape of what it sends.
_PLAYED = ('agent', 'algorithm', 'seed', 'runtime.envs_per_actor')
_PLAYED_SECTIONS = ('environment.', 'network.', 'learning.')
_MOST_DIFFERENCES = 3


def of(config: schema.Config, devices: machine.Devices) -> dict[str, str]:
  """The facts of a learner host that all of them must share, by name.

  Args:
    config: of the run, as this host has resolved it.
    devices: of this host.
  """
  found = {
    'the device': f'{devices.count} x {devices.kind}',
    **_of_program(),
    **_flat(overrides.to_dict(config)),
  }
  return {name: found[name] for name in found if name not in _OWN}


def of_play(config: schema.Config) -> dict[str, str]:
  """The facts that an actor host must share with its learner host, by name.

  Args:
    config: of the run, as this host has resolved it.
  """
  played = set(_PLAYED)
  if registry.get(config.algorithm).why_actors_wait(config) is not None:
    played.add('runtime.num_actors')
  return _of_program() | {
    name: value
    for name, value in _flat(overrides.to_dict(config)).items()
    if name in played or name.startswith(_PLAYED_SECTIONS)
  }


def differences(facts: Mapping[str, Mapping[str, str]]) -> str:
  """In which facts hosts differ from the first, in one line; '' if in none.

  Args:
    facts: of each host, by what the line calls it, as 'on host 0'.
  """
  (first, expected), *others = facts.items()
  found = []
  for other, values in others:
    for name in sorted({*expected, *values}):
      here, there = expected.get(name, 'not set'), values.get(name, 'not set')
      if here != there:
        found.append(f'{name} is {here} {first} and {there} {other}')
  more = len(found) - _MOST_DIFFERENCES
  listed = '; '.join(found[:_MOST_DIFFERENCES])
  return f'{listed}; and {more} more' if more > 0 else listed


def _of_program() -> dict[str, str]:
  return {
    'the commit': run_directory.git_commit() or 'unknown',
    **{f'{k} (version)': v for k, v in run_directory.versions().items()},
  }


def _flat(values: dict[str, Any], prefix: str = '') -> dict[str, str]:
  found: dict[str, str] = {}
  for name, value in values.items():
    if isinstance(value, dict):
      found |= _flat(value, f'{prefix}{name}.')
    else:
      found[f'{prefix}{name}'] = str(value)
  return found

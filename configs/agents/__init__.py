"""Every agent's name and presets. A new agent is one module and one line.

Each public function of an agent's module is a preset: it takes nothing and
returns a `schema.Config`. `paper` and `small` are there for all agents.
"""

import dataclasses
import importlib
import inspect
import types
from collections.abc import Callable, Mapping

from attn_agents.algorithms import registry
from configs import errors, schema

Preset = Callable[[], schema.Config]

# By name. `register` adds agents of programs that build on this one.
AGENTS: dict[str, Mapping[str, Preset]] = {}


def register(name: str, presets: Mapping[str, Preset]) -> None:
  """Adds an agent under its name.

  Args:
    name: what `--agent` calls it, and `schema.Config.agent` of its presets.
    presets: by name; 'paper' and 'small' must be there.

  Raises:
    ValueError: the name is taken, or a preset is missing.
  """
  if name in AGENTS:
    raise ValueError(f'there is an agent {name} already')
  if missing := {'paper', 'small'} - set(presets):
    raise ValueError(f'agent {name} has no preset {" and ".join(missing)}')
  AGENTS[name] = types.MappingProxyType(dict(presets))


def presets_of(module: types.ModuleType) -> dict[str, Preset]:
  """The public functions that a module defines, by name."""
  return {
    name: function
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__ and not name.startswith('_')
  }


for _name in (
  's3ta',
  's3ta_fixed_query',
  's3ta_l2_keys',
  'impala_ff',
  'impala_lstm',
  'impala_large',
  'impala_shallow',
  'drarl',
  'drarl_simple',
  'dqn',
  'drqn',
  'darqn_soft',
  'darqn_hard',
):
  register(_name, presets_of(importlib.import_module(f'{__name__}.{_name}')))


# The algorithm that a preset was written for.
AUTO = 'auto'


def make(agent: str, preset: str, algorithm: str = AUTO) -> schema.Config:
  """An agent's preset under an algorithm, before any of the user's settings.

  Args:
    agent: a name in `AGENTS`.
    preset: one of its presets.
    algorithm: a name in the registry of algorithms; 'auto' for the preset's.

  Raises:
    ConfigError: there is no such algorithm, or the agent cannot learn by it.
  """
  config = AGENTS[agent][preset]()
  if algorithm == AUTO:
    return config
  if algorithm not in registry.ALGORITHMS:
    raise errors.unknown('algorithm', algorithm, (AUTO, *registry.ALGORITHMS))
  able = registry.names_for(config.network.head)
  if algorithm not in able:
    raise errors.ConfigError(
      f'--algorithm={algorithm}: {agent} learns by {" or ".join(able)}'
    )
  made = registry.get(algorithm).configure(config)
  return dataclasses.replace(made, algorithm=algorithm)


def pairs() -> list[tuple[str, str]]:
  """Every agent with every algorithm that it can learn by."""
  return [
    (agent, algorithm)
    for agent in AGENTS
    for algorithm in registry.names_for(make(agent, 'paper').network.head)
  ]

"""Every algorithm's object says all that the rest asks of it."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from attn_agents import experiment
from attn_agents.algorithms import base, registry
from attn_agents.learning import metrics
from configs import agents, errors, overrides, resolution
from tests import in_process

_ALL = pytest.mark.parametrize('name', registry.ALGORITHMS)


def _agent(algorithm):
  """The first agent that it can train without an LSTM, which is quick."""
  for agent in agents.AGENTS:
    network = agents.make(agent, 'small').network
    if network.head == algorithm.head and not network.recurrent:
      return agent
  raise AssertionError(f'nothing to train by {algorithm.name}')


def _train(config, num_updates):
  """Each update's metrics, states before and after, and what is measured."""
  run = in_process.InMemory(config)
  before, found = run.learner.snapshot().state, []
  try:
    with run.actor_threads(config.runtime.num_actors):
      feeder = run.feeder()
      for _ in range(num_updates):
        batch = feeder.get(timeout=60)
        assert batch is not None, 'no data'
        found.append(jax.device_get(run.learner.step(*batch)[0]))
    measured = run.learner.measure(batch[0])
    return found, before, run.learner.snapshot().state, measured
  finally:
    run.close()


@_ALL
def test_it_trains_a_narrow_network(name):
  algorithm = registry.get(name)
  config = in_process.catch_config(agent=_agent(algorithm), algorithm=name)
  (first, _), before, after, measured = _train(config, 2)
  assert np.isfinite(list(first.values())).all(), first
  assert after.learner_steps == 2 and after.agent_steps > 0
  changed = jax.tree.map(np.array_equal, before.params, after.params)
  assert not all(jax.tree.leaves(changed))
  has_target = bool(jax.tree.leaves(after.target_params))
  assert has_target == algorithm.has_target_network
  # What it measures has a column.
  assert set(first) - {'clipped', 'num_transitions'} <= set(metrics.columns())
  # The update has left its batch as it was: sight is measured on it.
  assert set(measured) <= set(metrics.columns())
  assert measured['logits_deviation'] > 0 < measured['value_deviation']


@_ALL
def test_it_says_what_it_is(name):
  algorithm = registry.get(name)
  assert algorithm.name == name
  assert algorithm.title
  section = algorithm.section_class
  assert issubclass(section, base.LearningConfig)
  assert dataclasses.is_dataclass(section) and section.__doc__
  assert set(algorithm.metrics) <= set(registry.metrics())
  config = resolution.resolve(
    resolution.Request(agent=_agent(algorithm), algorithm=name), 'cpu', 1, 2
  )
  assert type(algorithm.section(config)) is section
  assert algorithm.describe(config) and algorithm.describe_batch(config)
  rows = algorithm.network_rows(config)
  assert rows.forward >= 1 and rows.backward >= 1
  # A queue or a replay, and actors that wait for updates or do not.
  replay = algorithm.replay(config)
  waits = algorithm.why_actors_wait(config) is not None
  assert waits == (config.learning.max_policy_lag is not None)
  assert not (replay and waits)
  parts = experiment.Experiment(config)
  assert parts.algorithm is algorithm
  assert parts.replay == replay
  for settings in (('x.y=1',), ('learning.no_such_field=1',)):
    with pytest.raises(errors.ConfigError):
      overrides.apply(config, settings)


@pytest.mark.parametrize(
  ('agent', 'preset'),
  [
    (agent, preset)
    for agent in agents.AGENTS
    for preset in agents.AGENTS[agent]
  ],
)
def test_presets_and_registry_agree(agent, preset):
  own = agents.make(agent, preset)
  assert own.algorithm in registry.names_for(own.network.head)
  for name in registry.names_for(own.network.head):
    config = agents.make(agent, preset, name)
    assert (config.algorithm, config.preset) == (name, preset)
    assert type(config.learning) is registry.get(name).section_class
    values = json.loads(json.dumps(overrides.to_dict(config)))
    assert overrides.from_dict(config, values) == config
  assert agents.make(agent, preset, own.algorithm) == own


def test_a_section_of_another_algorithm_is_refused():
  config = agents.make('s3ta', 'small')
  other = dataclasses.replace(config, algorithm='vtrace')
  with pytest.raises(TypeError, match='vtrace does not learn from APPOConfig'):
    registry.get('vtrace').section(other)


def test_names_are_unique_and_the_nearest_is_given():
  with pytest.raises(ValueError, match='already'):
    registry.register(registry.get('ppo'))
  with pytest.raises(errors.ConfigError, match="did you mean 'ppo'"):
    registry.get('pp0')

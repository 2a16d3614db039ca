"""What config.json of an exported agent may say of it."""

import dataclasses
import json

import pytest

from attn_agents.runs import exported, run_directory, saved_runs, snapshots
from configs import errors, overrides, resolution

_COUNTERS = {
  'agent_steps': 0, 'frames': 8, 'learner_steps': 2, 'games': 1,
  'wall_time': 0.0,
}  # fmt: skip
_FACTS = {
  'format': 1, 'checkpoint': 2, 'counters': _COUNTERS, 'name': 'some',
  'parameters': 64 * 'a',
}  # fmt: skip


def _agent(path, facts, *settings):
  config = resolution.resolve(
    resolution.Request(settings=settings, algorithm='vtrace'), 'cpu', 1, 2
  )
  path.mkdir(exist_ok=True)
  run_directory.RunDirectory(path).write(
    {'config': overrides.to_dict(config), 'exported': facts}
  )
  return exported.ExportedAgent(path, path)


@pytest.mark.parametrize(
  ('changes', 'counters'),
  [
    ({}, {}),
    ({'checkpoint': 0}, {}),
    ({'checkpoint': 2**63 - 1}, {'frames': 2**63 - 1}),
    ({}, {'wall_time': 0.5, 'games': 0}),
    ({}, {'wall_time': 3}),
  ],
)
def test_what_is_whole_is_read(tmp_path, changes, counters):
  facts = {**_FACTS, **changes, 'counters': {**_COUNTERS, **counters}}
  agent = _agent(tmp_path, facts)
  assert agent.facts() == facts
  assert exported.checkpoint(tmp_path) == facts['checkpoint']
  assert saved_runs.steps(tmp_path) == [facts['checkpoint']]


@pytest.mark.parametrize(
  ('changes', 'words'),
  [
    *(({'format': x}, 'format: expected 1') for x in (None, True, 1.0, '1', 0)),
    *(
      ({'checkpoint': x}, 'checkpoint: expected a learner step')
      for x in (None, True, -1, 2**63, 2.0)
    ),
    *(
      ({'counters': x}, 'counters: expected numbers of agent_steps, frames')
      for x in (
        None, [], {}, {**_COUNTERS, 'more': 1},
        {**_COUNTERS, 'games': None}, {**_COUNTERS, 'games': True},
        {**_COUNTERS, 'frames': -1}, {**_COUNTERS, 'wall_time': -0.5},
        {**_COUNTERS, 'wall_time': float('inf')},
        {**_COUNTERS, 'wall_time': float('nan')},
      )
    ),
    *(({'name': x}, 'name: expected a text') for x in (None, 5, '')),
    *(({'parameters': x}, 'parameters: expected a text') for x in (None, '')),
    *(
      ({'parameters': x * 'a'}, 'parameters: expected a SHA-256 in hexadecimal')
      for x in (63, 65)
    ),
  ],
)  # fmt: skip
def test_what_is_damaged_is_refused(tmp_path, changes, words):
  agent = _agent(tmp_path, {**_FACTS, **changes})
  with pytest.raises(errors.ConfigError) as caught:
    agent.facts()
  assert str(caught.value).startswith(
    f'{tmp_path}/config.json is damaged: exported.{words}'
  )


def test_facts_are_an_object(tmp_path):
  with pytest.raises(errors.ConfigError) as caught:
    _agent(tmp_path, [1]).facts()
  assert str(caught.value) == (
    f'{tmp_path}/config.json is damaged: exported: expected an object in braces'
  )


def test_a_later_version_is_named(tmp_path):
  with pytest.raises(errors.ConfigError, match=r'later version \(format 2, th'):
    _agent(tmp_path, {**_FACTS, 'format': 2}).facts()


def test_a_config_need_not_fit_several_devices(tmp_path):
  agent = _agent(tmp_path, _FACTS, 'learning.batch_size=63')
  assert agent.config().learning.batch_size == 63
  content = json.loads((tmp_path / 'config.json').read_text())
  content['config']['environment']['frame_stack'] = 17
  (tmp_path / 'config.json').write_text(json.dumps(content))
  with pytest.raises(errors.ConfigError, match=r'config\.json: .*_stack=17'):
    agent.config()
  # Nor is one read whose facts are damaged.
  agent = _agent(tmp_path, {**_FACTS, 'name': 5})
  with pytest.raises(errors.ConfigError, match=r'exported\.name'):
    agent.config()


def test_an_agent_is_known_by_what_its_config_says(tmp_path):
  agent, other = tmp_path / 'agent', tmp_path / 'other'
  _agent(agent, _FACTS)
  other.mkdir()
  assert not exported.is_one(other)
  (other / 'config.json').write_text('{"exp')
  assert exported.is_one(other) is False
  (other / 'config.json').write_text('{}')
  assert not exported.is_one(other)
  assert exported.is_one(agent)
  assert exported.find(str(agent)).source == agent
  assert exported.find(str(other)) is None
  assert exported.address(agent) == str(agent)
  assert exported.address(other / 'checkpoints') == str(other)


def test_only_an_agent_is_written_over(tmp_path):
  exported.require_new_or_exported('--out', tmp_path / 'new')
  (tmp_path / 'thesis.tex').touch()
  with pytest.raises(errors.ConfigError, match=f'^--out={tmp_path}'):
    exported.require_new_or_exported('--out', tmp_path)
  (tmp_path / exported.PARAMETERS).touch()
  exported.require_new_or_exported('--out', tmp_path)


def test_counters_of_an_agent_are_those_of_a_checkpoint():
  fields = {x.name for x in dataclasses.fields(snapshots.Counters)}
  assert fields == set(_COUNTERS)

"""Every agent that ships loads, and plays as it did when it was exported."""

import pathlib

import numpy as np
import pytest

from attn_agents import zoo
from attn_agents.exporting import check, contents
from attn_agents.interpretability.recordings import trained_agent
from attn_agents.runs import exported, parameters, saved_runs
from configs import errors

_NAMES = exported.names()
_ROOT = pathlib.Path(zoo.__file__).parent
_MOST_BYTES = 25_000_000
# Of the project's own licence; another needs a reason.
_LICENCE = 'apache-2.0'


def test_some_ship():
  games = {
    'boxing', 'breakout', 'catch', 'ms_pacman', 'pong', 'seaquest',
    'space_invaders',
  }  # fmt: skip
  assert {f's3ta_{game}' for game in games} <= set(_NAMES)
  assert 's3ta_fixed_query_pong' in _NAMES


def test_all_together_are_small():
  total = sum(
    path.stat().st_size for path in _ROOT.rglob('*') if path.is_file()
  )
  assert total <= _MOST_BYTES


def test_nothing_else_lies_there():
  assert {p.name for p in _ROOT.iterdir() if p.name != '__pycache__'} == {
    '__init__.py', *_NAMES,
  }  # fmt: skip
  for path in _ROOT.rglob('*'):
    assert path.suffix in ('', '.md', '.json', '.csv', '.png', '.py',
                           '.pyc', '.safetensors'), path  # fmt: skip


@pytest.mark.parametrize('name', _NAMES)
def test_it_plays_as_it_did(name):
  run, config = saved_runs.open_run(f'zoo:{name}')
  directory, step = saved_runs.find(run, 'newest')
  restored = parameters.restore(config, directory, step)
  game = saved_runs.with_game(config, None)
  agent = trained_agent.TrainedAgent(game, restored.params, {})
  recorded = check.read(directory / exported.CHECK, config)
  assert check.deviation(agent, recorded) <= check.TOLERANCE
  played = check.record(agent)
  assert np.isfinite(played['policy_logits']).all()
  # The same game begins the same.
  assert np.array_equal(played['observation'][0], recorded['observation'][0])


@pytest.mark.parametrize('name', _NAMES)
def test_all_of_it_can_be_read(name):
  agent = exported.find(f'zoo:{name}')
  given = contents.read(agent)
  assert given.facts['name'] == name
  assert given.facts['licence'] == _LICENCE
  assert given.facts['pictures'], 'no analysis was exported'
  for found in given.evaluations.values():
    assert found.summary['episodes'] >= 100
    assert found.summary['checkpoint'] == given.facts['checkpoint']
  card = (agent.source / exported.CARD).read_text()
  assert given.content['commands'][0] in card


def test_outputs_do_not_go_where_it_lies(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  run, _ = saved_runs.open_run('zoo:s3ta_catch')
  assert run.path == tmp_path / 'runs' / 'zoo' / 's3ta_catch'
  assert run.evaluations == run.path / 'evaluations'
  assert run.checkpoints == _ROOT / 's3ta_catch'
  assert exported.address(run.checkpoints) == 'zoo:s3ta_catch'
  assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
  ('name', 'nearest'),
  [
    ('s3ta_catsh', 's3ta_catch'),
    ('S3TA_Catch', 's3ta_catch'),
    ('s3ta_boxer', 's3ta_boxing'),
    ('', 's3ta_pong'),
    ('../zoo', 's3ta_pong'),
  ],
)
def test_another_name_is_refused_with_the_nearest(name, nearest):
  with pytest.raises(errors.ConfigError) as caught:
    saved_runs.open_run(f'zoo:{name}')
  line = str(caught.value)
  assert f"unknown trained agent 'zoo:{name}'" in line
  assert f"did you mean 'zoo:{nearest}'?" in line

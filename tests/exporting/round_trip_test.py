"""What is exported is what was trained, bit for bit, and so is its export."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from attn_agents import experiment
from attn_agents.exporting import check, contents, evaluations, writing
from attn_agents.interpretability.recordings import trained_agent
from attn_agents.runs import (
  exported,
  initial_parameters,
  named_trees,
  parameters,
  saved_runs,
)
from configs import errors
from tests import in_process
from tests.exporting import making


def _restored(path):
  run, config = saved_runs.open_run(str(path))
  return config, parameters.restore(config, *saved_runs.find(run, 'newest'))


def _bytes(directory):
  return {
    str(path.relative_to(directory)): path.read_bytes()
    for path in directory.rglob('*')
    if path.is_file()
  }


def test_an_exported_agent_is_the_run_s(trained, agent_path):
  config, restored = _restored(trained.path)
  config_again, again = _restored(agent_path)
  assert config_again == config
  assert again.counters == restored.counters
  ours, theirs = (named_trees.flatten(x.params) for x in (restored, again))
  assert list(ours) == list(theirs)
  for name, array in ours.items():
    assert theirs[name].dtype == array.dtype
    assert theirs[name].tobytes() == np.asarray(array).tobytes(), name


def test_an_export_of_an_export_has_the_same_bytes(agent_path, tmp_path):
  agent = exported.find(str(agent_path))
  writing.write(contents.read(agent), tmp_path / 'again')
  assert _bytes(tmp_path / 'again') == _bytes(agent_path)
  assert len(_bytes(agent_path)) == 8
  # Other users may read them.
  assert all(
    path.stat().st_mode & 0o044 == 0o044
    for path in agent_path.rglob('*')
    if path.is_file()
  )


def test_scores_of_checkpoints_come_along(agent_path, tmp_path):
  given = contents.read(exported.find(str(agent_path)))
  scored = dataclasses.replace(given, evaluation_curve=b'frames,score\n1,2\n')
  out = tmp_path / 'new' / 'agent'
  writing.write(scored, out)
  found = contents.read(exported.find(str(out)))
  assert found.evaluation_curve == scored.evaluation_curve
  assert _bytes(out).keys() - _bytes(agent_path).keys() == {
    exported.EVALUATION_CURVE
  }


def test_arrays_out_of_order_are_written_in_order(agent_path, tmp_path):
  given = contents.read(exported.find(str(agent_path)))
  turned = {
    name: np.asarray(array, order='F') for name, array in given.params.items()
  }
  assert not all(array.flags.c_contiguous for array in turned.values())
  writing.write(dataclasses.replace(given, params=turned), tmp_path / 'again')
  assert _bytes(tmp_path / 'again') == _bytes(agent_path)


def test_its_checkpoint_has_every_name_but_that_of_another(agent_path):
  run, _ = saved_runs.open_run(str(agent_path))
  for which in ('newest', 'best', str(making.STEP)):
    assert saved_runs.find(run, which) == (agent_path, making.STEP)
  with pytest.raises(errors.ConfigError, match='the nearest is 12'):
    saved_runs.find(run, '13')
  assert exported.address(run.checkpoints) == str(agent_path)


def test_nothing_of_this_machine_is_in_it(trained, agent_path):
  text = ''.join(
    path.read_text() for path in agent_path.rglob('*')
    if path.suffix in ('.md', '.json', '.csv')
  )  # fmt: skip
  assert trained.content()['hardware']['hostname']
  assert 'hostname' not in text
  assert str(trained.path) not in text


def test_an_existing_directory_is_left_alone(agent_path, tmp_path):
  given = contents.read(exported.find(str(agent_path)))
  (tmp_path / 'mine').write_text('mine')
  with pytest.raises(errors.ConfigError, match='not empty'):
    writing.write(given, tmp_path)
  assert [p.name for p in tmp_path.iterdir()] == ['mine']


def test_the_same_again_changes_nothing(agent_path, tmp_path):
  given = contents.read(exported.find(str(agent_path)))
  out = tmp_path / 'again'
  writing.write(given, out)
  # As evaluate.py leaves there.
  (out / 'evaluations').mkdir()
  before = {path: path.stat().st_mtime_ns for path in out.rglob('*')}
  writing.write(given, out)
  assert before == {path: path.stat().st_mtime_ns for path in out.rglob('*')}
  assert [p.name for p in tmp_path.iterdir()] == ['again']


@pytest.mark.parametrize('name', ['README.md', 'model.safetensors'])
@pytest.mark.parametrize('change', ['another', 'missing'])
def test_another_agent_there_is_left_alone(agent_path, tmp_path, name, change):
  given = contents.read(exported.find(str(agent_path)))
  out = tmp_path / 'other'
  writing.write(given, out)
  if change == 'missing':
    (out / name).unlink()
  else:
    (out / name).write_bytes((out / name).read_bytes() + b' ')
  before = _bytes(out)
  with pytest.raises(errors.ConfigError, match='not empty'):
    writing.write(given, out)
  assert _bytes(out) == before
  assert [p.name for p in tmp_path.iterdir()] == ['other']


def test_a_run_without_an_evaluation_says_how_to_make_one(trained):
  _, config = saved_runs.open_run(str(trained.path))
  with pytest.raises(errors.ConfigError, match=r'launch/evaluate\.py --run='):
    evaluations.of_run(trained, making.STEP + 1, config)


def test_the_recorded_steps_tell_another_agent(agent_path):
  config, restored = _restored(agent_path)
  recorded = check.read(agent_path / exported.CHECK, config)
  agent = trained_agent.TrainedAgent(config, restored.params, {})
  assert check.deviation(agent, recorded) <= check.TOLERANCE
  other = jax.tree.map(lambda x: 1.05 * x, restored.params)
  agent = trained_agent.TrainedAgent(config, other, {})
  assert check.deviation(agent, recorded) > check.TOLERANCE


def test_a_new_run_begins_from_it(agent_path):
  config, restored = _restored(agent_path)
  started = in_process.catch_config(
    f'runtime.init_from={agent_path}', 'seed=5', agent=config.agent
  )
  initial_parameters.check(started)
  start = experiment.Experiment(started).initial_snapshot()
  made = initial_parameters.load_into(started, start)
  assert named_trees.digest(made.state.params) == named_trees.digest(
    restored.params
  )
  other = in_process.catch_config(
    f'runtime.init_from={agent_path}', agent='impala_ff'
  )
  start = experiment.Experiment(other).initial_snapshot()
  with pytest.raises(errors.ConfigError, match='other names or shapes'):
    initial_parameters.load_into(other, start)


def test_a_name_of_the_zoo_is_no_path():
  config = in_process.catch_config('runtime.init_from=zoo:no_such')
  assert config.runtime.init_from == 'zoo:no_such'


def test_config_json_is_one_of_a_run_with_more(trained, agent_path):
  content = json.loads((agent_path / 'config.json').read_text())
  theirs = trained.content()
  for name in ('config', 'seed', 'git_commit', 'versions', 'commands'):
    assert content[name] == theirs[name]
  assert content['exported']['checkpoint'] == making.STEP

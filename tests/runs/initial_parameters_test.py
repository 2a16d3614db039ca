"""Parameters of another run: what is copied, and what is refused."""

import dataclasses
import os
import shutil

import jax
import numpy as np
import pytest

from attn_agents import experiment
from attn_agents.runs import (
  checkpoints,
  initial_parameters,
  run_directory,
  snapshots,
)
from attn_agents.utils import machine
from configs import errors
from tests import in_process


def _config(agent, *settings):
  return in_process.catch_config(
    'environment.height=10', 'environment.width=10',
    'network.conv_channels=2,4', *settings, agent=agent,
  )  # fmt: skip


def _snapshot(config, seed=0):
  """The first one of a run, drawn here: initialisers take long to compile."""
  rng = np.random.default_rng(seed)
  state = jax.tree.map(
    lambda x: rng.normal(size=x.shape).astype(x.dtype),
    experiment.Experiment(config).state_spec(),
  )
  return snapshots.Snapshot(
    state._replace(learner_steps=np.zeros_like(state.learner_steps)),
    snapshots.Counters(),
  )


@pytest.fixture(name='source', scope='module')
def _source(tmp_path_factory):
  """A soft agent's run that has parameters of its own."""
  return _save(_config('darqn_soft'), tmp_path_factory.mktemp('soft') / 'run')


def _save(config, path):
  run = run_directory.RunDirectory(path)
  run.open(config, machine.Devices('cpu', 1, 'cpu'))
  snapshot = _snapshot(config, seed=1)
  checkpointer = checkpoints.Checkpointer(run.checkpoints)
  checkpointer.save(snapshot)
  checkpointer.close()
  return run.path, snapshot.state.params


def _from(path, config):
  runtime = dataclasses.replace(config.runtime, init_from=str(path))
  return dataclasses.replace(config, runtime=runtime)


def _same(a, b):
  return all(
    np.array_equal(x, y)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
  )


def test_hard_attention_takes_the_convolutions_only(source):
  path, theirs = source
  config = _from(path, _config('darqn_hard'))
  initial_parameters.check(config)
  start = _snapshot(config)
  made = initial_parameters.load_into(config, start)
  assert _same(made.state.params['torso'], theirs['torso'])
  assert not _same(start.state.params['torso'], theirs['torso'])
  for name in start.state.params:
    if name != 'torso':
      assert _same(made.state.params[name], start.state.params[name]), name
  assert _same(made.state.target_params, made.state.params)
  assert made.state.learner_steps == made.counters.learner_steps == 0


def test_the_same_agent_takes_everything(source):
  path, theirs = source
  config = _from(path, _config('darqn_soft'))
  start = _snapshot(config)
  made = initial_parameters.load_into(config, start)
  assert _same(made.state.params, theirs)
  assert not _same(start.state.params, theirs)


def _s3ta(size):
  return in_process.catch_config(f'network.reconstruction_size={size}')


def test_a_decoder_that_is_not_there_starts_new(tmp_path):
  path, theirs = _save(_s3ta(0), tmp_path / 'run')
  config = _from(path, _s3ta(4))
  start = _snapshot(config)
  made = initial_parameters.load_into(config, start).state.params
  assert 'reconstruction' not in theirs
  for name in made:
    expected = start.state.params if name == 'reconstruction' else theirs
    assert _same(made[name], expected[name]), name


def test_a_decoder_that_is_there_is_copied_or_left(tmp_path):
  path, theirs = _save(_s3ta(4), tmp_path / 'run')
  same, without = (_from(path, _s3ta(size)) for size in (4, 0))
  made = initial_parameters.load_into(same, _snapshot(same)).state.params
  assert _same(made, theirs)
  made = initial_parameters.load_into(without, _snapshot(without)).state.params
  assert _same(made, {x: theirs[x] for x in theirs if x != 'reconstruction'})
  other = _from(path, _s3ta(5))
  with pytest.raises(errors.ConfigError, match='reconstruction/Dense_1'):
    initial_parameters.load_into(other, _snapshot(other))


def test_a_check_that_hangs_is_one_line(source, monkeypatch):
  path, _ = source
  monkeypatch.setattr(initial_parameters, '_CHECK_SECONDS', 0.1)
  with pytest.raises(errors.ConfigError, match=r'within 0\.1 seconds'):
    initial_parameters.check(_from(path, _config('darqn_hard')))


def test_other_shapes_are_refused_by_name(source):
  path, _ = source
  config = _from(path, _config('darqn_hard', 'network.conv_channels=2,6'))
  with pytest.raises(errors.ConfigError) as caught:
    initial_parameters.check(config)
  words = str(caught.value)
  assert 'torso/conv_1/kernel: [3, 3, 2, 4] there, [3, 3, 2, 6] now' in words
  assert 'torso/conv_0' not in words and 'core' not in words
  assert '\n' not in words
  with pytest.raises(errors.ConfigError, match='torso/conv_1/bias'):
    initial_parameters.load_into(config, _snapshot(config))


def test_a_run_that_is_none_is_refused_at_once(tmp_path, monkeypatch):
  monkeypatch.setattr(initial_parameters.children, 'run', None)
  # Nothing stands beside it whose name could be meant.
  path = tmp_path / 'alone'
  path.mkdir()
  config = _from(path, _config('darqn_hard'))
  with pytest.raises(errors.ConfigError, match='is no run'):
    initial_parameters.check(config)


def test_a_damaged_checkpoint_is_refused_before_anything_starts(
  source, tmp_path
):
  path = shutil.copytree(source[0], tmp_path / 'run')
  (checkpoint,) = (path / 'checkpoints').iterdir()
  # Names and shapes stand elsewhere, and are whole.
  for file in checkpoint.rglob('d/*'):
    os.truncate(file, file.stat().st_size // 2)
  config = _from(path, _config('darqn_soft'))
  with pytest.raises(
    errors.ConfigError, match=rf'checkpoint {checkpoint} is damaged'
  ):
    initial_parameters.check(config)

"""Whole runs of the old form: converted whole, or left as they were."""

import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from attn_agents import experiment
from attn_agents.runs import (
  checkpoints,
  conversion,
  old_configs,
  run_directory,
  saved_runs,
  snapshots,
)
from configs import errors
from tests.runs import old_runs

_ROOT = pathlib.Path(__file__).parents[2]


def _files(path):
  """A hash of each file below a directory, by its name there."""
  return {
    str(file.relative_to(path)): hashlib.md5(file.read_bytes()).hexdigest()
    for file in sorted(path.rglob('*'))
    if file.is_file()
  }


def _old_arrays(directory, step):
  """The arrays of an old checkpoint as they stand there."""
  manager = ocp.CheckpointManager(directory, item_names=('state', 'meta'))
  args = ocp.args.Composite(
    state=ocp.args.StandardRestore(), meta=ocp.args.JsonRestore()
  )
  restored = manager.restore(step, args=args)
  manager.close()
  return [np.asarray(x) for x in restored['state']], restored['meta']


def _restore(run, directory, step):
  parts = experiment.Experiment(run.config())
  checkpointer = checkpoints.Checkpointer(directory)
  snapshot = checkpointer.restore(parts.state_spec(), step)
  checkpointer.close()
  return snapshot


@pytest.mark.parametrize(
  ('name', 'count'), [('appo', '3 checkpoints;'), ('dqn', '1 checkpoint')]
)
def test_every_checkpoint_is_the_same_bit_for_bit(tmp_path, name, count):
  old = old_runs.copy(name, tmp_path)
  out = tmp_path / 'out'
  before = _files(old)
  said = conversion.convert(old, out)
  assert said.startswith(f'converted {out}: ')
  assert f', {count}' in said
  assert said.endswith(count) == (name == 'dqn')
  assert {**_files(old), 'lock': ''} == {**before, 'lock': ''}
  run = run_directory.RunDirectory(out)
  for part in ('checkpoints', 'best'):
    steps = saved_runs.steps(old / part)
    assert saved_runs.steps(out / part) == steps
    for step in steps:
      arrays, meta = _old_arrays(old / part, step)
      snapshot = _restore(run, out / part, step)
      # The fields of the state are still in the old order.
      new = jax.tree.leaves(snapshot.state)
      assert len(new) == len(arrays) > 10
      for x, y in zip(arrays, new, strict=True):
        np.testing.assert_array_equal(x, y, strict=True)
      assert vars(snapshot.counters) == meta['counters']
      assert list(snapshot.recent_returns) == meta['recent_returns']


@pytest.mark.parametrize('name', ['appo', 'dqn'])
def test_everything_else_is_copied(tmp_path, name):
  old = old_runs.copy(name, tmp_path)
  conversion.convert(old, tmp_path / 'out')
  content = run_directory.RunDirectory(tmp_path / 'out').content()
  before = json.loads((old / 'config.json').read_text())
  assert content.pop('converted') == old_configs.NOTE
  assert content.pop('format') == run_directory.FORMAT
  content.pop('config'), before.pop('config')
  assert content == before

  def others(path):
    return {
      file: digest
      for file, digest in _files(path).items()
      if not file.startswith(('checkpoints/', 'best/', 'config.json'))
    }

  assert others(tmp_path / 'out') == others(old)
  assert any('evaluations' in file for file in others(old))
  if name == 'dqn':
    assert any('replay/threads-79' in file for file in others(old))


def test_in_place_the_new_form_replaces_the_old_one(tmp_path):
  old = old_runs.copy('appo', tmp_path)
  # Without --logdir training would look in a directory of appo's.
  assert (
    f'by appo, 3 checkpoints; train it on with --logdir={old}'
    in conversion.convert(old)
  )
  assert [p.name for p in tmp_path.iterdir()] == ['appo']
  run = run_directory.RunDirectory(old)
  assert run.config().algorithm == 'appo'
  assert _restore(run, run.best, 55).counters.learner_steps == 55
  files = _files(old)
  assert 'form already' in conversion.convert(old)
  assert 'form already' in conversion.convert(old, tmp_path / 'out')
  assert _files(old) == files
  assert not (tmp_path / 'out').exists()


_AFTER_A_SAVE = (
  'checkpoints.Checkpointer.save = after(checkpoints.Checkpointer.save, 2)'
)
_BEFORE_THE_EXCHANGE = 'conversion._exchange = die'
_AFTER_THE_EXCHANGE = 'conversion._exchange = after(conversion._exchange, 1)'
_MOMENTS = (_AFTER_A_SAVE, _BEFORE_THE_EXCHANGE, _AFTER_THE_EXCHANGE)

# A process for each moment, of one that has imported what they need.
_KILLED = """
import os, pathlib, signal, sys
from attn_agents.runs import checkpoints, conversion

def die(*args, **kwargs):
  os.kill(os.getpid(), signal.SIGKILL)

def after(function, count):
  calls = []
  def called(*args, **kwargs):
    result = function(*args, **kwargs)
    calls.append(0)
    if len(calls) == count:
      die()
    return result
  return called

for path, where in zip(sys.argv[1::2], sys.argv[2::2]):
  child = os.fork()
  if not child:
    exec(where)
    conversion.convert(pathlib.Path(path))
    os._exit(0)
  print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.fixture(scope='module')
def killed(tmp_path_factory):
  """A run for each moment at which its conversion was killed."""
  runs = {
    moment: old_runs.copy('appo', tmp_path_factory.mktemp('killed'))
    for moment in _MOMENTS
  }
  done = subprocess.run(
    [
      *(sys.executable, '-c', _KILLED),
      *(str(x) for moment, run in runs.items() for x in (run, moment)),
    ],
    cwd=_ROOT,
    env={**os.environ, 'JAX_PLATFORMS': 'cpu'},
    stdout=subprocess.PIPE,
    text=True,
    check=True,
  )
  codes = [int(line) for line in done.stdout.split()]
  assert codes == [-signal.SIGKILL] * len(_MOMENTS)
  return runs


@pytest.mark.parametrize(
  ('where', 'new'),
  [
    (_AFTER_A_SAVE, False),
    (_BEFORE_THE_EXCHANGE, False),
    (_AFTER_THE_EXCHANGE, True),
  ],
)
def test_killed_at_any_time_a_run_is_whole_in_one_form(killed, where, new):
  old = killed[where]
  if new:
    assert run_directory.RunDirectory(old).config().algorithm == 'appo'
  else:
    before = _files(old_runs.DATA / 'appo')
    assert {**_files(old), 'lock': ''} == {**before, 'lock': ''}
  # The same command finishes, and tidies up.
  conversion.convert(old)
  run = run_directory.RunDirectory(old)
  for step in (109, 163):
    assert _restore(run, run.checkpoints, step).counters.learner_steps == step
  assert [p.name for p in old.parent.iterdir()] == ['appo']


@pytest.mark.parametrize(
  ('text', 'words'),
  [
    ('{"format": ', 'config.json is damaged'),
    ('[1]', 'expected an object in braces'),
    ('{"format": 1}', "lacks 'config'"),
    ('{"config": {"agent": "s3ta"}}', "lacks 'network'"),
  ],
)
def test_a_damaged_config_is_one_line(tmp_path, text, words):
  old = old_runs.copy('appo', tmp_path)
  (old / 'config.json').write_text(text)
  with pytest.raises(errors.ConfigError) as caught:
    conversion.convert(old)
  assert words in str(caught.value)
  assert '\n' not in str(caught.value)
  assert [p.name for p in tmp_path.iterdir()] == ['appo']


def test_a_run_in_use_is_left_alone(tmp_path):
  old = old_runs.copy('appo', tmp_path)
  user = run_directory.RunDirectory(old)
  user.lock()
  with pytest.raises(errors.ConfigError, match='another run is using it'):
    conversion.convert(old)
  assert [p.name for p in tmp_path.iterdir()] == ['appo']


def test_what_is_there_already_is_not_written_over(tmp_path):
  old = old_runs.copy('appo', tmp_path)
  with pytest.raises(errors.ConfigError, match='expected a new directory'):
    conversion.convert(old, tmp_path)


def test_a_file_system_that_cannot_exchange_is_told(tmp_path, monkeypatch):
  old = old_runs.copy('appo', tmp_path)
  before = _files(old)
  monkeypatch.setattr(conversion, '_RENAME_EXCHANGE', 1 << 20)
  with pytest.raises(errors.ConfigError, match=r'\(Invalid arg.*--out='):
    conversion.convert(old)
  assert {**_files(old), 'lock': ''} == {**before, 'lock': ''}
  assert [p.name for p in tmp_path.iterdir()] == ['appo']


def test_files_are_linked_or_copied_and_links_stay_links(tmp_path, monkeypatch):
  old = tmp_path / 'old'
  (old / 'logs').mkdir(parents=True)
  (old / 'logs' / 'best').write_text('told')
  (old / 'newest').symlink_to('logs')
  (old / 'checkpoints').mkdir()

  def copied(name, linked):
    conversion._copy_files(old, tmp_path / name, linked)
    assert (tmp_path / name / 'newest').is_symlink()
    assert not (tmp_path / name / 'checkpoints').exists()
    copy = tmp_path / name / 'logs' / 'best'
    assert copy.read_text() == 'told'
    return copy.samefile(old / 'logs' / 'best')

  assert copied('linked', True)
  assert not copied('copied', False)

  def refuse(source, target):
    raise OSError('no links between file systems')

  monkeypatch.setattr(os, 'link', refuse)
  assert not copied('elsewhere', True)


def test_a_copy_of_a_snapshot_is_compared_bit_by_bit():
  def made(a=0.0, b=1.0, frames=5):
    state = {'a': np.float32([a, 2.0]), 'b': np.float32(b)}
    return snapshots.Snapshot(state, snapshots.Counters(frames=frames))

  assert conversion._same(made(), made())
  assert conversion._same(made(np.nan), made(np.nan))
  for other in (made(-0.0), made(b=3.0), made(frames=6)):
    assert not conversion._same(made(), other)


def _change_config(path, **sections):
  content = json.loads((path / 'config.json').read_text())
  for name, changes in sections.items():
    content['config'][name].update(changes)
  (path / 'config.json').write_text(json.dumps(content))


@pytest.mark.parametrize(
  ('sections', 'words'),
  [
    ({'network': {'hidden_size': 9}}, 'arrays of other shapes'),
    ({'optimizer': {'name': 'centred_rmsprop'}}, 'arrays that config.json'),
    ({'network': {'hiden_size': 9}}, "did you mean 'hidden_size'"),
    ({'learning': {'clip_epsilon': 0.0}}, "without PPO's clip"),
  ],
)
def test_what_cannot_be_converted_stays_as_it_was(tmp_path, sections, words):
  old = old_runs.copy('appo', tmp_path)
  _change_config(old, **sections)
  before = _files(old)
  with pytest.raises(errors.ConfigError) as caught:
    conversion.convert(old)
  assert words in str(caught.value)
  assert '\n' not in str(caught.value)
  assert {**_files(old), 'lock': ''} == {**before, 'lock': ''}
  assert [p.name for p in tmp_path.iterdir()] == ['appo']


def test_what_a_kill_left_beside_a_run_goes_with_the_next_try(tmp_path):
  run = old_runs.copy('dqn', tmp_path)
  conversion.convert(run, None)
  left = run.with_name(f'.{run.name}.converting')
  left.mkdir()
  before = _files(run)
  assert conversion.convert(run, None) == (f'{run} is of this form already')
  assert not left.exists()
  # Another one's is none of ours to remove.
  out = tmp_path / 'out'
  (tmp_path / '.out.converting').mkdir()
  conversion.convert(run, out)
  assert (tmp_path / '.out.converting').exists() and not out.exists()
  assert _files(run) == before

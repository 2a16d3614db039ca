import errno
import fcntl
import importlib.metadata
import json
import os
import pathlib
import shlex
import subprocess
import sys
import threading
import types as stdlib_types

import jax
import pytest

from attn_agents.runs import run_directory
from attn_agents.utils import disk, machine
from configs import errors, overrides, resolution
from tests import full_disk

DEVICES = machine.Devices('cpu', 1, 'cpu')


def _config(*settings):
  return resolution.resolve(
    resolution.Request(settings=settings), 'cpu', num_devices=1, cores=2
  )


def _open(path, config):
  run = run_directory.RunDirectory(path)
  run.open(config, DEVICES)
  return run


def test_config_json_says_what_ran_where(tmp_path):
  config = _config('seed=3')
  run = _open(tmp_path / 'run', config)
  text = (run.path / 'config.json').read_text()
  # People read it.
  assert '\n  "seed": 3,\n' in text and text.endswith('}\n')
  content = json.loads(text)
  assert content['seed'] == 3
  assert content['config'] == json.loads(json.dumps(overrides.to_dict(config)))
  assert content['versions']['jax'] == jax.__version__
  assert content['hardware']['cpu']
  assert content['hardware']['cores'] >= 1
  assert content['hardware']['device_platform'] == 'cpu'
  assert {'git_commit', 'started'} <= set(content)
  assert [shlex.split(line) for line in content['commands']] == [sys.argv]
  assert run.config() == config


def test_the_same_config_continues_and_starts_are_counted(tmp_path):
  config = _config()
  run = run_directory.RunDirectory(tmp_path / 'run')
  assert run.check(config) is False
  run = _open(tmp_path / 'run', config)
  assert run.starts() == 1
  del run
  again = run_directory.RunDirectory(tmp_path / 'run')
  assert again.check(_config('max_frames=99', 'runtime.num_actors=4')) is True
  again.open(config, DEVICES)
  assert again.starts() == 2
  content = json.loads((again.path / 'config.json').read_text())
  assert len(content['commands']) == len(content['started']) == 2


def test_another_config_is_refused_with_the_differing_fields(tmp_path):
  _open(tmp_path, _config())
  run = run_directory.RunDirectory(tmp_path)
  with pytest.raises(errors.ConfigError) as caught:
    run.check(_config('learning.discount=0.9', 'seed=4'))
  assert 'learning.discount: 0.99 there, 0.9 now' in str(caught.value)
  assert 'seed: 0 there, 4 now' in str(caught.value)


def test_a_directory_of_something_else_is_refused(tmp_path):
  (tmp_path / 'thesis.tex').write_text('do not touch')
  with pytest.raises(errors.ConfigError, match=r'thesis\.tex'):
    run_directory.RunDirectory(tmp_path).check(_config())
  file = tmp_path / 'file'
  file.write_text('')
  with pytest.raises(errors.ConfigError, match='expected a directory'):
    run_directory.RunDirectory(file).check(_config())


def test_two_runs_cannot_share_a_directory(tmp_path):
  code = (
    'from attn_agents.runs import run_directory\n'
    'from tests.runs import run_directory_test as t\n'
    f'run = t._open({str(tmp_path)!r}, t._config())\n'
    'print("open", flush=True)\n'
    'input()\n'
  )
  root = pathlib.Path(run_directory.__file__).parents[2]
  other = subprocess.Popen(
    [sys.executable, '-c', code], cwd=root,
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
  )  # fmt: skip
  try:
    assert other.stdout.readline() == 'open\n'
    with pytest.raises(errors.ConfigError, match='another run is using it'):
      _open(tmp_path, _config())
    # The one that has it goes on undisturbed.
    assert run_directory.RunDirectory(tmp_path).starts() == 1
  finally:
    other.communicate('\n', timeout=10)
  _open(tmp_path, _config())


def test_a_start_that_was_cut_short_does_not_spoil_the_directory(tmp_path):
  for name in ('lock', 'config.partial'):
    (tmp_path / name).write_text('{')
  run = run_directory.RunDirectory(tmp_path)
  assert run.check(_config()) is False
  run.open(_config(), DEVICES)
  assert run.check(_config()) is True


def test_a_run_begins_where_its_key_has_been_made(tmp_path):
  for name in ('keys', 'keys.cut_short'):
    (tmp_path / name).mkdir()
    (tmp_path / name / 'learner.pem').touch()
  run = run_directory.RunDirectory(tmp_path)
  assert run.check(_config()) is False
  run.open(_config(), DEVICES)
  run.remove_unfinished()
  assert run.check(_config()) is True


def test_a_look_at_the_lock_refuses_no_start(tmp_path):
  path = tmp_path / 'lock'
  path.touch()
  with path.open() as looks:
    fcntl.flock(looks, fcntl.LOCK_SH)
    threading.Timer(0.3, fcntl.flock, [looks, fcntl.LOCK_UN]).start()
    run = run_directory.RunDirectory(tmp_path)
    run.lock()
  assert run.is_locked()
  with pytest.raises(errors.ConfigError, match='another run is using it'):
    run_directory.RunDirectory(tmp_path).lock()


def test_a_start_waits_a_second_for_those_who_look(tmp_path, monkeypatch):
  class Clock:
    now, sleeps = 100.0, ()

    def monotonic(self):
      self.now += 1e-4
      return self.now

    def sleep(self, seconds):
      self.sleeps += (seconds,)
      self.now += seconds

  clock = Clock()
  run = run_directory.RunDirectory(tmp_path)
  assert run.is_locked() is False, 'there is no file'
  (tmp_path / 'lock').touch()
  assert run.is_locked() is False, 'nobody holds it'
  with (tmp_path / 'lock').open() as other:
    fcntl.flock(other, fcntl.LOCK_EX)
    monkeypatch.setattr(run_directory, 'time', clock)
    with pytest.raises(errors.ConfigError, match='another run is using it'):
      run.lock()
  assert 1 <= sum(clock.sleeps) <= 1.05 + 1e-9
  assert max(clock.sleeps) <= 0.05
  run.lock()
  assert run_directory.RunDirectory(tmp_path).is_locked() is True


def test_a_config_of_many_megabytes_is_not_read(tmp_path):
  path = tmp_path / 'config.json'
  path.touch()
  for size, words in (
    (10_000_000, 'is damaged: Expecting value'),
    (10_000_001, 'is damaged: 10,000,001 bytes'),
  ):
    os.truncate(path, size)
    with pytest.raises(errors.ConfigError, match=words):
      run_directory.RunDirectory(tmp_path).content_of_any_format()


def test_versions_are_of_what_is_installed(monkeypatch):
  version = importlib.metadata.version

  def of(package):
    if package == 'jax':
      raise importlib.metadata.PackageNotFoundError
    return version(package)

  monkeypatch.setattr(importlib.metadata, 'version', of)
  found = run_directory.versions()
  assert 'jax' not in found
  assert found['numpy'] == version('numpy')


def test_the_commit_says_whether_files_differ_from_it(tmp_path, monkeypatch):
  root = tmp_path / 'checkout'
  file = root / 'package' / 'runs' / 'run_directory.py'
  file.parent.mkdir(parents=True)
  file.touch()
  monkeypatch.setattr(run_directory, '__file__', str(file))
  said, calls = {}, []

  def run(command, **options):
    assert command[:3] == ['git', '-C', str(root)]
    calls.append(command[3:])
    found = said[command[3]]
    if isinstance(found, Exception):
      raise found
    kept = options == {'capture_output': True, 'text': True, 'check': True}
    return stdlib_types.SimpleNamespace(stdout=f'{found}\n' if kept else None)

  monkeypatch.setattr(subprocess, 'run', run)
  said.update({'rev-parse': '0123abc', 'status': ''})
  assert run_directory.git_commit() == '0123abc'
  assert calls == [['rev-parse', 'HEAD'], ['status', '-s']]
  said['status'] = ' M package/a.py'
  assert run_directory.git_commit() == '0123abc+'
  # No checkout, or no Git.
  for error in (subprocess.CalledProcessError(128, 'git'), OSError('no git')):
    said['rev-parse'] = error
    assert run_directory.git_commit() == ''


def test_a_lock_that_is_held_is_not_let_go_to_lock_again(tmp_path, monkeypatch):
  run = run_directory.RunDirectory(tmp_path)
  run.lock()
  with monkeypatch.context() as patch:
    patch.setattr(fcntl, 'flock', None)
    run.lock()
  assert run_directory.RunDirectory(tmp_path).is_locked()


def test_a_start_on_a_full_disk_takes_the_room_of_what_kills_left(
  tmp_path, monkeypatch
):
  _open(tmp_path, _config())
  left = tmp_path / 'checkpoints' / '4.orbax-checkpoint-tmp'
  left.mkdir()
  write_text = pathlib.Path.write_text

  def refuse(path, text):
    if left.exists():
      raise OSError(errno.ENOSPC, 'No space left on device')
    return write_text(path, text)

  with monkeypatch.context() as patch:
    patch.setattr(pathlib.Path, 'write_text', refuse)
    _open(tmp_path, _config())
  assert run_directory.RunDirectory(tmp_path).starts() == 2

  def refuse_all(path, text):
    raise OSError(errno.ENOSPC, 'No space left on device')

  monkeypatch.setattr(pathlib.Path, 'write_text', refuse_all)
  with pytest.raises(disk.StorageError, match=rf'no room in {tmp_path} \('):
    _open(tmp_path, _config())
  assert run_directory.RunDirectory(tmp_path).starts() == 2


def test_seeds_without_room_are_not_cut(tmp_path):
  run = _open(tmp_path, _config())
  run.record_seeds(start=1, actor=0)
  with full_disk.without_room(room=2), pytest.raises(disk.StorageError):
    run.record_seeds(start=1, actor=1)
  run.record_seeds(start=1, actor=2)
  text = (tmp_path / 'seeds.csv').read_text()
  assert text == 'start,actor\n1,0\n1,2\n'


def test_seeds_of_every_start_are_kept(tmp_path):
  run = _open(tmp_path, _config())
  for start in (1, 2):
    run.record_seeds(start=start, actor=0, policy=5 * start)
  assert (tmp_path / 'seeds.csv').read_text() == (
    'start,actor,policy\n1,0,5\n2,0,10\n'
  )


@pytest.mark.parametrize('text', ['{"format": ', '[1]', ''])
def test_a_damaged_config_is_refused_in_one_line(tmp_path, text):
  (tmp_path / 'config.json').write_text(text)
  with pytest.raises(errors.ConfigError, match='is damaged') as caught:
    run_directory.RunDirectory(tmp_path).config()
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
  ('change', 'words'),
  [
    ({'config': None}, 'expected a config, an object in braces'),
    ({'config': []}, 'expected a config, an object in braces'),
    ({'config': {'agent': 5}}, 'the name of its agent'),
    ({'config': {'agent': 's3ta', 'preset': 'small'}}, 'of its algorithm'),
    ({'format': 'two'}, "format='two': expected an integer"),
  ],
)
def test_a_config_of_another_form_is_refused_in_one_line(
  tmp_path, change, words
):
  run = _open(tmp_path / 'run', _config())
  content = json.loads((run.path / 'config.json').read_text())
  (run.path / 'config.json').write_text(json.dumps({**content, **change}))
  with pytest.raises(errors.ConfigError, match=words) as caught:
    run.config()
  assert str(run.path) in str(caught.value)


def test_a_wrong_field_is_refused_with_the_file_that_has_it(tmp_path):
  run = _open(tmp_path / 'run', _config())
  content = json.loads((run.path / 'config.json').read_text())
  content['config']['learning']['unroll_length'] = 'ten'
  (run.path / 'config.json').write_text(json.dumps(content))
  with pytest.raises(
    errors.ConfigError, match=r'run/config.json: .*unroll_length=.*integer'
  ):
    run.config()


def test_what_is_no_directory_or_cannot_be_written_is_refused(
  tmp_path, monkeypatch
):
  file = tmp_path / 'file'
  file.touch()
  for path in (file, file / 'below' / 'run'):
    with pytest.raises(errors.ConfigError, match=f'{file} is a file'):
      run_directory.RunDirectory(path).check(_config())
  # As the system answers; root may write whatever modes say.
  monkeypatch.setattr(os, 'access', lambda path, mode: path != tmp_path)
  for path in (tmp_path, tmp_path / 'a' / 'run'):
    with pytest.raises(
      errors.ConfigError, match=f'{tmp_path} cannot be written'
    ):
      run_directory.RunDirectory(path).check(_config())
  assert sorted(tmp_path.iterdir()) == [file]

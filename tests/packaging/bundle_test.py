"""What `make bundle` makes installs without internet, and nothing else does."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest

_ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(_ROOT / 'requirements'))

import make_bundle  # noqa: E402


def _wheel(directory: pathlib.Path, name: str) -> pathlib.Path:
  path = directory / f'{name}-1.2.3-py3-none-any.whl'
  info = f'{name}-1.2.3.dist-info'
  with zipfile.ZipFile(path, 'w') as wheel:
    wheel.writestr(f'{name}.py', 'answer = 42\n')
    wheel.writestr(
      f'{info}/METADATA',
      f'Metadata-Version: 2.1\nName: {name}\nVersion: 1.2.3\n',
    )
    wheel.writestr(
      f'{info}/WHEEL',
      'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    )
    wheel.writestr(f'{info}/RECORD', '')
  return path


def _pip(*arguments: str) -> subprocess.CompletedProcess:
  return subprocess.run(
    [sys.executable, '-m', 'pip', '--disable-pip-version-check', *arguments],
    capture_output=True,
    text=True,
    timeout=120,
    check=False,
  )


def test_pip_installs_from_the_wheels_and_their_lock_alone(tmp_path):
  path = _wheel(tmp_path, 'some_package')
  lock = tmp_path / 'requirements.txt'
  lock.write_text(make_bundle.lock_of(tmp_path))
  digest = hashlib.sha256(path.read_bytes()).hexdigest()
  assert lock.read_text() == (f'some_package==1.2.3 --hash=sha256:{digest}\n')
  install = (
    *('install', '--require-hashes', '--no-index', f'--find-links={tmp_path}'),
    *('-r', str(lock), f'--target={tmp_path / "to"}'),
  )
  done = _pip(*install)
  assert done.returncode == 0, done.stderr
  assert (tmp_path / 'to' / 'some_package.py').exists()
  with zipfile.ZipFile(path, 'a') as wheel:
    wheel.writestr('more.py', '')
  done = _pip(*install, '--upgrade')
  assert done.returncode != 0
  assert 'hash' in done.stderr.lower()


def _plan(directory: pathlib.Path, *arguments: str) -> str:
  """What `make` would do there, in a copy of the files that it looks at."""
  shutil.copy(_ROOT / 'Makefile', directory)
  shutil.copy(_ROOT / 'setup.py', directory)
  shutil.copytree(
    _ROOT / 'requirements', directory / 'requirements', dirs_exist_ok=True
  )
  env = {
    k: v for k, v in os.environ.items() if k not in ('VARIANT', 'MAKEFLAGS')
  }
  done = subprocess.run(
    ['make', '-n', 'setup', *arguments],
    cwd=directory,
    env=env,
    capture_output=True,
    text=True,
    timeout=60,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  return done.stdout


def test_where_a_bundle_lies_it_is_all_that_is_installed_from(tmp_path):
  assert '--no-index' not in _plan(tmp_path)
  place = tmp_path / 'bundle' / 'tpu'
  place.mkdir(parents=True)
  (place / 'requirements.txt').write_text('')
  plan = _plan(tmp_path)
  assert '--no-index --find-links=bundle/tpu' in plan
  assert '-r bundle/tpu/requirements.txt' in plan
  assert '.venv/.runtime-tpu' in plan
  # One that there are no wheels of comes from the registry, as ever.
  assert '--no-index' not in _plan(tmp_path, 'VARIANT=cuda12')


def _confined(*command: str, cwd: pathlib.Path, seconds: float) -> str:
  """Runs it where there is no network but loopback; its output."""
  script = 'ip link set lo up && exec "$@"'
  done = subprocess.run(
    ['unshare', '--net', 'sh', '-c', script, 'sh', *command],
    cwd=cwd,
    capture_output=True,
    text=True,
    timeout=seconds,
    check=False,
  )
  assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
  return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(2400)
@pytest.mark.skipif(os.geteuid() != 0, reason='wants a network of its own')
def test_a_bundle_trains_without_a_network(tmp_path):
  made = subprocess.run(
    ['make', 'bundle', f'ARGS=--out={tmp_path}'],
    cwd=_ROOT,
    timeout=1200,
    check=False,
  )
  assert made.returncode == 0
  (tar,) = tmp_path.glob('*.tar')
  shutil.unpack_archive(tar, tmp_path)
  there = tmp_path / 'attn_agents'
  _confined('make', 'setup', cwd=there, seconds=1200)
  said = _confined('make', 'doctor', cwd=there, seconds=600)
  assert 'all 15 passed' in said
  flags = f'--game=catch --preset=small --max_frames=4000 --logdir={tmp_path}/r'
  said = _confined('make', 'train', f'ARGS={flags}', cwd=there, seconds=600)
  assert 'done; checkpoint saved' in said

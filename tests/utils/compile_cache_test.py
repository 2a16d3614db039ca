"""What is compiled once is read the next time, and only by who may read it."""

import importlib.metadata
import os
import subprocess
import sys
import time
import zlib

import pytest

from attn_agents.utils import compile_cache, machine

_COMPILE = """
import attn_agents, jax
from jax import monitoring
seen = []
monitoring.register_event_listener(lambda name, **_: seen.append(name))
x = jax.jit(lambda x: x @ x + 41)(jax.numpy.eye(3))
print(sum('/cache_hits' in name for name in seen), int(x[0, 0]))
"""


@pytest.fixture
def caches(tmp_path, monkeypatch):
  """A directory of caches of its own, and no settings of JAX's cache."""
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  for name in list(os.environ):
    if name.startswith(('JAX_COMPILATION_CACHE', 'JAX_PERSISTENT_CACHE')):
      monkeypatch.delenv(name)
  # `use` sets variables that monkeypatch does not know: it may forget them.
  before = dict(os.environ)
  yield tmp_path
  os.environ.clear()
  os.environ.update(before)


def _hits_of_a_process():
  environment = {
    **os.environ,
    'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
  }
  done = subprocess.run(
    [sys.executable, '-c', _COMPILE], env=environment, text=True,
    capture_output=True, check=True,
  )  # fmt: skip
  hits, result = map(int, done.stdout.split())
  assert result == 42
  return hits, done.stderr


def test_a_second_process_compiles_nothing(caches):
  assert _hits_of_a_process()[0] == 0
  (directory,) = (caches / 'attn_agents').iterdir()
  assert directory.stat().st_mode & 0o777 == 0o700
  assert list(directory.glob('*-cache'))
  hits, said = _hits_of_a_process()
  assert hits > 0
  assert said == ''


@pytest.mark.parametrize(
  'change',
  [
    lambda patch: patch.setattr(machine, 'cores', lambda: 77),
    lambda patch: patch.setattr(
      machine, 'cpu_info', lambda name: f'new {name}'
    ),
    lambda patch: patch.setattr(importlib.metadata, 'version', lambda _: '9.9'),
  ],
  ids=['cores', 'CPU', 'jaxlib'],
)
def test_another_machine_or_version_has_another_directory(
  caches, monkeypatch, change
):
  before = compile_cache.place()
  change(monkeypatch)
  assert compile_cache.place() != before


def test_a_directory_of_the_user_stays(caches, monkeypatch):
  monkeypatch.setenv(compile_cache.DIRECTORY, 'mine')
  compile_cache.use()
  assert os.environ[compile_cache.DIRECTORY] == 'mine'
  assert not list(caches.iterdir())


def test_where_others_may_write_nothing_is_kept(caches):
  compile_cache.place().mkdir(parents=True)
  compile_cache.place().chmod(0o777)
  compile_cache.use()
  assert compile_cache.DIRECTORY not in os.environ


def test_where_nobody_may_write_nothing_is_kept(caches):
  (caches / 'attn_agents').write_text('a file')
  compile_cache.use()
  assert compile_cache.DIRECTORY not in os.environ


def _entry(name, data, age):
  path = compile_cache.place() / f'{name}-cache'
  path.write_bytes(data)
  settled = path.stat().st_mtime - 1_000 - age
  os.utime(path, (settled, settled))
  return path


def test_entries_cut_short_and_the_oldest_are_removed(caches, monkeypatch):
  compile_cache.use()
  whole = zlib.compress(os.urandom(1_000))
  newest = _entry('newest', whole, 0)
  cut = _entry('cut', whole[:-50], 10)
  older = _entry('older', whole, 20)
  oldest = _entry('oldest', whole, 30)
  being_written = _entry('written', whole[:-50], -1_000)
  compile_cache.tidy(most_bytes=3_500)
  assert not cut.exists()
  assert all(path.exists() for path in (newest, older, being_written))
  assert not oldest.exists()
  # Nobody is writing it ten minutes later.
  later = time.time() + 600
  monkeypatch.setattr(time, 'time', lambda: later)
  compile_cache.tidy(most_bytes=3_500)
  assert not being_written.exists()


def test_the_directory_of_a_user_is_not_tidied(caches, monkeypatch):
  compile_cache.use()
  cut = _entry('cut', b'x', 0)
  monkeypatch.setenv(compile_cache.DIRECTORY, 'mine')
  compile_cache.tidy(most_bytes=0)
  assert cut.exists()

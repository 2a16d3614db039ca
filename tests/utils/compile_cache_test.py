"""What is compiled once is read the next time, and only by who may read it."""

import importlib.metadata
import os
import re
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
  version = importlib.metadata.version('jaxlib')
  assert before.parent == caches / 'attn_agents'
  assert re.fullmatch(f'xla-{version}-[0-9a-f]{{16}}', before.name)
  change(monkeypatch)
  assert compile_cache.place() != before


@pytest.mark.usefixtures('caches')
@pytest.mark.parametrize('entry', ['model name', 'flags', 'Features'])
def test_a_cpu_is_told_by_all_that_the_system_says_of_it(monkeypatch, entry):
  """ARM's kernel has other names."""
  found, said = set(), {}
  monkeypatch.setattr(machine, 'cpu_info', lambda name: said.get(name, ''))
  for said[entry] in ('one', 'two'):
    found.add(compile_cache.place())
  assert len(found) == 2


@pytest.mark.usefixtures('caches')
def test_caches_are_in_the_home_unless_said_otherwise(tmp_path, monkeypatch):
  monkeypatch.delenv('XDG_CACHE_HOME')
  monkeypatch.setenv('HOME', str(tmp_path / 'home'))
  place = compile_cache.place()
  assert place.parent == tmp_path / 'home' / '.cache' / 'attn_agents'


def test_a_directory_of_the_user_stays(caches, monkeypatch):
  monkeypatch.setenv(compile_cache.DIRECTORY, 'mine')
  compile_cache.use()
  assert os.environ[compile_cache.DIRECTORY] == 'mine'
  assert not list(caches.iterdir())


@pytest.mark.usefixtures('caches')
@pytest.mark.parametrize(
  ('mode', 'kept'),
  [(0o777, False), (0o720, False), (0o702, False), (0o755, True)],
)
def test_where_others_may_write_nothing_is_kept(mode, kept):
  compile_cache.place().mkdir(parents=True)
  compile_cache.place().chmod(mode)
  compile_cache.use()
  found = os.environ.get(compile_cache.DIRECTORY)
  assert found == (str(compile_cache.place()) if kept else None)
  minimum = os.environ.get('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS')
  assert minimum == ('0.2' if kept else None)


@pytest.mark.usefixtures('caches')
def test_another_users_directory_is_not_taken(monkeypatch):
  user = os.geteuid() + 1
  monkeypatch.setattr(os, 'geteuid', lambda: user)
  compile_cache.use()
  assert compile_cache.DIRECTORY not in os.environ


@pytest.mark.usefixtures('caches')
@pytest.mark.parametrize('lacking', [os.W_OK, os.X_OK])
def test_a_directory_that_this_user_may_not_write_is_not_taken(
  monkeypatch, lacking
):
  # As the system answers; root may write whatever modes say.
  monkeypatch.setattr(os, 'access', lambda path, mode: not mode & lacking)
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


def _written_at(name, data, when):
  path = _entry(name, data, 0)
  os.utime(path, (when, when))
  return path


@pytest.mark.usefixtures('caches')
def test_what_may_be_being_written_is_for_the_next_time(monkeypatch):
  compile_cache.use()
  now = 1_000_000_000
  monkeypatch.setattr(time, 'time', lambda: now)
  zstandard = pytest.importorskip('zstandard')
  whole = zstandard.ZstdCompressor().compress(os.urandom(1_000))
  settled = _written_at('settled', whole[:-50], now - 121)
  may_not_be = _written_at('may_not_be', whole[:-50], now - 120)
  sound = _written_at('sound', whole, now - 130)
  compile_cache.tidy()
  assert [p.exists() for p in (settled, may_not_be, sound)] == [
    False, True, True
  ]  # fmt: skip
  # What has been looked at is not read again.
  looked_at = _written_at('looked_at', whole[:-50], now - 121)
  now += 600
  with monkeypatch.context() as without:
    # Where nobody can tell, it stays.
    without.setitem(sys.modules, 'zstandard', None)
    compile_cache.tidy()
  assert may_not_be.exists()
  os.utime(compile_cache.place() / 'checked', (now - 720, now - 720))
  compile_cache.tidy()
  assert [p.exists() for p in (looked_at, may_not_be, sound)] == [
    True, False, True
  ]  # fmt: skip


@pytest.mark.usefixtures('caches')
def test_a_gibibyte_is_kept(monkeypatch):
  compile_cache.use()
  now = 1_000_000_000
  monkeypatch.setattr(time, 'time', lambda: now)
  # What is older than this has been looked at.
  checked = compile_cache.place() / 'checked'
  checked.touch()
  os.utime(checked, (now - 5_000, now - 5_000))
  cut = _written_at('cut', b'x', now - 1_000)
  large = _entry('large', b'', 0)
  os.truncate(large, 2**30 - 5)
  os.utime(large, (now - 6_000, now - 6_000))
  rest = _written_at('rest', b'12345', now - 7_000)
  more = _written_at('more', b'1', now - 8_000)
  compile_cache.tidy()
  # The one that was cut short takes no room.
  assert [p.exists() for p in (cut, large, rest, more)] == [
    False, True, True, False
  ]  # fmt: skip


@pytest.mark.usefixtures('caches')
def test_one_that_is_gone_already_does_not_spare_the_others():
  compile_cache.use()
  whole = zlib.compress(b'x')
  for age, data in enumerate((whole, whole[:-2], whole)):
    _entry(str(age), data, age)
  compile_cache.tidy(most_bytes=0)
  assert [p.name for p in compile_cache.place().iterdir()] == ['checked']

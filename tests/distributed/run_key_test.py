"""A run's key: made once, for its owner only, and checked when it is read."""

import hashlib
import os
import pathlib
import shutil
import ssl
import stat
import subprocess
import sys

import pytest
from cryptography import x509

from attn_agents.distributed import run_key
from configs import errors
from tests.distributed import open_files

_ROOT = pathlib.Path(__file__).parents[2]
_NOBODY = 65534


@pytest.fixture(scope='module')
def made(tmp_path_factory):
  """The directory of a run that has a key."""
  logdir = tmp_path_factory.mktemp('run')
  run_key.make_or_load(logdir)
  return logdir


@pytest.fixture(name='path')
def _path(made, tmp_path) -> pathlib.Path:
  """A copy of an actor host's half, to be spoilt."""
  path = tmp_path / 'actor.pem'
  shutil.copy2(run_key.paths(made)['actor'], path)
  return path


def _refused(path: pathlib.Path, role: str = 'actor') -> str:
  with pytest.raises(errors.ConfigError) as caught:
    run_key.load(path, role)
  line = str(caught.value)
  assert '\n' not in line
  assert line.startswith(f'--key={path}')
  return line


def test_the_first_start_makes_what_later_ones_load(tmp_path):
  first = run_key.make_or_load(tmp_path)
  files = {path: path.read_bytes() for path in run_key.paths(tmp_path).values()}
  assert run_key.make_or_load(tmp_path) == first
  der = ssl.PEM_cert_to_DER_cert(first.authority)
  assert first.run == hashlib.sha256(der).hexdigest()[:12]
  assert (first.path, first.role) == (
    str(tmp_path / 'keys' / 'learner.pem'), 'learner'
  )  # fmt: skip
  assert {path: path.read_bytes() for path in files} == files
  other = run_key.load(run_key.paths(tmp_path)['actor'], 'actor')
  assert other.run == first.run
  assert other.authority == first.authority


def test_two_runs_have_two_keys(made, tmp_path):
  assert run_key.make_or_load(tmp_path).run != run_key.make_or_load(made).run


def test_nobody_else_may_read_it_whatever_the_umask(tmp_path):
  before = os.umask(0)
  try:
    run_key.make_or_load(tmp_path)
  finally:
    os.umask(before)
  for path in run_key.paths(tmp_path).values():
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
  assert [path.name for path in tmp_path.iterdir()] == ['keys']


def test_openssl_takes_both_halves(made):
  """Its own program reads the files, and follows what they say of whom."""
  if not shutil.which('openssl'):
    pytest.skip('no `openssl` program')
  purposes = {'learner': 'sslserver', 'actor': 'sslclient'}
  authority = made / 'authority.pem'
  authority.write_text(run_key.make_or_load(made).authority)
  for role, path in run_key.paths(made).items():
    for purpose in purposes.values():
      done = subprocess.run(
        ['openssl', 'verify', '-purpose', purpose, '-CAfile', authority, path],
        capture_output=True, text=True, check=False,
      )  # fmt: skip
      assert (done.returncode == 0) == (purposes[role] == purpose), done
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.load_cert_chain(path)


def test_no_authority_is_left_that_could_sign_a_third(made):
  for path in run_key.paths(made).values():
    assert path.read_text().count('PRIVATE KEY-----') == 2


_MAKE = """
import sys, time
from attn_agents.distributed import run_key
from cryptography.hazmat.primitives.asymmetric import ec
print(flush=True)
sys.stdin.readline()
print(run_key.make_or_load(sys.argv[1]).run)
"""


def test_hosts_that_start_at_once_have_one_key(tmp_path):
  command = [sys.executable, '-c', _MAKE, str(tmp_path)]
  hosts = [
    subprocess.Popen(
      command, cwd=_ROOT, text=True,
      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )
    for _ in range(3)
  ]  # fmt: skip
  for host in hosts:
    assert host.stdout is not None
    host.stdout.readline()
  runs = set()
  for host in hosts:
    assert host.stdin is not None
    host.stdin.write('\n')
    host.stdin.flush()
  for host in hosts:
    runs.add(host.communicate()[0])
    assert host.returncode == 0
  assert len(runs) == 1
  assert [path.name for path in tmp_path.iterdir()] == ['keys']


def test_a_key_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
  def fail(path: pathlib.Path, text: str) -> None:
    # On the same disk, so that both can appear in one step.
    assert path.parent.parent == tmp_path
    assert path.parent.name.startswith('keys.')
    path.write_text(text[:100])
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(run_key, '_write_private', fail)
  with pytest.raises(OSError, match='No space'):
    run_key.make_or_load(tmp_path)
  assert list(tmp_path.iterdir()) == []


def test_the_control_is_read(path):
  assert run_key.load(path, 'actor').role == 'actor'
  path.chmod(0o400)
  assert run_key.load(path, 'actor').path == str(path)


@pytest.mark.parametrize('mode', [0o640, 0o604, 0o610, 0o601, 0o777])
def test_a_key_that_others_may_read_is_refused(path, mode):
  path.chmod(mode)
  line = _refused(path)
  assert f'mode {mode:04o}' in line
  assert f'chmod 600 {path}' in line


def test_a_missing_key_names_what_makes_it(tmp_path):
  line = _refused(tmp_path / 'no.pem')
  assert 'no such file' in line
  assert 'launch/run_key.py' in line


@pytest.mark.parametrize('make', [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_no_key(tmp_path, make):
  make(tmp_path / 'x', 0o600)
  assert 'expected a file' in _refused(tmp_path / 'x')


@pytest.mark.skipif(os.getuid() != 0, reason='looking as another needs root')
def test_a_key_of_root_is_taken(path, monkeypatch):
  monkeypatch.setattr(os, 'geteuid', lambda: _NOBODY)
  assert run_key.load(path, 'actor').role == 'actor'


@pytest.mark.skipif(os.getuid() != 0, reason='giving files away needs root')
def test_a_key_of_another_user_is_refused(path):
  os.chown(path, _NOBODY, -1)
  assert f'belongs to user {_NOBODY}' in _refused(path)


@pytest.mark.parametrize('role', ['actor', 'learner'])
def test_the_other_half_is_refused(made, role):
  other = {'actor': 'learner', 'learner': 'actor'}[role]
  line = _refused(run_key.paths(made)[other], role)
  assert f'is the key of {other} hosts; expected that of {role} hosts' in line


def test_a_key_cut_short_anywhere_is_damaged(path):
  data = path.read_bytes()
  # The end of the last line is no part of what it says.
  for size in (*range(0, len(data) - 1, 97), len(data) - 2):
    path.write_bytes(data[:size])
    assert 'is damaged' in _refused(path)


def test_a_key_of_two_runs_is_damaged(path, tmp_path):
  run_key.make_or_load(tmp_path / 'other')
  begin = '-----BEGIN CERTIFICATE-----'
  mine = path.read_text().split(begin)
  theirs = run_key.paths(tmp_path / 'other')['actor'].read_text().split(begin)
  for part, what in (
    (0, 'its key and its certificate'),
    (1, 'its key and its certificate'),
    (2, 'its certificate and its authority'),
  ):
    mixed = [*mine]
    mixed[part] = theirs[part]
    path.write_text(begin.join(mixed))
    assert f'{what} are of different runs' in _refused(path)


@pytest.mark.parametrize('data', [b'\xff\xfe\x00' * 100, b'x' * 200_000])
def test_what_is_no_key_is_damaged(path, data):
  path.write_bytes(data)
  assert 'is damaged' in _refused(path)


def test_a_run_whose_key_is_spoilt_says_whose_it_is(tmp_path):
  run_key.make_or_load(tmp_path / 'new' / 'run')
  path = run_key.paths(tmp_path / 'new' / 'run')['learner']
  path.write_text('no key')
  with pytest.raises(errors.ConfigError) as caught:
    run_key.make_or_load(tmp_path / 'new' / 'run')
  assert str(caught.value).startswith(f"the run's key {path} is damaged (")


def test_reading_leaves_no_file_open(path):
  with open_files.none_left():
    run_key.load(path, 'actor')
    path.chmod(0o644)
    _refused(path)


def test_a_key_is_on_the_disk_before_it_appears(tmp_path, monkeypatch):
  synced = []

  def sync(file):
    assert not run_key.paths(tmp_path)['actor'].exists()
    synced.append(os.fstat(file).st_size)

  monkeypatch.setattr(os, 'fsync', sync)
  run_key.make_or_load(tmp_path)
  sizes = [path.stat().st_size for path in run_key.paths(tmp_path).values()]
  assert synced == sizes


@pytest.mark.parametrize('role', ['learner', 'actor'])
def test_certificates_have_no_end_and_say_what_they_are_for(made, role):
  _, own, authority = (
    run_key.paths(made)[role].read_text().split('-----BEGIN C')
  )
  begin, usage = '-----BEGIN C', x509.ExtendedKeyUsage
  always = {
    x509.BasicConstraints: True,
    x509.SubjectKeyIdentifier: False,
    x509.AuthorityKeyIdentifier: False,
  }
  for text, name, authorities, expected in (
    (own, role, (False, None), always | {usage: True}),
    # It signs nobody who signs.
    (authority, 'run', (True, 0), always),
  ):
    found = x509.load_pem_x509_certificate((begin + text).encode())
    assert found.subject.rfc4514_string() == f'CN=attn_agents {name}'
    assert found.issuer.rfc4514_string() == 'CN=attn_agents run'
    # RFC 5280, 4.1.2.5; the earlier one for hosts whose clock is wrong.
    assert str(found.not_valid_after_utc) == '9999-12-31 23:59:59+00:00'
    assert str(found.not_valid_before_utc) == '2000-01-01 00:00:00+00:00'
    assert {type(x.value): x.critical for x in found.extensions} == expected
    limits = found.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (limits.value.ca, limits.value.path_length) == authorities

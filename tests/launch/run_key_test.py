"""`launch/run_key.py`: what it makes, prints and refuses."""

import os
import re
import shlex
import stat

import pytest

from attn_agents.distributed import run_key
from tests.launch import commands

_WAYS = ('shared directory', 'scp', 'Slurm, in a job', 'Kubernetes')


@pytest.fixture(name='logdir', scope='module')
def _logdir(tmp_path_factory):
  """A run with a name that shells would take apart."""
  logdir = tmp_path_factory.mktemp('runs') / "my run's $HOME"
  done = commands.run('run_key', f'--logdir={logdir}')
  assert done.returncode == 0, done
  assert done.stderr == ''
  assert done.stdout.startswith('made the key of run ')
  return logdir


def test_a_second_call_finds_what_the_first_made(logdir):
  before = {p: p.read_bytes() for p in run_key.paths(logdir).values()}
  done = commands.run('run_key', f'--logdir={logdir}')
  assert done.stdout.startswith('found the key of run ')
  assert {p: p.read_bytes() for p in before} == before


def test_commands_name_the_file_that_each_host_needs(logdir):
  done = commands.run('run_key', f'--logdir={logdir}')
  files = run_key.paths(logdir)
  for role, path in files.items():
    assert f'{role} hosts need {path}' in done.stdout
  lines = re.findall(r'^  (.{16,18})\s*(\S.+)$', done.stdout, re.MULTILINE)
  assert [name.strip() for name, _ in lines] == 2 * list(_WAYS)
  for index, (_, command) in enumerate(lines):
    path = str(list(files.values())[index // len(_WAYS)])
    # As a shell reads it, without its comment.
    words = shlex.split(command, comments=True)
    assert [w for w in words if w.rpartition('=')[2] == path], words
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_scp_and_sbcast_keep_the_mode(tmp_path):
  ways = dict(run_key_commands(tmp_path))
  assert ways['scp'].startswith('scp -p ')
  assert ways['Slurm, in a job'].startswith('sbcast -p ')
  assert 'defaultMode: 0400' in ways['Kubernetes']


def run_key_commands(tmp_path):
  """The ways of one file."""
  from launch import run_key as command

  return command.commands('actor', tmp_path / 'actor.pem', '0123')


def test_no_logdir_is_refused():
  assert '--logdir is missing' in commands.refused('run_key')


def test_a_file_is_no_logdir(tmp_path):
  (tmp_path / 'x').touch()
  for path in (tmp_path / 'x', tmp_path / 'x' / 'y'):
    assert 'is a file' in commands.refused('run_key', f'--logdir={path}')


def test_what_is_no_key_is_refused(logdir):
  path = run_key.paths(logdir)['actor']
  text = path.read_text()
  try:
    path.write_text(text[:500])
    line = commands.refused('run_key', f'--logdir={logdir}')
  finally:
    path.write_text(text)
  assert f"the run's key {path} is damaged" in line

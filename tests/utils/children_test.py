"""Children that are run to their end, or killed."""

import os
import subprocess
import sys
import time

import pytest

from attn_agents.utils import children, patience


@pytest.fixture(name='terminal')
def _terminal():
  """Somebody has typed something for this process."""
  before = os.dup(0)
  ours, theirs = os.pipe()
  os.dup2(ours, 0)
  os.write(theirs, b'typed')
  os.close(theirs)
  yield
  os.dup2(before, 0)
  for descriptor in (before, ours):
    os.close(descriptor)


@pytest.mark.usefixtures('terminal')
def test_what_it_wrote_and_how_it_ended():
  code = (
    'import os, sys; print("out", os.environ["X"], sys.stdin.read());'
    'print("err", file=sys.stderr); sys.exit(3)'
  )
  command = [sys.executable, '-c', code]
  done = children.run(command, 60.0, {'X': 'x'})
  # What is typed is not for a child.
  assert (done.returncode, done.stdout, done.stderr) == (
    3, 'out x \n', 'err\n'
  )  # fmt: skip
  assert done.args == command


def test_one_that_hangs_is_killed():
  start = time.monotonic()
  with pytest.raises(subprocess.TimeoutExpired) as caught:
    children.run(['sleep', '60'], 0.5, {'PATH': '/usr/bin:/bin'})
  assert time.monotonic() - start < 10
  assert caught.value.timeout == 0.5


def test_time_in_which_nothing_ran_does_not_count(monkeypatch):
  began = time.monotonic()

  def now():
    real = time.monotonic()
    return real + 1000.0 * (real - began > 0.5)

  monkeypatch.setattr(patience, '_now', now)
  done = children.run(['sleep', '1'], 2.0, {'PATH': '/usr/bin:/bin'})
  assert done.returncode == 0

import subprocess
import sys
import time

import pytest

from attn_agents.utils import children, patience


def test_what_it_wrote_and_how_it_ended():
  code = 'import sys; print("out"); print("err", file=sys.stderr); sys.exit(3)'
  done = children.run([sys.executable, '-c', code], 60.0, {})
  assert (done.returncode, done.stdout, done.stderr) == (3, 'out\n', 'err\n')


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

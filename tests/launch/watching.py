"""Starts `launch/watch.py` as a user would."""

import contextlib
import re
import signal
import subprocess
import sys
import time

from tests.launch import running


@contextlib.contextmanager
def watch(run, *args):
  """The process and the page's address, once it is there."""
  process = subprocess.Popen(
    [
      sys.executable, str(running.ROOT / 'launch' / 'watch.py'),
      f'--run={run}', '--port=0', *args,
    ],
    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
  )  # fmt: skip
  try:
    assert process.stdout is not None
    for line in process.stdout:
      if found := re.match(r'page +(http://127\.0\.0\.1:\d+/)$', line):
        yield process, found[1]
        break
    else:
      raise AssertionError(process.stderr.read())
  finally:
    process.kill()
    process.wait(10)
    process.stdout.close()
    process.stderr.close()


def end(process, number, timeout=30.0):
  """What it says on stderr after a signal, with the exit code of that."""
  start = time.monotonic()
  process.send_signal(number)
  _, stderr = process.communicate(timeout=timeout)
  code = 0 if number == signal.SIGINT else 128 + number
  assert process.returncode == code, stderr
  assert time.monotonic() - start < timeout
  return stderr

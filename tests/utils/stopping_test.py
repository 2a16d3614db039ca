import signal
import subprocess
import sys

import pytest

from attn_agents.utils import stopping


@pytest.mark.parametrize(
  ('code', 'stopped'),
  [
    (75, True), (130, True), (143, True), (129, True), (138, True),
    (-signal.SIGTERM, True), (-signal.SIGINT, True), (-signal.SIGHUP, True),
    (0, False), (1, False), (2, False), (-signal.SIGKILL, False), (137, False),
    (-signal.SIGSEGV, False),
  ],
)  # fmt: skip
def test_a_stop_is_told_from_a_failure(code, stopped):
  assert stopping.ended_by_request(code) == stopped


@pytest.mark.usefixtures('restored_handlers')
@pytest.mark.parametrize('number', [signal.SIGHUP, signal.SIGUSR1])
def test_what_is_ignored_at_the_start_stays_ignored(number):
  signal.signal(number, signal.SIG_IGN)
  heard = stopping.Requests()
  heard.listen()
  signal.raise_signal(number)
  assert heard.first == 0
  signal.raise_signal(signal.SIGTERM)
  signal.raise_signal(signal.SIGINT)
  assert heard.first == signal.SIGTERM


_SLOW_TO_END = """
import signal, sys, time
from attn_agents.utils import stopping
class Last:
  def __del__(self, write=print, sleep=time.sleep):
    write('ends', flush=True)
    sleep(1)
last = Last()
stopping.Requests().listen()
sys.exit(stopping.TO_BE_CONTINUED)
"""


@pytest.mark.parametrize(
  'number', [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP]
)
def test_a_signal_while_python_ends_leaves_the_exit_code(number):
  process = subprocess.Popen(
    [sys.executable, '-c', _SLOW_TO_END], stdout=subprocess.PIPE
  )
  assert process.stdout.readline() == b'ends\n'
  process.send_signal(number)
  assert process.wait(timeout=20) == 75

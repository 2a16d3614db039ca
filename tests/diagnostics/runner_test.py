"""Children that crash, hang or exit are answers, and nothing outlives them."""

import pathlib
import subprocess
import sys
import time

import psutil

from attn_agents.diagnostics import runner


def _ask(*names: str, timeout: float = 20.0) -> list[tuple[str, bool, str]]:
  answers = runner.ask(
    'check', names, timeout, module='tests.diagnostics.misbehaving_child'
  )
  return [(a.name, a.ok, a.detail) for a in answers]


def test_answers_come_in_order_and_noise_is_kept_out():
  assert _ask('passes', 'fails', 'passes') == [
    ('passes', True, 'fine'),
    ('fails', False, 'ValueError: no'),
    ('passes', True, 'fine'),
  ]


def test_dead_child_is_one_failure_and_the_rest_goes_on():
  assert _ask('passes', 'crashes', 'passes', 'exits', 'passes') == [
    ('passes', True, 'fine'),
    ('crashes', False, 'killed by SIGABRT: last words'),
    ('passes', True, 'fine'),
    ('exits', False, 'ended with code 3: noise without a newline'),
    ('passes', True, 'fine'),
  ]


def test_hanging_child_is_ended_with_all_it_started(tmp_path: pathlib.Path):
  pid_file = tmp_path / 'pid'
  started = time.monotonic()
  answers = _ask(f'hangs={pid_file}', 'passes', timeout=2)
  assert time.monotonic() - started < 15
  assert [a[1:] for a in answers] == [
    (False, 'no answer within 2 s'),
    (True, 'fine'),
  ]
  pid = int(pid_file.read_text())
  gone = time.monotonic() + 5
  while psutil.pid_exists(pid) and time.monotonic() < gone:
    if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
      break
    time.sleep(0.05)
  else:
    assert not psutil.pid_exists(pid)


_ASK = """
import sys
from attn_agents.diagnostics import runner
module = 'tests.diagnostics.misbehaving_child'
list(runner.ask('check', [sys.argv[1]], 60.0, module))
"""


def test_a_hanging_child_ends_with_who_asked(tmp_path: pathlib.Path):
  pid_file = tmp_path / 'pid'
  parent = subprocess.Popen(
    [sys.executable, '-c', _ASK, f'hangs={pid_file}'],
    cwd=pathlib.Path(__file__).parents[2],
  )
  gone = time.monotonic() + 30
  while not pid_file.exists() or not pid_file.read_text():
    assert time.monotonic() < gone
    time.sleep(0.05)
  (child,) = psutil.Process(parent.pid).children()
  grandchild = psutil.Process(int(pid_file.read_text()))
  try:
    parent.terminate()
    parent.wait(10)
    child.wait(10)
  finally:
    grandchild.kill()


def test_real_child_answers():
  # Leaves the game out: EnvPool is the environments' business.
  (answer,) = runner.ask('check', ['loopback'], 20.0)
  assert answer.ok, answer.detail
  (answer,) = runner.ask('game', ['no_such_game'], 60.0)
  assert not answer.ok
  assert 'no_such_game' in answer.detail

"""Alternatives in other processes."""

import os

import pytest

from benchmarks import children, harness, local_runs, other_systems

# Writes a row each 0.05 s: 10 s and 1000 agent steps apart, but for the first
# two, which took long and hold what had been made by then.
_FAKE_RUN_LOCAL = """
import pathlib, sys, time
assert '--game=pong' in sys.argv
assert '--set=runtime.log_every_seconds=2.0' in sys.argv
logdir = next(x for x in sys.argv if x.startswith('--logdir=')).split('=')[1]
table = pathlib.Path(logdir)
table.mkdir()
shares = ('learner_wait_share,learner_update_share,actor_env_share,'
          'actor_inference_share,actor_wait_share')
with open(table / 'metrics.csv', 'w', buffering=1) as file:
  file.write('wall_time,agent_steps,' + shares + chr(10))
  for i in range({rows}):
    wall = [50, 51][i] if i < 2 else 51 + 10 * (i - 1)
    steps = [7, 5000][i] if i < 2 else 5000 + 1000 * (i - 1)
    wait = 0.9 if i < 2 else 0.2
    file.write(f'{{wall}},{{steps}},{{wait}},0.5,0.5,0.5,0.5' + chr(10))
    time.sleep(0.05)
print('the end')
sys.exit(3)
"""


def _fake(monkeypatch, tmp_path, rows):
  path = tmp_path / 'run_local.py'
  path.write_text(_FAKE_RUN_LOCAL.format(rows=rows))
  monkeypatch.setattr(local_runs, '_RUN_LOCAL', path)
  shares = []
  arm = local_runs.arm(['--game=pong'], 25.0, 2.0, shares.append)
  return arm, shares


def test_a_run_is_measured_over_its_steady_part(monkeypatch, tmp_path):
  arm, shares = _fake(monkeypatch, tmp_path, rows=1000)
  done = arm()
  assert done.seconds >= 30.0
  assert done.units / done.seconds == 100.0
  # A row's shares are of the time before it.
  assert shares[0]['learner_wait_share'] == pytest.approx(0.2)


def test_a_run_that_ends_early_says_why(monkeypatch, tmp_path):
  arm, _ = _fake(monkeypatch, tmp_path, rows=3)
  with pytest.raises(harness.FailedError, match='ended with 3: the end'):
    arm()


def test_a_command_tells_its_rate_last():
  line = '{"agent_steps_per_second": %s, "window_seconds": 4}'
  command = f"echo '{line % 1}'; echo '{line % 50}'; echo done"
  assert other_systems.arm(command, 10)() == harness.Measurement(200.0, 4.0)


@pytest.mark.parametrize(
  ('command', 'expected'),
  [
    ('echo 3', 'no JSON line'),
    ('exit 4', 'ended with 4'),
    ('sleep 30', 'not done in 0.2 s'),
  ],
)
def test_a_command_that_fails_says_so(command, expected):
  with pytest.raises(harness.FailedError, match=expected):
    other_systems.arm(command, timeout=0.2 if 'sleep' in command else 10)()


def _make(variable, scale):
  if variable not in os.environ:
    raise KeyError(variable)
  cores = len(os.sched_getaffinity(0))
  value = int(os.environ[variable])
  return lambda: harness.Measurement(os.getpid(), scale * value * cores)


def test_a_child_has_its_own_environment_and_cores():
  cores = sorted(os.sched_getaffinity(0))[:1]
  child = children.Child(_make, ('ANSWER', 2), {'ANSWER': '21'}, cores)
  pid, answer = child.run()
  assert answer == 42
  assert pid != os.getpid() and child.run() == (pid, answer)
  assert 'ANSWER' not in os.environ
  with pytest.raises(harness.FailedError, match='NO_ANSWER'):
    children.Child(_make, ('NO_ANSWER', 2))

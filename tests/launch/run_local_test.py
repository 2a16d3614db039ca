"""The real thing: Launchpad, EnvPool, Reverb and all their processes."""

import itertools
import json
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.launch import commands, running


@pytest.mark.parametrize(
  ('args', 'words'),
  [
    (['--game=pacman'], "unknown game 'pacman'; did you mean 'ms_pacman'?"),
    (['--agent=s3'], "unknown agent 's3'; did you mean 's3ta'?"),
    (['--gam=pong'], 'gam'),
    (['--max_frames=many'], 'max_frames'),
    (['--set=learning.batchsize=3'], "did you mean 'batch_size'?"),
    (['pong'], "unexpected argument 'pong'"),
    (['--envs_per_actor=7'], '--num_actors=8 --envs_per_actor=8'),
    (['--runtime=treads'], "unknown runtime 'treads'; did you mean 'threads'?"),
    (['--set=runtime.kind=threads'], 'use --runtime instead'),
    (
      ['--set=network.vision_gain=inf'],
      'network.vision_gain=inf: expected 0.001 to 1000; the nearest is 1000',
    ),
    (
      [
        '--set=learning.unroll_length=10000',
        '--set=learning.batch_size=32768',
        '--envs_per_actor=128',
      ],
      'learning.unroll_length=10000: this run keeps at least 7,010.9 GB in '
      'memory (environments 25.7 GB, ',
    ),
  ],
)
def test_bad_input_is_one_line_and_exit_code_2(args, words, tmp_path):
  logdir = tmp_path / 'run'
  assert words in commands.refused('run_local', *args, f'--logdir={logdir}')
  assert not logdir.exists(), 'something was left behind'


# In a network where the run stays as it is: others may hold its ports.
_WITH_TAKEN_PORT = """
import socket, sys
from attn_agents.distributed import isolation
if not isolation.confine_to_loopback().confined:
  sys.exit(99)
from tests.launch import commands
with socket.create_server(('', 0)) as taken:
  port = taken.getsockname()[1]
  setting = f'--set=queue.{sys.argv[1]}={port}'
  done = commands.run('run_local', setting, *sys.argv[2:])
print(done.stderr.strip().replace(str(port), 'PORT'), end='')
sys.exit(done.returncode)
"""


@running.NEEDS_LAUNCHPAD
@pytest.mark.parametrize('field', ['queue_port', 'variables_port'])
def test_a_taken_port_is_refused_before_anything_starts(field, tmp_path):
  logdir = tmp_path / 'run'
  done = subprocess.run(
    [
      sys.executable,
      '-c',
      _WITH_TAKEN_PORT,
      field,
      f'--logdir={logdir}',
      *running.TINY,
    ],
    cwd=running.ROOT,
    capture_output=True,
    text=True,
    timeout=120,
    check=False,
  )
  if done.returncode == 99:
    pytest.skip('no network namespaces here')
  assert done.returncode == 2, done
  assert done.stdout == (
    f'error: queue.{field}=PORT is in use; expected a free port, or 0 to take '
    'one'
  )
  assert not logdir.exists(), 'something was left behind'


def _check_rows(rows):
  for a, b in itertools.pairwise(rows):
    assert b['learner_steps'] > a['learner_steps']
    assert b['agent_steps'] > a['agent_steps']
    assert b['wall_time'] > a['wall_time']
  for row in rows:
    assert row['frames'] == 4 * row['agent_steps']
    # 10 transitions x 8 environments per update, less the reset rows.
    most = 80 * row['learner_steps']
    assert 0.9 * most < row['agent_steps'] <= most
    assert row['loss'] == row['loss']
    # No smaller bound: a dead actor's successor is slow, the learner is not.
    lags = row['policy_lag_mean'], row['policy_lag_max']
    assert 0 <= lags[0] <= lags[1] <= row['learner_steps']
    for name in ('learner_wait_share', 'actor_wait_share', 'actor_env_share'):
      assert 0 <= row[name] <= 1.05


# Its update is compiled faster than that of an agent with attention.
_TINY = (*running.TINY_CATCH, '--game=ms_pacman')


def test_train_stop_continue_lose_an_actor_and_stop_again(
  tmp_path, monkeypatch
):
  temporary = tmp_path / 'temporary'
  temporary.mkdir()
  monkeypatch.setenv('TMPDIR', str(temporary))

  # 1. From nothing to max_frames.
  logdir = tmp_path / 'run'
  run = running.LocalRun(logdir, *_TINY, '--max_frames=4000')
  assert run.end(timeout=200) == 0, run.text()
  assert run.last_line().startswith('done; checkpoint saved at ')
  first = run.rows()
  _check_rows(first)
  assert first[-1]['frames'] >= 4000
  assert not run.orphans()
  content = json.loads((logdir / 'config.json').read_text())
  assert content['config']['environment']['game'] == 'ms_pacman'
  for name in ('learner-0', 'reverb-0', 'actor-0', 'actor-1', 'launcher'):
    assert (logdir / 'logs' / f'{name}.log').stat().st_size > 0
  assert list((logdir / 'tensorboard').iterdir())

  # 2. The same command goes on where it was; without an end this time.
  run = running.LocalRun(logdir, *_TINY)
  run.wait_until(lambda: len(run.rows()) >= len(first) + 2)
  assert run.rows()[: len(first)] == first
  assert run.rows()[len(first)]['frames'] > first[-1]['frames']
  seeds = json.loads((logdir / 'status' / 'actor-0.json').read_text())

  for name in ('learner-0', 'reverb-0', 'actor-0'):
    child = psutil.Process(run.status(name).pid)
    assert running.loaded(child, 'tensorflow', 'reverb') == {
      'tensorflow', 'reverb',
    }  # fmt: skip
    # Which all of TensorFlow needs.
    assert not running.loaded(child, 'h5py', 'pandas'), name
    # Of Orbax, which only who saves needs.
    saves = bool(running.loaded(child, 'tensorstore'))
    assert saves == (name == 'learner-0'), name
  environ = psutil.Process(run.status('actor-0').pid).environ()
  assert environ['JAX_PLATFORMS'] == 'cpu'
  assert environ['CUDA_VISIBLE_DEVICES'] == ''

  # 3. A killed actor comes back with new seeds, and the rest goes on.
  victim = run.status('actor-0').pid
  psutil.Process(victim).kill()
  run.wait_until(lambda: run.status('actor-0').pid != victim)
  run.wait_until(lambda: run.status('actor-0').state == 'running')
  again = run.status('actor-0').extra
  assert again['restarts'] == 1
  assert again['seeds'] != seeds['extra']['seeds']
  run.wait_until_learning()
  assert 'was killed by signal 9; starting it again' in run.text()

  # 4. SIGTERM saves and ends it; it is to be continued.
  start = time.monotonic()
  run.process.send_signal(signal.SIGTERM)
  assert run.end(timeout=20) == 75, run.text()
  assert time.monotonic() - start < 20
  assert run.last_line().startswith('stopped; checkpoint saved at ')
  assert not run.orphans()
  rows = run.rows()
  _check_rows(rows)
  saved = int(run.last_line().split()[-2].replace(',', ''))
  assert saved >= rows[-1]['frames'] > first[-1]['frames']
  assert not list(temporary.iterdir())

  # 5. Another config has no business here.
  line = commands.refused('run_local', *_TINY, f'--logdir={logdir}', '--seed=5')
  assert 'seed: 0 there, 5 now' in line


def test_the_command_runs_by_itself_and_explains_itself():
  done = subprocess.run(
    [str(running.ROOT / 'launch' / 'run_local.py'), '--help'],
    capture_output=True, text=True, timeout=60, check=False,
  )  # fmt: skip
  assert '--game' in done.stdout
  assert '--max_frames' in done.stdout
  assert 'Traceback' not in done.stderr

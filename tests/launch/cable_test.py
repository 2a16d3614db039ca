"""Two learner hosts and an actor host, as network namespaces, learn Catch."""

import contextlib
import os
import re
import subprocess
import sys
import time

import pytest

from attn_agents.runs import checkpoints
from attn_agents.utils import metrics_table
from benchmarks import cable
from configs.agents import s3ta
from tests.launch import running

pytestmark = [pytest.mark.slow, running.NEEDS_LAUNCHPAD]

_TARGET = 0.8
_MOST_FRAMES = 8_000_000
# Frames end it before, but on a machine that is very busy with other things.
_SECONDS = 4 * 3600
# For what takes seconds elsewhere.
_SOON = 600
_FLAGS = [
  '--algorithm=vtrace', '--game=catch', '--preset=small', '--num_actors=1',
  '--envs_per_actor=8', '--set=learning.max_policy_lag=none',
  '--set=learning.batch_size=32', '--set=learning.unroll_length=20',
  '--set=optimizer.learning_rate=1e-3', '--set=runtime.log_every_seconds=1',
  '--set=runtime.checkpoint_every_seconds=5', f'--max_frames={_MOST_FRAMES}',
]  # fmt: skip
_AGENTS = {
  'impala_ff': (
    'environment.height=20', 'environment.width=10', 'network.channels=4,8',
    'network.hidden_size=32',
  ),
  's3ta': s3ta.S3TAConfig.quick_settings,
}  # fmt: skip
_STATE = re.compile(r'^update (\d+): all hosts have state (\w+)$', re.MULTILINE)


@pytest.fixture(name='start')
def _start(tmp_path):
  """Starts a command on a host; ends them all."""
  with contextlib.ExitStack() as stack:

    def start(host, name, *args):
      output = stack.enter_context(open(tmp_path / f'{name}.out', 'w'))
      made = subprocess.Popen(
        [
          *host.prefix(), sys.executable,
          str(running.ROOT / 'launch' / 'run_cluster.py'), *_FLAGS,
          f'--logdir={tmp_path}/{name}', *args,
        ],
        # Compiled for speed, as users' runs are.
        env={k: v for k, v in os.environ.items() if k != 'XLA_FLAGS'},
        stdin=subprocess.DEVNULL, stdout=output, stderr=output,
      )  # fmt: skip
      stack.callback(_end, made)
      return made

    yield start


def _end(process):
  process.terminate()
  try:
    process.wait(60)
  except subprocess.TimeoutExpired:
    process.kill()


@pytest.mark.timeout(_SECONDS + 4 * _SOON)
@pytest.mark.parametrize('agent', _AGENTS)
def test_two_learner_hosts_and_an_actor_host_learn_catch(
  tmp_path, start, agent
):
  flags = [f'--agent={agent}', *(f'--set={x}' for x in _AGENTS[agent])]
  with contextlib.ExitStack() as stack:
    try:
      first, second = stack.enter_context(cable.two_hosts())
    except cable.UnavailableError as error:
      pytest.skip(str(error))
    learners = [
      start(
        host, f'learner{index}', '--num_hosts=2', f'--host_index={index}',
        f'--coordinator_address={first.address}:7700',
        f'--listen={host.address}:7701', *flags,
      )
      for index, host in enumerate((first, second))
    ]  # fmt: skip
    key = tmp_path / 'learner0' / 'keys' / 'actor.pem'
    deadline = time.monotonic() + _SOON
    while not key.exists() and time.monotonic() < deadline:
      time.sleep(0.5)
    actors = start(
      second, 'actors', '--role=actors', '--num_hosts=2',
      f'--learner_address={first.address}:7701', f'--key={key}', *flags,
    )  # fmt: skip
    deadline = time.monotonic() + _SECONDS
    while _newest(tmp_path, 'episode_return_mean') <= _TARGET:
      assert learners[0].poll() is None
      assert time.monotonic() < deadline
      time.sleep(1)
    learners[1].terminate()
    for learner in learners:
      assert learner.wait(_SOON) == 75
    assert actors.poll() is None
    actors.terminate()
    assert actors.wait(_SOON) == 75
  print(agent, _newest(tmp_path, 'frames'), 'frames')
  # Both had the same parameters and optimiser after every checkpoint.
  first, second = (
    dict(_STATE.findall((run / 'logs' / 'learner-0.log').read_text()))
    for run in (tmp_path / 'learner0', tmp_path / 'learner1' / 'hosts' / '1')
  )
  assert first == second
  assert len(set(first.values())) == len(first) > 3
  manager = checkpoints.Checkpointer(tmp_path / 'learner0' / 'checkpoints')
  assert str(manager.newest()) == list(first)[-1]
  manager.close()


def _newest(root, column):
  """In the newest row of metrics."""
  rows = metrics_table.read(root / 'learner0' / 'metrics.csv')
  return rows[-1][column] if rows else float('-inf')

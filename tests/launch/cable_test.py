"""Two learner hosts and an actor host, as network namespaces, learn Catch."""

import contextlib
import subprocess
import sys
import time

import pytest

from attn_agents.utils import metrics_table
from benchmarks import cable
from tests.launch import running

pytestmark = [pytest.mark.slow, running.NEEDS_LAUNCHPAD]

_FRAMES = 1_000_000
_FLAGS = [
  '--agent=impala_ff', '--algorithm=vtrace', '--game=catch', '--preset=small',
  '--num_actors=1', '--envs_per_actor=8', '--set=learning.max_policy_lag=none',
  '--set=learning.batch_size=32', '--set=learning.unroll_length=20',
  '--set=optimizer.learning_rate=1e-3', '--set=environment.height=20',
  '--set=environment.width=10', '--set=network.channels=4,8',
  '--set=network.hidden_size=32', '--set=runtime.log_every_seconds=1',
  f'--max_frames={_FRAMES}',
]  # fmt: skip


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
        stdin=subprocess.DEVNULL, stdout=output, stderr=output,
      )  # fmt: skip
      stack.callback(_end, made)
      return made

    yield start


def _end(process):
  process.terminate()
  try:
    process.wait(30)
  except subprocess.TimeoutExpired:
    process.kill()


def test_two_learner_hosts_and_an_actor_host_learn_catch(tmp_path, start):
  with contextlib.ExitStack() as stack:
    try:
      first, second = stack.enter_context(cable.two_hosts())
    except cable.UnavailableError as error:
      pytest.skip(str(error))
    learners = [
      start(
        host, f'learner{index}', '--num_hosts=2', f'--host_index={index}',
        f'--coordinator_address={first.address}:7700',
        f'--listen={host.address}:7701',
      )
      for index, host in enumerate((first, second))
    ]  # fmt: skip
    key = tmp_path / 'learner0' / 'keys' / 'actor.pem'
    deadline = time.monotonic() + 100
    while not key.exists() and time.monotonic() < deadline:
      time.sleep(0.5)
    actors = start(
      second, 'actors', '--role=actors', '--num_hosts=2',
      f'--learner_address={first.address}:7701', f'--key={key}',
    )  # fmt: skip
    for learner in learners:
      assert learner.wait(400) == 0
    assert actors.poll() is None
    actors.terminate()
    assert actors.wait(60) == 75
  rows = metrics_table.read(tmp_path / 'learner0' / 'metrics.csv')
  assert rows[-1]['frames'] >= _FRAMES
  assert rows[-1]['episode_return_mean'] > 0.8

"""`launch/run_cluster.py` as users would run it: two learner hosts."""

import os
import signal
import subprocess
import time

import psutil
import pytest

from attn_agents.distributed import run_key
from tests.launch import cluster, commands, running

# From the loss of a host to the end of the others: 20 s without a word, 6 s to
# save, and what this machine is slow.
_LOSS_SECONDS = 60


@pytest.fixture(autouse=True)
def _nothing_left():
  yield
  cluster.end_all()


def test_a_signal_on_one_host_ends_both_at_the_same_update(tmp_path):
  hosts = cluster.start(tmp_path)
  cluster.wait_until_learning(hosts, 1)
  hosts[1].process.send_signal(signal.SIGTERM)
  codes = [host.end(timeout=60) for host in hosts]
  assert codes == [75, 75], [host.text() for host in hosts]
  cluster.end_together(hosts)
  saved = hosts[0].status('learner-0').extra['saved']
  end = f'checkpoint saved at {saved:,} frames'
  assert hosts[0].last_line() == f'stopped: host 1: was asked to stop; {end}'
  assert hosts[1].last_line() == f'stopped; {end}'
  assert hosts[0].newest() == hosts[0].status('learner-0').extra['updates']
  assert not list((hosts[1].logdir / 'checkpoints').iterdir())


def test_hosts_that_differ_are_refused_before_anything_is_written(tmp_path):
  address = cluster.free_address()
  hosts = [
    cluster.HostRun(
      tmp_path, address, index, *cluster.TINY,
      f'--set=optimizer.learning_rate={rate}',
    )
    for index, rate in enumerate((0.001, 0.002))
  ]  # fmt: skip
  assert [host.end(timeout=100) for host in hosts] == [2, 2]
  for host in hosts:
    assert host.refusal() == (
      'error: optimizer.learning_rate is 0.001 on host 0 and 0.002 on host 1'
    )
    assert not (host.logdir / 'config.json').exists()


class _Elsewhere(cluster.HostRun):
  """From another checkout."""

  def __init__(self, root, *args):
    self.root = root
    super().__init__(*args)


def test_another_commit_is_refused_on_every_host(tmp_path):
  other = running.other_commit(tmp_path / 'other')
  address = cluster.free_address()
  hosts = [
    _Elsewhere(root, tmp_path, address, index, *cluster.TINY)
    for index, root in enumerate((running.ROOT, other))
  ]
  assert [host.end(timeout=100) for host in hosts] == [2, 2]
  here, there = (_commit(root) for root in (running.ROOT, other))
  assert here.rstrip('+') != there
  for host in hosts:
    assert host.refusal() == (
      f'error: the commit is {here} on host 0 and {there} on host 1'
    )


def _commit(root):
  git = ['git', '-C', str(root)]
  head, changed = (
    subprocess.check_output([*git, *args], text=True).strip()
    for args in (('rev-parse', 'HEAD'), ('status', '--short'))
  )
  return f'{head}+' if changed else head


@running.NEEDS_LAUNCHPAD
def test_a_wrong_key_of_one_host_is_refused_on_every_host(tmp_path):
  address = cluster.free_address()
  given = tmp_path / 'host1' / 'run' / 'hosts' / '1'
  run_key.make_or_load(given)
  files = run_key.paths(given)
  files['actor'].replace(files['learner'])
  hosts = [
    cluster.HostRun(
      tmp_path, address, index, *cluster.TINY, '--runtime=launchpad'
    )
    for index in range(2)
  ]
  assert [host.end(timeout=100) for host in hosts] == [2, 2]
  said = (
    f"the run's key {files['learner']} is the key of actor hosts; expected "
    'that of learner hosts, learner.pem beside it'
  )
  # Who cannot run says only that; the other is told by whom.
  assert hosts[0].refusal() == f'error: host 1: {said}'
  assert hosts[1].refusal() == f'error: host 1: {said}'


@pytest.mark.parametrize(
  ('args', 'expected'),
  [
    (['--cluster=slum'], "slurm"),
    (['--num_hosts=2'], '--coordinator_address and --host_index missing'),
    (
      ['--coordinator_address=10.0.0.1', '--num_hosts=2', '--host_index=0'],
      'expected host:port',
    ),
    (
      ['--coordinator_address=a:1', '--num_hosts=2', '--host_index=2'],
      '--host_index=2: expected 0 to 1',
    ),
  ],
)  # fmt: skip
def test_flags_that_do_not_say_which_hosts_there_are(args, expected):
  assert expected in commands.refused('run_cluster', *args)


@pytest.mark.slow
def test_refusals_of_one_host_reach_the_other(tmp_path):
  hosts = cluster.start(tmp_path, '--set=learning.batch_size=9')
  assert [host.end(timeout=100) for host in hosts] == [2, 2]
  for host in hosts:
    assert 'learning.batch_size=9 cannot be shared evenly by 2 hosts' in (
      host.last_line()
    )


@pytest.mark.slow
def test_a_port_in_use_and_a_host_that_is_not_there(tmp_path):
  import socket

  with socket.socket() as taken:
    taken.bind(('127.0.0.1', 0))
    taken.listen()
    address = f'127.0.0.1:{taken.getsockname()[1]}'
    host = cluster.HostRun(tmp_path, address, 0, *cluster.TINY)
    assert host.end(timeout=60) == 2
    assert 'Address already in use' in host.last_line()
  host = cluster.HostRun(
    tmp_path, cluster.free_address(), 1, *cluster.TINY, '--start_seconds=3'
  )
  assert host.end(timeout=60) == 2
  assert 'cannot be reached within 3 s (Connection refused)' in host.last_line()


@pytest.mark.slow
@pytest.mark.parametrize('lost', [0, 1])
@pytest.mark.parametrize('how', [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_learner_ends_both_and_they_go_on(tmp_path, lost, how):
  hosts = cluster.start(tmp_path)
  cluster.wait_until_learning(hosts, 8)
  victim = hosts[lost].status('learner-0').pid
  start = time.monotonic()
  os.kill(victim, how)
  assert hosts[1 - lost].end(timeout=_LOSS_SECONDS) == 75
  assert f'host {lost}' in hosts[1 - lost].last_line()
  # A learner that is killed is this host's own fault; one that stands still
  # stands for a host that does.
  expected = {signal.SIGKILL: 1, signal.SIGSTOP: 75}[how]
  assert hosts[lost].end(timeout=_LOSS_SECONDS) == expected
  print('ended after', time.monotonic() - start)
  assert not psutil.pid_exists(victim)
  newest = hosts[0].newest()
  assert newest is not None

  hosts = cluster.start(tmp_path)
  cluster.wait_until_learning(hosts)
  assert hosts[0].rows()[-1]['learner_steps'] > newest
  for host in hosts:
    host.process.send_signal(signal.SIGTERM)
  assert [host.end(timeout=60) for host in hosts] == [75, 75]
  cluster.end_together(hosts)


@pytest.mark.slow
@pytest.mark.parametrize('state', ['waiting', 'compiling'])
def test_a_signal_while_hosts_do_not_update(tmp_path, state):
  hosts = cluster.start(tmp_path)
  said = {'waiting': 'waiting for the first', 'compiling': 'compiling'}[state]
  hosts[0].wait_until(
    lambda: said in getattr(hosts[0].status('learner-0'), 'detail', ''), 200
  )
  hosts[1].process.send_signal(signal.SIGTERM)
  assert [host.end(timeout=60) for host in hosts] == [75, 75]
  assert hosts[0].newest() is not None


@pytest.mark.slow
@pytest.mark.parametrize(
  'settings',
  [
    (),
    pytest.param(
      (
        '--runtime=launchpad', '--set=queue.packing=on',
        '--set=queue.unpack_on=device',
      ),
      marks=running.NEEDS_LAUNCHPAD,
    ),
  ],
  ids=['threads', 'devices unpack'],
)  # fmt: skip
def test_all_hosts_end_with_max_frames(tmp_path, settings):
  hosts = cluster.start(tmp_path, '--max_frames=3000', *settings)
  assert [host.end(timeout=300) for host in hosts] == [0, 0]
  cluster.end_together(hosts)
  assert hosts[0].rows()[-1]['frames'] >= 3000
  assert not hosts[1].rows()
  seeds = {(host.logdir / 'seeds.csv').read_text() for host in hosts}
  assert len(seeds) == 2


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
  ('agent', 'runtime'),
  [
    (('--agent=drqn',), 'threads'),
    pytest.param(
      ('--agent=dqn', '--set=network.lstm_size=0'), 'launchpad',
      marks=running.NEEDS_LAUNCHPAD,
    ),
  ],
  ids=['drqn', 'dqn'],
)  # fmt: skip
def test_hosts_that_learn_from_replays_of_their_own(tmp_path, agent, runtime):
  for frames in (12_000, 24_000):
    address = cluster.free_address()
    hosts = [
      cluster.HostRun(
        tmp_path, address, index, *running.TINY_REPLAY, *agent,
        f'--runtime={runtime}', '--num_actors=1', f'--max_frames={frames}',
        '--set=runtime.checkpoint_every_seconds=2',
      )
      for index in range(2)
    ]  # fmt: skip
    assert [host.end(timeout=600) for host in hosts] == [0, 0], [
      host.text() for host in hosts
    ]
    cluster.end_together(hosts)
    last = hosts[0].rows()[-1]
    assert last['frames'] >= frames
    assert last['learner_steps'] > 10
    # Those of both hosts count; each fills a replay of its own.
    assert 500 <= last['replay_size'] < 0.8 * last['frames'] / 4
  # Host 0 goes on with its replay, the other fills its again.
  assert 'continues with that of update' in hosts[0].text()
  assert 'filled again first' in hosts[1].text()

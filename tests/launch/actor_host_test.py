"""Actor hosts: `run_cluster.py --role=actors`, through the relay."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import psutil
import pytest

from attn_agents.distributed import lifecycle, run_key
from attn_agents.environments import seeding
from tests.launch import cluster, commands, running

pytestmark = running.NEEDS_LAUNCHPAD

_LAUNCHPAD = [*running.TINY_CATCH, '--runtime=launchpad']
_UNBOUND = [
  *_LAUNCHPAD, '--algorithm=vtrace', '--set=learning.max_policy_lag=none',
  '--num_actors=1',
]  # fmt: skip


class Learner(running.LocalRun):
  script = 'run_cluster'


@pytest.fixture(name='started')
def _started():
  """What a test has started, none of which outlives it."""
  runs: list[running.LocalRun] = []
  yield runs
  cluster.end_all()
  for run in runs:
    if run.process.poll() is None:
      run.kill_everything()


def _start_learner(started, tmp_path, address, *args):
  learner = Learner(tmp_path / 'run', f'--listen={address}', *args)
  started.append(learner)
  learner.wait_until(lambda: 'listens' in learner.text())
  return learner


def test_learner_and_actor_hosts_have_all_the_seeds_there_are():
  # In a process of its own, which has the flags of one command only.
  code = 'from launch import actor_host as a; print(a.FIRST_INDEX + a.MOST)'
  done = subprocess.run(
    [sys.executable, '-c', code],
    cwd=pathlib.Path(__file__).parents[2],
    capture_output=True,
    text=True,
    timeout=60,
    check=True,
  )
  assert int(done.stdout) == seeding.MAX_HOSTS


@pytest.mark.parametrize(
  ('args', 'expected'),
  [
    (['--role=actor'], "did you mean 'actors'"),
    (['--role=actors'], '--learner_address missing'),
    (['--role=actors', '--learner_address=a:1'], '--key missing'),
    (
      [
        '--role=actors', '--allow_open_ports', '--key=k',
        '--learner_address=a:1',
      ],
      '--key=k with --allow_open_ports, which is the way without a key',
    ),
    (
      ['--listen=127.0.0.1:65535', '--allow_open_ports'],
      'expected two free ports, 65535 and 65536',
    ),
    (['--listen=127.0.0.1:7', '--runtime=threads'], 'has no servers'),
    (['--listen=127.0.0.1:0'], 'expected a port of 1 to 65535'),
  ],
)  # fmt: skip
def test_flags_that_make_no_actor_host(args, expected):
  assert expected in commands.refused('run_cluster', *running.TINY_CATCH, *args)


def _refused(learner, address, *args, root=running.ROOT, **key):
  """The line with which an actor host ends."""
  key = key.get('key', learner.logdir / 'keys' / 'actor.pem')
  done = subprocess.run(
    [
      sys.executable, str(root / 'launch' / 'run_cluster.py'), '--role=actors',
      f'--learner_address={address}', f'--key={key}', *_UNBOUND, *args,
      f'--logdir={learner.logdir.parent}/refused',
    ],
    env=running.environment(root), stdin=subprocess.DEVNULL,
    capture_output=True, text=True, timeout=100, check=False,
  )  # fmt: skip
  assert done.returncode == 2, done
  assert done.stdout == ''
  (line,) = done.stderr.strip().splitlines()
  assert not (learner.logdir.parent / 'refused').exists()
  return line


def test_an_actor_host_that_does_not_fit_its_learner_host_is_refused(
  tmp_path, started
):
  address = cluster.free_address()
  learner = _start_learner(started, tmp_path, address, *_UNBOUND)
  there, here = f'on the learner host {address}', 'on this actor host'

  foreign = run_key.make_or_load(tmp_path / 'foreign')
  path = run_key.paths(tmp_path / 'foreign')['actor']
  line = _refused(learner, address, key=path)
  assert line == (
    f'error: --learner_address={address} is a host of another run: its '
    f'certificate is not one of the run of {path} ({foreign.run}); expected '
    'the key of the run that it trains'
  )
  line = _refused(learner, address, key=tmp_path / 'nothing.pem')
  assert line.startswith(
    f'error: --key={tmp_path}/nothing.pem: there is no such file; expected '
    'actor.pem'
  )
  line = _refused(learner, address, '--set=learning.unroll_length=12')
  assert line == (
    f'error: learning.unroll_length is 10 {there} and 12 {here}; expected '
    'what the learner host has'
  )
  other = running.other_commit(tmp_path / 'other')
  line = _refused(learner, address, root=other)
  assert line.startswith('error: the commit is ')
  shown = subprocess.check_output(
    ['git', '-C', str(other), 'rev-parse', 'HEAD'], text=True
  ).strip()
  assert f' {there} and {shown} {here};' in line
  # The learner host goes on.
  assert learner.process.poll() is None
  assert not learner.status('relay-0').extra['hosts']


@pytest.mark.slow
def test_the_direct_way_needs_no_key_and_says_what_is_open(tmp_path, started):
  address = cluster.free_address()
  args = (*_UNBOUND, '--allow_open_ports')
  learner = _start_learner(started, tmp_path, address, *args)
  port = int(address.rpartition(':')[2])
  (line,) = [x for x in learner.text().splitlines() if 'OPEN' in x]
  assert line.startswith(
    f'network   OPEN: ports {port} and {port + 1} of every address of this '
    'host ('
  )
  assert 'without TLS and without a key' in line
  actors = cluster.ActorHost(learner, address, *args, key='')
  actors.wait_until(actors.plays, timeout=300)
  actors.wait_until(lambda: _listening(actors) == set())
  assert {port, port + 1} <= _listening(learner)
  assert 'NOT confined: without relay, TLS and key' in actors.text()
  assert learner.status('relay-0') is None
  assert actors.status('relay-0') is None
  learner.wait_until_learning()
  assert not (learner.logdir / 'keys').exists()
  for host in (actors, learner):
    host.process.send_signal(signal.SIGTERM)
    assert host.end(timeout=60) == 75, host.text()


def _listening(run):
  """Ports that processes of a run listen on in the network of this one."""
  children = psutil.Process(run.process.pid).children(recursive=True)
  found = set()
  for each in children:
    with contextlib.suppress(psutil.NoSuchProcess):
      found |= {
        c.laddr.port for c in each.net_connections('inet')
        if c.status == psutil.CONN_LISTEN
      }  # fmt: skip
  return found


@pytest.mark.slow
def test_a_learner_that_needs_an_actor_host_learns_with_it_and_names_it(
  tmp_path, started
):
  """`small` bounds the lag, so that no update is made without both actors."""
  address = cluster.free_address()
  learner = _start_learner(
    started, tmp_path, address, *_LAUNCHPAD, '--actors=0',
    '--set=runtime.stall_seconds=60',
  )  # fmt: skip
  actors = cluster.ActorHost(
    learner, address, *_LAUNCHPAD, '--actors=1',
    '--set=runtime.stall_seconds=60',
  )  # fmt: skip
  learner.wait_until(lambda: len(learner.rows()) >= 4, timeout=400)
  seeds = [
    (x.logdir / 'seeds.csv').read_text().splitlines()[1]
    for x in (learner, actors)
  ]
  assert seeds[0].split(',')[-2:] != seeds[1].split(',')[-2:]
  # Nothing of Reverb's is in the network of this host.
  servers = psutil.Process(learner.status('reverb-0').pid)
  assert not [
    c for c in servers.net_connections('inet')
    if c.status == psutil.CONN_LISTEN
  ]  # fmt: skip

  actors.process.send_signal(signal.SIGTERM)
  assert actors.end(timeout=60) == 75
  start = time.monotonic()
  assert learner.end(timeout=150) == 75, learner.text()
  assert time.monotonic() - start > 40
  assert 'no batch was complete for 60 s' in learner.last_line()
  assert 'checkpoint saved' in learner.last_line()


@pytest.mark.slow
def test_a_killed_actor_host_that_is_needed_ends_the_run_which_goes_on(
  tmp_path, started
):
  address, args = cluster.free_address(), (
    *_LAUNCHPAD, '--set=runtime.stall_seconds=30',
  )  # fmt: skip
  learner = _start_learner(started, tmp_path, address, *args, '--actors=0')
  actors = cluster.ActorHost(learner, address, *args, '--actors=1')
  learner.wait_until(lambda: len(learner.rows()) >= 4, timeout=400)
  reached = learner.rows()[-1]['learner_steps']
  actors.kill_everything()
  assert learner.end(timeout=100) == 75, learner.text()
  assert 'no batch was complete for 30 s' in learner.last_line()
  assert learner.newest() >= reached

  newest = learner.newest()
  learner = _start_learner(started, tmp_path, address, *args, '--actors=0')
  actors = cluster.ActorHost(learner, address, *args, '--actors=1')
  learner.wait_until_learning()
  assert learner.rows()[-1]['learner_steps'] > newest
  for host in (learner, actors):
    host.process.send_signal(signal.SIGTERM)
  assert [host.end(timeout=60) for host in (learner, actors)] == [75, 75]


@pytest.mark.slow
def test_an_actor_host_is_lost_and_comes_back(tmp_path, started):
  address = cluster.free_address()
  learner = _start_learner(started, tmp_path, address, *_UNBOUND)
  first = cluster.ActorHost(learner, address, *_UNBOUND)
  learner.wait_until_learning()
  first.wait_until(first.plays, timeout=300)
  learner.wait_until(lambda: learner.status('relay-0').extra['hosts'])
  before = first.status('actor-0').extra['seeds']
  first.kill_everything()
  learner.wait_until(lambda: not learner.status('relay-0').extra['hosts'])
  learner.wait_until(lambda: '127.0.0.1 left; 0 there' in learner.text())
  learner.wait_until_learning()

  first = cluster.ActorHost(learner, address, *_UNBOUND)
  first.wait_until(
    lambda: first.plays() and first.status('actor-0').extra['seeds'] != before,
    timeout=300,
  )
  learner.wait_until_learning()
  said = [x[9:] for x in learner.text().splitlines() if 'actor hosts: ' in x]
  assert said == [
    f'relay-0: running for actor hosts: 127.0.0.1 {x} there'
    for x in ('joined; 1', 'left; 0', 'came back; 1')
  ]
  relay = learner.status('relay-0').pid
  learner.process.send_signal(signal.SIGTERM)
  assert learner.end(timeout=60) == 75
  assert not lifecycle.is_alive(relay)
  # It waits for the learner, and ends when it is asked to.
  assert first.process.poll() is None
  first.process.send_signal(signal.SIGINT)
  assert first.end(timeout=60) == 0
  assert not os.path.exists(f'/proc/{relay}')

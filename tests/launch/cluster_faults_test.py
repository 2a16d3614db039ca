"""Faults, drawn at random, of a run on two learner hosts and an actor host."""

import os
import random
import signal
import time

import psutil
import pytest

from tests.launch import cluster, running

_ROUNDS = 20
_LOSS_SECONDS = 90
_TOLD = (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)
# What the host itself and the other one end with.
_CODES = {
  'told': (75, 75),
  'learner killed': (1, 75),
  'learner stopped': (75, 75),
  'parent killed': (-signal.SIGKILL, 75),
}
# Of an actor host that nobody waits for. The learner hosts go on.
_OF_ACTOR_HOST = ('actor host killed', 'actor host told')
_ACTOR_HOST_ROUNDS = 8
_UNBOUND = (
  '--runtime=launchpad', '--algorithm=vtrace',
  '--set=learning.max_policy_lag=none',
)  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_left():
  yield
  cluster.end_all()


def _left(directory, but='?'):
  """Processes of runs below a directory that live, and have no `but`."""
  found = []
  for process in psutil.process_iter(['pid', 'cmdline', 'status']):
    command = ' '.join(process.info['cmdline'] or [])
    if but in command:
      continue
    if str(directory) in command and process.info['status'] != 'zombie':
      found.append(command)
  return found


def _wait_until_nothing_is_left(directory, but='?'):
  deadline = time.monotonic() + 30
  while left := _left(directory, but):
    assert time.monotonic() < deadline, left
    time.sleep(0.5)


def _break(kind, host, rng):
  if kind == 'told':
    host.process.send_signal(rng.choice(_TOLD))
  elif kind == 'parent killed':
    host.process.kill()
  else:
    how = {'learner killed': signal.SIGKILL, 'learner stopped': signal.SIGSTOP}
    os.kill(host.status('learner-0').pid, how[kind])


def _round(hosts, kind, victim, rng, newest):
  """Breaks both learner hosts by one fault; returns what is saved then."""
  reached = hosts[0].rows()[-1]['learner_steps']
  assert reached > newest
  start = time.monotonic()
  _break(kind, hosts[victim], rng)
  own, other = _CODES[kind]
  codes = [host.end(timeout=_LOSS_SECONDS) for host in hosts]
  seconds = time.monotonic() - start
  saved = hosts[0].newest() or 0
  print(
    f'{kind} on host {victim}: {codes} after {seconds:.1f} s, saved {newest} '
    f'-> {saved}, reached {reached:.0f}',
    flush=True,
  )
  assert codes[victim] == own, hosts[victim].text()
  assert codes[1 - victim] == other, hosts[1 - victim].text()
  assert saved >= newest
  if kind == 'told':
    assert saved >= reached
  return saved


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nothing_saved_is_lost_and_every_start_goes_on(tmp_path):
  rng = random.Random(28)
  newest = 0
  for _ in range(_ROUNDS):
    kind, victim = rng.choice(sorted(_CODES)), rng.randrange(2)
    hosts = cluster.start(tmp_path)
    cluster.wait_until_learning(hosts, rng.randrange(1, 9))
    newest = _round(hosts, kind, victim, rng, newest)
    _wait_until_nothing_is_left(tmp_path)


@running.NEEDS_LAUNCHPAD
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_an_actor_host_comes_back_and_outlasts_its_learner_host(tmp_path):
  """Half of the rounds are its own."""
  rng = random.Random(82)
  kinds = [*_OF_ACTOR_HOST, *rng.choices(sorted(_CODES), k=2)]
  kinds = rng.sample(2 * kinds, _ACTOR_HOST_ROUNDS)
  listen, newest, hosts, actors = cluster.free_address(), 0, [], None
  for kind in kinds:
    if not hosts:
      hosts = _start(tmp_path, listen)
    cluster.wait_until_learning(hosts, rng.randrange(1, 9))
    if actors is None:
      actors = cluster.ActorHost(
        hosts[0], listen, *cluster.TINY, *_UNBOUND, '--num_hosts=2'
      )
    _wait_until_it_plays(actors, hosts[0])
    if kind in _OF_ACTOR_HOST:
      print(kind, flush=True)
      if kind == 'actor host killed':
        actors.kill_everything()
      else:
        actors.process.send_signal(rng.choice(_TOLD))
        assert actors.end(timeout=60) == 75, actors.text()
      _wait_until_it_is_missed(hosts[0])
      actors = None
      cluster.wait_until_learning(hosts)
      continue
    newest = _round(hosts, kind, rng.randrange(2), rng, newest)
    assert actors.process.poll() is None, actors.text()
    _wait_until_nothing_is_left(tmp_path, but='/host0/actors')
    hosts = []
  assert newest > 0


def _start(root, listen):
  address = cluster.free_address()
  args = (*cluster.TINY, *_UNBOUND)
  return [
    cluster.HostRun(root, address, 0, *args, f'--listen={listen}'),
    cluster.HostRun(root, address, 1, *args),
  ]


def _there(learner):
  """The connections of actor hosts."""
  status = learner.status('relay-0')
  return status is not None and status.extra.get('hosts')


def _wait_until_it_plays(actors, learner):
  learner.wait_until(lambda: _there(learner) and actors.plays(), timeout=300)


def _wait_until_it_is_missed(learner):
  learner.wait_until(lambda: not _there(learner))

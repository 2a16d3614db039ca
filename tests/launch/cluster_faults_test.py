"""Twenty faults, drawn at random, of a run on two learner hosts."""

import os
import random
import signal
import time

import psutil
import pytest

from tests.launch import cluster

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


@pytest.fixture(autouse=True)
def _nothing_left():
  yield
  cluster.end_all()


def _left(directory):
  """Processes of runs below a directory that live."""
  found = []
  for process in psutil.process_iter(['pid', 'cmdline', 'status']):
    command = ' '.join(process.info['cmdline'] or [])
    if str(directory) in command and process.info['status'] != 'zombie':
      found.append(command)
  return found


def _break(kind, host, rng):
  if kind == 'told':
    host.process.send_signal(rng.choice(_TOLD))
  elif kind == 'parent killed':
    host.process.kill()
  else:
    how = {'learner killed': signal.SIGKILL, 'learner stopped': signal.SIGSTOP}
    os.kill(host.status('learner-0').pid, how[kind])


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nothing_saved_is_lost_and_every_start_goes_on(tmp_path):
  rng = random.Random(28)
  newest = 0
  for number in range(_ROUNDS):
    kind, victim = rng.choice(sorted(_CODES)), rng.randrange(2)
    updates = rng.randrange(1, 9)
    hosts = cluster.start(tmp_path)
    cluster.wait_until_learning(hosts, updates)
    reached = hosts[0].rows()[-1]['learner_steps']
    assert reached > newest
    start = time.monotonic()
    _break(kind, hosts[victim], rng)
    own, other = _CODES[kind]
    codes = [host.end(timeout=_LOSS_SECONDS) for host in hosts]
    seconds = time.monotonic() - start
    saved = hosts[0].newest() or 0
    print(
      f'{number}: {kind} on host {victim} after {updates} rows: {codes} after '
      f'{seconds:.1f} s, saved {newest} -> {saved}, reached {reached:.0f}',
      flush=True,
    )
    assert codes[victim] == own, hosts[victim].text()
    assert codes[1 - victim] == other, hosts[1 - victim].text()
    assert saved >= newest
    if kind == 'told':
      assert saved >= reached
    newest = saved
    deadline = time.monotonic() + 30
    while _left(tmp_path):
      assert time.monotonic() < deadline, _left(tmp_path)
      time.sleep(0.5)

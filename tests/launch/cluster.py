"""Starts `launch/run_cluster.py` once for each host, all on this machine."""

import pathlib

from attn_agents.distributed import lifecycle
from attn_agents.utils import machine
from tests.launch import running

TINY = [
  *running.TINY_CATCH,
  '--num_actors=1',
  '--runtime=threads',
]


_STARTED: list[running.LocalRun] = []


class HostRun(running.LocalRun):
  """The command on one host. `logdir` is that of the host."""

  script = 'run_cluster'

  def __init__(self, root: pathlib.Path, address: str, index: int, *args: str):
    given = root / f'host{index}'
    given.mkdir(parents=True, exist_ok=True)
    super().__init__(
      given / 'run', f'--coordinator_address={address}', '--num_hosts=2',
      f'--host_index={index}', '--start_seconds=120', *args,
    )  # fmt: skip
    _STARTED.append(self)
    if index:
      self.logdir = self.logdir / 'hosts' / str(index)


class ActorHost(running.LocalRun):
  """The command on an actor host. `logdir` is that of the host."""

  script = 'run_cluster'

  def __init__(
    self,
    learner: running.LocalRun,
    address: str,
    *args: str,
    key: str = 'keys/actor.pem',
  ):
    keys = [f'--key={learner.logdir}/{key}'] if key else []
    super().__init__(
      learner.logdir.parent / 'actors', '--role=actors',
      f'--learner_address={address}', *keys, *args,
    )  # fmt: skip
    _STARTED.append(self)
    self.logdir = self.logdir / 'hosts' / 'actors0'

  def plays(self) -> bool:
    """Whether its actor does, of its newest start."""
    status = self.status('actor-0')
    return (
      status is not None
      and status.state == 'running'
      and lifecycle.is_alive(status.pid)
    )


def start(root: pathlib.Path, *args: str) -> list[HostRun]:
  """Both hosts with the same arguments."""
  address = free_address()
  return [HostRun(root, address, index, *TINY, *args) for index in range(2)]


def free_address() -> str:
  return f'127.0.0.1:{machine.free_ports(1)[0]}'


def wait_until_learning(hosts: list[HostRun], updates: int = 2) -> None:
  """Until host 0, which writes metrics, has learned with all."""
  before = len(hosts[0].rows())
  hosts[0].wait_until(
    lambda: len(hosts[0].rows()) >= before + updates, timeout=240
  )


def end_together(hosts: list[HostRun]) -> None:
  """That both have made the same updates, with the same parameters."""
  first, second = (host.status('learner-0').extra for host in hosts)
  assert first['updates'] == second['updates'] > 0
  assert first['digest'] == second['digest']
  assert first['saved'] == second['saved']


def end_all() -> None:
  """Leaves nothing behind of what a test has started."""
  while _STARTED:
    host = _STARTED.pop()
    if host.process.poll() is None:
      host.kill_everything()

"""A cluster of Slurm's own daemons on this machine, for tests.

Two nodes, which are two slurmd on two ports, as the user who runs the tests.
Times are short, so that what takes minutes elsewhere takes seconds.
"""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from attn_agents.distributed import tied
from attn_agents.utils import machine

_PROGRAMS = ('slurmctld', 'slurmd', 'sbatch', 'srun', 'scontrol', 'munged')
# Debian keeps the daemons where ordinary users have no PATH to.
_PATH = f'{os.environ["PATH"]}:/usr/sbin:/sbin'
MISSING = [name for name in _PROGRAMS if not shutil.which(name, path=_PATH)]
NEEDS_SLURM = pytest.mark.skipif(
  bool(MISSING),
  reason=f'Slurm is not installed ({", ".join(MISSING)} missing); on Debian: '
  'apt-get install slurmctld slurmd slurm-client munge',
)
KILL_WAIT = 10
_CONFIG = """\
ClusterName=tests
SlurmctldHost={host}
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ports[0]}
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket,cred_expire=5
CryptoType=crypto/munge
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool.%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.%n.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
KillWait={kill_wait}
SlurmdTimeout=15
SlurmctldTimeout=30
InactiveLimit=0
UnkillableStepTimeout=60
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PropagateResourceLimits=NONE
GresTypes=gpu
"""
# JAX looks for its coordinator under the name of a node.
NODES = ('127.0.0.2', '127.0.0.3')
# With GPUs that are not there. No job of a test runs on them.
STAND_INS = ('g1', 'g2', 'g3', 'g4')
_OF_NODES = 'CPUs=4 RealMemory=8000'
_OF_STAND_INS = 'CPUs=128 RealMemory=1000000 Gres=gpu:h100:8'
_NODE = 'NodeName={} NodeHostname={host} NodeAddr={host} Port={} {}\n'
_PARTITIONS = """\
PartitionName=main Nodes={nodes} Default=YES MaxTime=60 PriorityTier=1 \
GraceTime=20
PartitionName=urgent Nodes={nodes} MaxTime=60 PriorityTier=10
PartitionName=gpu Nodes={stand_ins} MaxTime=INFINITE
"""


class Cluster:
  """Daemons that run, and the environment that their commands need."""

  def __init__(self, root: pathlib.Path):
    self.root = root
    self.environment = {
      **os.environ,
      'PATH': _PATH,
      'SLURM_CONF': str(root / 'slurm.conf'),
    }
    self._daemons: dict[str, subprocess.Popen] = {}

  def start(self) -> None:
    """Starts all daemons and waits until both nodes are idle."""
    host, nodes = socket.gethostname(), (*NODES, *STAND_INS)
    ports = machine.free_ports(1 + len(nodes))
    known = {
      'host': host, 'ports': ports, 'root': self.root, 'kill_wait': KILL_WAIT,
      'user': psutil.Process().username(),
    }  # fmt: skip
    (self.root / 'state').mkdir()
    (self.root / 'cgroups').mkdir()
    lines = [
      _NODE.format(
        name, port, _OF_STAND_INS if name in STAND_INS else _OF_NODES, host=host
      )
      for name, port in zip(nodes, ports[1:], strict=True)
    ]
    partitions = _PARTITIONS.format(
      nodes=','.join(NODES), stand_ins=','.join(STAND_INS)
    )
    (self.root / 'slurm.conf').write_text(
      _CONFIG.format(**known) + ''.join(lines) + partitions
    )
    (self.root / 'gres.conf').write_text(
      f'NodeName={",".join(STAND_INS)} Name=gpu Type=h100 '
      f'File={self.root}/gpu[0-7]\n'
    )
    for index in range(8):
      (self.root / f'gpu{index}').touch()
    # Without a version that is asked for, slurmd looks for one and gives up.
    (self.root / 'cgroup.conf').write_text(
      f'CgroupPlugin=cgroup/v1\nCgroupMountpoint={self.root}/cgroups\n'
    )
    key = self.root / 'munge.key'
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    self.daemon(
      'munged', '--foreground', '--force', f'--key-file={key}',
      *(f'--{x}-file={self.root}/munge.{x}' for x in ('pid', 'log', 'seed')),
      f'--socket={self.root}/munge.socket',
    )  # fmt: skip
    self.wait_for((self.root / 'munge.socket').exists, 60)
    self.daemon('slurmctld', '-D')
    for node in nodes:
      self.daemon('slurmd', '-D', '-N', node, name=node)
    self.wait_for(lambda: set(self.nodes().values()) == {'idle'}, 120)

  def daemon(self, program: str, *arguments: str, name: str = '') -> None:
    """Starts one, which ends with this process at the latest."""
    with open(self.root / f'{name or program}.out', 'a') as output:
      self._daemons[name or program] = subprocess.Popen(
        tied.command([program, *arguments]),
        env=self.environment, stdin=subprocess.DEVNULL, stdout=output,
        stderr=output, start_new_session=True,
      )  # fmt: skip

  def run(self, *command: str, check: bool = True) -> str:
    """What a command writes."""
    done = subprocess.run(
      command, env=self.environment, capture_output=True, text=True,
      timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0 or not check, done
    return done.stdout

  def nodes(self) -> dict[str, str]:
    """State of each node."""
    said = self.run('sinfo', '-h', '-N', '-o', '%N %t', check=False)
    return dict(line.split() for line in said.splitlines())

  def job(self, job: str) -> dict[str, str]:
    """What the controller knows of a job or of an element of an array."""
    said = self.run('scontrol', 'show', 'job', job).split()
    return dict(word.split('=', 1) for word in said if '=' in word)

  def wait_for(self, condition: Callable[[], object], seconds: float) -> None:
    """Until it is true."""
    deadline = time.monotonic() + seconds
    while not condition():
      if time.monotonic() > deadline:
        raise AssertionError(
          f'waited {seconds} s in vain; {self.nodes()}\n'
          + self.run('scontrol', 'show', 'job', check=False)
          + _end_of(self.root / 'slurmctld.log')
        )
      time.sleep(0.2)

  def lose(self, node: str) -> None:
    """Ends all processes of a node at once, as a loss of power does."""
    daemon = self._daemons[node]
    daemon.kill()
    daemon.wait()
    self._end_steps(node)

  def _end_steps(self, node: str) -> None:
    for process in psutil.process_iter(['name']):
      if process.info['name'].startswith('slurmstepd') and self._is_of(
        process, node
      ):
        for each in [process, *process.children(recursive=True)]:
          with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()

  def revive(self, node: str) -> None:
    """Starts a lost node again."""
    self.daemon('slurmd', '-D', '-N', node, name=node)

  def _is_of(self, process: psutil.Process, node: str) -> bool:
    """Whether a process of Slurm belongs to a node of this cluster."""
    try:
      children = process.children(recursive=True)
      environments = [each.environ() for each in children]
    except psutil.NoSuchProcess:
      return False
    return any(
      x.get('SLURMD_NODENAME') == node
      and x.get('SLURM_CONF') == self.environment['SLURM_CONF']
      for x in environments
    )

  def stop(self) -> None:
    """Ends all jobs, then the daemons."""
    self.run('scancel', f'--user={psutil.Process().username()}', check=False)
    try:
      self.wait_for(lambda: not self.run('squeue', '-h'), 3 * KILL_WAIT)
    finally:
      for process in self._daemons.values():
        process.terminate()
      for process in self._daemons.values():
        process.wait(20)
      # Of jobs that would not end.
      for node in NODES:
        self._end_steps(node)


def _end_of(path: pathlib.Path) -> str:
  return path.read_text()[-3000:] if path.exists() else ''


@pytest.fixture(scope='module')
def cluster() -> Iterator[Cluster]:
  """Daemons that run until the end of the module."""
  # Paths of sockets are short.
  with tempfile.TemporaryDirectory(prefix='slurm_') as root:
    made = Cluster(pathlib.Path(root))
    try:
      made.start()
      yield made
    finally:
      made.stop()

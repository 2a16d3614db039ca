"""The commands of gcloud that a run on TPU slices takes, as argument lists.

A slice is created, either at once or as a queued resource, which waits for its
turn and can be several slices; then each of its hosts gets this program, builds
its environment and starts its part of the run. What a spot slice has on its
disks is lost with it: its run lies in a bucket.
"""

import dataclasses
import difflib
import re
import shlex
from collections.abc import Mapping, Sequence

from attn_agents.clusters import accelerators
from configs import errors

Command = tuple[str, ...]

_TPUS = ('gcloud', 'compute', 'tpus')
_ZONE = re.compile(r'[a-z]+-[a-z]+\d+-[a-z]')
# To name a near one; others may exist, and gcloud knows.
_ZONES = (
  'us-central1-a', 'us-central1-b', 'us-central1-c', 'us-central1-f',
  'us-central2-b', 'us-east1-c', 'us-east1-d', 'us-east5-a', 'us-east5-b',
  'us-east5-c', 'us-south1-a', 'us-west1-c', 'us-west4-a', 'us-west4-b',
  'europe-west4-a', 'europe-west4-b', 'asia-east1-c', 'asia-northeast1-b',
  'asia-southeast1-b', 'southamerica-east1-c', 'southamerica-west1-a',
)  # fmt: skip
_NAME = re.compile(r'[a-z]([-a-z0-9]{0,48}[a-z0-9])?')
_LONGEST_NAME = 50
_PROJECT = re.compile(r'[a-z][-a-z0-9:.]{4,61}[a-z0-9]')
_FOLDER = 'attn_agents'
ARCHIVE = 'attn_agents.tar.gz'
_LOG = 'run.log'
# States in which a slice is gone, and there is nothing to go on with.
GONE = ('FAILED', 'SUSPENDED', 'SUSPENDING', 'PREEMPTED', 'TERMINATED')
# In which it can be used.
READY = ('ACTIVE', 'READY')


@dataclasses.dataclass(frozen=True)
class Plan:
  """A run on one slice or several.

  Attributes:
    name: of the slice; several are called `<name>-0`, `<name>-1`, ...
    tpu: the kind of each slice.
    zone: where.
    training: flags of the run, e.g. '--game=pong'.
    num_slices: of that kind.
    spot: cheaper, and taken away at any time.
    queued: waits for its turn as a queued resource.
    project: of Google Cloud; '' for gcloud's own.
    runtime_version: software of the hosts; '' for the kind's own.
  """

  name: str
  tpu: accelerators.Slice
  zone: str
  training: tuple[str, ...]
  num_slices: int = 1
  spot: bool = False
  queued: bool = False
  project: str = ''
  runtime_version: str = ''

  def __post_init__(self) -> None:
    if not _NAME.fullmatch(self.name):
      near = re.sub(r'[^a-z0-9-]+', '-', self.name.lower()).strip('-0123456789')
      raise errors.ConfigError(
        f'--name={self.name}: expected at most {_LONGEST_NAME} lower-case '
        'letters, digits and dashes that begin with a letter'
        + (
          f'; the nearest is {near[:_LONGEST_NAME].strip("-")}' if near else ''
        )
      )
    _check_zone(self.zone)
    errors.require(
      1 <= self.num_slices <= 256, '--num_slices', self.num_slices, '1 to 256'
    )
    if self.num_slices > 1 and not self.queued:
      raise errors.ConfigError(
        f'--num_slices={self.num_slices}: several slices are one queued '
        'resource; add --queued'
      )
    if self.project and not _PROJECT.fullmatch(self.project):
      raise errors.ConfigError(
        f"--project={self.project}: expected a project's id: 6 to 63 "
        'lower-case letters, digits and dashes that begin with a letter'
      )

  @property
  def nodes(self) -> tuple[str, ...]:
    """The names of the slices."""
    if self.num_slices == 1:
      return (self.name,)
    return tuple(f'{self.name}-{i}' for i in range(self.num_slices))

  @property
  def hosts(self) -> int:
    """Hosts of all slices."""
    return self.tpu.hosts * self.num_slices

  @property
  def _where(self) -> Command:
    project = (f'--project={self.project}',) if self.project else ()
    return (f'--zone={self.zone}', *project)


def _check_zone(zone: str) -> None:
  if _ZONE.fullmatch(zone):
    return
  close = difflib.get_close_matches(zone.lower(), _ZONES, n=1, cutoff=0.4)
  raise errors.ConfigError(
    f'--zone={zone}: expected a zone such as us-west4-a'
    + (f'; did you mean {close[0]}?' if close else '')
  )


def create(plan: Plan) -> list[Command]:
  """Asks for the slices."""
  version = plan.runtime_version or plan.tpu.generation.runtime_version
  spot = ('--spot',) if plan.spot else ()
  kind = f'--accelerator-type={plan.tpu.type}'
  if not plan.queued:
    return [
      (
        *_TPUS, 'tpu-vm', 'create', plan.name, *plan._where, kind,
        f'--version={version}', *spot,
      )
    ]  # fmt: skip
  nodes: Command = (f'--node-id={plan.name}',)
  if plan.num_slices > 1:
    nodes = (f'--node-count={plan.num_slices}', f'--node-prefix={plan.name}')
  return [
    (
      *_TPUS, 'queued-resources', 'create', plan.name, *plan._where, kind,
      f'--runtime-version={version}', *nodes, *spot,
    )
  ]  # fmt: skip


def state(plan: Plan) -> Command:
  """Says in one word how the slices are: see `READY` and `GONE`."""
  what, field = 'tpu-vm', 'state'
  if plan.queued:
    what, field = 'queued-resources', 'state.state'
  return (
    *_TPUS, what, 'describe', plan.name, *plan._where,
    f'--format=value({field})',
  )  # fmt: skip


def set_up(plan: Plan, archive: str) -> list[Command]:
  """Brings this program to all hosts and builds its environment there.

  Args:
    plan: of the run.
    archive: path of the packed program on this machine.
  """
  unpack = (
    f'mkdir -p {_FOLDER} && '
    f'tar xzf {ARCHIVE} -C {_FOLDER} && cd {_FOLDER} && '
    'make setup setup-buckets VARIANT=tpu'
  )
  return [
    command
    for node in plan.nodes
    for command in (
      (
        *_TPUS, 'tpu-vm', 'scp', archive, f'{node}:{ARCHIVE}', *plan._where,
        '--worker=all',
      ),
      _on_hosts(plan, node, unpack),
    )
  ]  # fmt: skip


def start(plan: Plan) -> list[Command]:
  """Starts the run on all hosts, where it outlives this connection."""
  run = shlex.join(
    [
      *('.venv/bin/python', 'launch/run_cluster.py', '--cluster=tpu'),
      *plan.training,
    ]
  )
  line = (
    f'cd {_FOLDER} && {{ setsid nohup {run} >> {_LOG} 2>&1 < /dev/null & }}'
  )
  return [_on_hosts(plan, node, line) for node in plan.nodes]


def watch(plan: Plan) -> list[Command]:
  """Shows what the first host, which coordinates, prints."""
  line = f'tail -n 50 -F {_FOLDER}/{_LOG}'
  return [_on_hosts(plan, plan.nodes[0], line, worker='0')]


def delete(plan: Plan) -> list[Command]:
  """Gives the slices back."""
  if plan.queued:
    # With what it consists of.
    how: Command = ('--force', '--quiet')
    return [
      (
        *_TPUS, 'queued-resources', 'delete', plan.name, *plan._where, *how,
      )
    ]  # fmt: skip
  return [(*_TPUS, 'tpu-vm', 'delete', plan.name, *plan._where, '--quiet')]


def resume(plan: Plan, archive: str) -> list[Command]:
  """Goes on after the slices were taken away: new ones, the same run."""
  return [
    *delete(plan), *create(plan), *set_up(plan, archive), *start(plan)
  ]  # fmt: skip


def steps(plan: Plan, archive: str) -> Mapping[str, Sequence[Command]]:
  """All commands, by the step that each belongs to."""
  return {
    'create': create(plan),
    'setup': set_up(plan, archive),
    'start': start(plan),
    'watch': watch(plan),
    'resume': resume(plan, archive),
    'delete': delete(plan),
  }


def _on_hosts(plan: Plan, node: str, line: str, worker: str = 'all') -> Command:
  """A command for the shells of a slice's hosts."""
  return (
    *_TPUS, 'tpu-vm', 'ssh', node, *plan._where, f'--worker={worker}',
    f'--command={line}',
  )  # fmt: skip

"""A run in Kubernetes: an indexed Job, or a JobSet, and what goes with it.

Each pod is a learner host with its own actors. Pods are called `<name>-<index>`
in a subdomain, by which they find one another. A pod that ends with 75 was
stopped by the machine and has saved, so it is started again and does not count
as failed; 2 is bad input, which no new start makes better.
"""

import dataclasses
import re
from typing import Any

from attn_agents.clusters import accelerators
from configs import errors

Manifest = dict[str, Any]

KINDS = ('job', 'jobset')
# Of the coordinator of JAX; where hosts of a JobSet look for it.
COORDINATOR_PORT = 55527
_FOLDER = '/attn_agents'
_LABEL = 'attn-agents/run'
_CONTAINER = 'run'
_TO_BE_CONTINUED = 75
# Of a run that was stopped before it had saved anything.
_STOPPED = (129, 138, 143)
_BAD_INPUT = 2
# A run saves within 20 seconds, and its bucket may need as long.
_GRACE_SECONDS = 60
_RESTARTS = 3
# Names of a pod, `<name>-learners-0-<index>`, are of 63 characters at most.
_NAME = re.compile(r'[a-z]([-a-z0-9]{0,38}[a-z0-9])?')
_IMAGE = re.compile(r'[a-z0-9][\w.-]*(:\d+)?(/[a-z0-9][\w.-]*)*'
                    r'(:[\w][\w.-]*)?(@sha256:[0-9a-f]{64})?')  # fmt: skip
_QUANTITY = re.compile(r'[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?')
_GPUS = re.compile(r'gpu:([1-9]\d?)')
_MAX_HOSTS = 32


@dataclasses.dataclass(frozen=True)
class Job:
  """A run to be described.

  Attributes:
    name: of it and all that belongs to it.
    image: of the container; its program lies in /attn_agents.
    training: flags of the run.
    hosts: pods that learn; with TPUs, as many as the slice has.
    accelerator: 'none', 'gpu:<count of each pod>', or a type of TPU slice.
    cpus: of each pod.
    memory: of each pod.
    claim: a PersistentVolumeClaim for runs/; '' where the run lies in a bucket.
    service_account: whose rights the pods have; '' for the default.
    namespace: '' for the one that kubectl takes.
  """

  name: str
  image: str
  training: tuple[str, ...]
  hosts: int = 1
  accelerator: str = 'none'
  cpus: str = '8'
  memory: str = '16Gi'
  claim: str = ''
  service_account: str = ''
  namespace: str = ''

  def __post_init__(self) -> None:
    for flag, value in (
      ('name', self.name),
      ('claim', self.claim or 'x'),
      ('service_account', self.service_account or 'x'),
      ('namespace', self.namespace or 'x'),
    ):
      if not _NAME.fullmatch(value):
        near = re.sub(r'[^a-z0-9]+', '-', value.lower()).strip('-0123456789')
        raise errors.ConfigError(
          f'--{flag}={value}: expected at most 40 lower-case letters, digits '
          'and dashes that begin with a letter'
          + (f'; the nearest is {near[:40].strip("-")}' if near else '')
        )
    errors.require(
      _IMAGE.fullmatch(self.image) is not None,
      '--image',
      self.image,
      'the name of an image, e.g. registry/attn_agents:cpu',
    )
    errors.require(
      1 <= self.hosts <= _MAX_HOSTS, '--hosts', self.hosts, f'1 to {_MAX_HOSTS}'
    )
    for flag, value in (('cpus', self.cpus), ('memory', self.memory)):
      errors.require(
        _QUANTITY.fullmatch(value) is not None,
        f'--{flag}',
        value,
        'a quantity of Kubernetes, e.g. 8 or 500m for cpus, 16Gi for memory',
      )

  @property
  def tpu(self) -> accelerators.Slice | None:
    """The slice, if it runs on one.

    Raises:
      ConfigError: there is no such accelerator, or another number of hosts.
    """
    if self.accelerator == 'none' or _GPUS.fullmatch(self.accelerator):
      return None
    if not self.accelerator.startswith('v'):
      raise errors.ConfigError(
        f'--accelerator={self.accelerator}: expected none, gpu:<count of each '
        'pod>, e.g. gpu:8, or a type of TPU slice, e.g. v5litepod-16'
      )
    found = accelerators.parse('--accelerator', self.accelerator)
    if not found.generation.kubernetes:
      raise errors.ConfigError(
        f'--accelerator={self.accelerator}: Kubernetes has none of these; the '
        'nearest is v3-8'
      )
    if self.hosts not in (1, found.hosts):
      raise errors.ConfigError(
        f'--hosts={self.hosts}: a slice {found.type} has {found.hosts} hosts'
      )
    return found

  @property
  def pods(self) -> int:
    """Pods that learn."""
    return self.tpu.hosts if self.tpu else self.hosts


def make(job: Job, kind: str) -> list[Manifest]:
  """The manifests of a run.

  Args:
    job: what runs.
    kind: one of `KINDS`.
  """
  if kind == 'jobset':
    # It makes its own service.
    return [_network_policy(job), _job_set(job)]
  return [_service(job), _network_policy(job), _job(job)]


def _metadata(job: Job, name: str = '') -> Manifest:
  made = {'name': name or job.name, 'labels': {_LABEL: job.name}}
  return {**made, 'namespace': job.namespace} if job.namespace else made


def _service(job: Job) -> Manifest:
  """Gives the pods names; a pod that starts must find one that does, too."""
  return {
    'apiVersion': 'v1',
    'kind': 'Service',
    'metadata': _metadata(job),
    'spec': {
      'clusterIP': 'None',
      'publishNotReadyAddresses': True,
      'selector': {_LABEL: job.name},
      'ports': [{'name': 'coordinator', 'port': COORDINATOR_PORT}],
    },
  }


def _network_policy(job: Job) -> Manifest:
  """Lets nobody in but the run's own pods.

  A container may make no network namespace of its own, as a rule, so that this
  protects the ports in its place.
  """
  own = {'podSelector': {'matchLabels': {_LABEL: job.name}}}
  return {
    'apiVersion': 'networking.k8s.io/v1',
    'kind': 'NetworkPolicy',
    'metadata': _metadata(job),
    'spec': {
      **own,
      'policyTypes': ['Ingress'],
      'ingress': [{'from': [own]}],
    },
  }


def _exit_codes(codes: tuple[int, ...], action: str) -> Manifest:
  return {
    'action': action,
    'onExitCodes': {
      'containerName': _CONTAINER,
      'operator': 'In',
      'values': list(codes),
    },
  }


def _disruption(action: str) -> Manifest:
  """Of a pod that the cluster takes away: preempted, drained, evicted."""
  return {
    'action': action,
    'onPodConditions': [{'type': 'DisruptionTarget', 'status': 'True'}],
  }


def _job(job: Job) -> Manifest:
  return {
    'apiVersion': 'batch/v1',
    'kind': 'Job',
    'metadata': _metadata(job),
    'spec': {
      'completionMode': 'Indexed',
      'completions': job.pods,
      'parallelism': job.pods,
      'backoffLimitPerIndex': _RESTARTS,
      # No host can be done without.
      'maxFailedIndexes': 0,
      'podFailurePolicy': {
        'rules': [
          _exit_codes((_TO_BE_CONTINUED, *_STOPPED), 'Ignore'),
          _disruption('Ignore'),
          _exit_codes((_BAD_INPUT,), 'FailJob'),
        ]
      },
      'template': _pod(job, subdomain=job.name),
    },
  }


def _job_set(job: Job) -> Manifest:
  """Starts all pods again where one was stopped."""
  return {
    'apiVersion': 'jobset.x-k8s.io/v1alpha2',
    'kind': 'JobSet',
    'metadata': _metadata(job),
    'spec': {
      'failurePolicy': {
        'maxRestarts': _RESTARTS,
        'rules': [
          {
            'name': 'stopped',
            # What the Job below says of 75, and of a pod that was taken away.
            'action': 'RestartJobSetAndIgnoreMaxRestarts',
            'onJobFailureReasons': ['PodFailurePolicy'],
          }
        ],
      },
      'replicatedJobs': [
        {
          'name': 'learners',
          'replicas': 1,
          'template': {
            'spec': {
              'completionMode': 'Indexed',
              'completions': job.pods,
              'parallelism': job.pods,
              'backoffLimit': 0,
              'podFailurePolicy': {
                'rules': [
                  _exit_codes((_TO_BE_CONTINUED, *_STOPPED), 'FailJob'),
                  _disruption('FailJob'),
                ]
              },
              'template': _pod(job),
            }
          },
        }
      ],
    },
  }


def _pod(job: Job, subdomain: str = '') -> Manifest:
  runs: Manifest = {'emptyDir': {}}
  if job.claim:
    runs = {'persistentVolumeClaim': {'claimName': job.claim}}
  resources = {'cpu': job.cpus, 'memory': job.memory}
  spec: Manifest = {
    # What ends a pod is told by its exit code, so that another takes its place.
    'restartPolicy': 'Never',
    'terminationGracePeriodSeconds': _GRACE_SECONDS,
  }
  if subdomain:
    spec['subdomain'] = subdomain
  if job.service_account:
    spec['serviceAccountName'] = job.service_account
  if job.tpu:
    resources['google.com/tpu'] = str(job.tpu.chips_per_host)
    spec['nodeSelector'] = {
      'cloud.google.com/gke-tpu-accelerator': job.tpu.generation.kubernetes,
      'cloud.google.com/gke-tpu-topology': job.tpu.topology,
    }
  elif gpus := _GPUS.fullmatch(job.accelerator):
    resources['nvidia.com/gpu'] = gpus[1]
  spec['containers'] = [
    {
      'name': _CONTAINER,
      'image': job.image,
      'workingDir': _FOLDER,
      'command': [
        '.venv/bin/python',
        'launch/run_cluster.py',
        '--cluster=kubernetes',
        *job.training,
      ],
      'env': [{'name': 'NUM_HOSTS', 'value': str(job.pods)}],
      'ports': [{'containerPort': COORDINATOR_PORT, 'protocol': 'TCP'}],
      'resources': {'requests': resources, 'limits': resources},
      'volumeMounts': [{'name': 'runs', 'mountPath': f'{_FOLDER}/runs'}],
    }
  ]
  spec['volumes'] = [{'name': 'runs', **runs}]
  return {'metadata': {'labels': {_LABEL: job.name}}, 'spec': spec}

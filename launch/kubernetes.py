#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
r"""Prints the manifests of a run in Kubernetes, for `kubectl apply -f -`.

    launch/kubernetes.py --image=registry/attn_agents:cpu --hosts=2 \
        --logdir=gs://bucket/runs/pong --game=pong | kubectl apply -f -

An indexed Job, or with --kind=jobset a JobSet. All other flags are those of the
run. Exit codes: 0 printed; 2 bad input.
"""

import sys

import yaml
from absl import flags

from attn_agents.clusters import manifests
from attn_agents.runs.buckets import addresses
from attn_agents.utils import output
from configs import errors
from launch import command_line, training_flags

_KIND = flags.DEFINE_string(
  'kind',
  'job',
  'job: an indexed Job. jobset: a JobSet, which must be installed.',
)
_NAME = flags.DEFINE_string(
  'name', None, 'Name of the run there. If unset: attn-agents-<agent>-<game>.'
)
_IMAGE = flags.DEFINE_string(
  'image', None, 'The container image; see docs/clusters.md.'
)
_HOSTS = flags.DEFINE_integer(
  'hosts', 1, 'Pods that learn together; a TPU slice says it itself.'
)
_ACCELERATOR = flags.DEFINE_string(
  'accelerator',
  'none',
  'none, gpu:<count of each pod>, or a type of TPU slice, e.g. v5litepod-16.',
)
_CPUS = flags.DEFINE_string('cpus', '8', 'CPUs of each pod.')
_MEMORY = flags.DEFINE_string('memory', '16Gi', 'Memory of each pod.')
_CLAIM = flags.DEFINE_string(
  'claim', '', 'A PersistentVolumeClaim for runs/, if the run is in no bucket.'
)
_SERVICE_ACCOUNT = flags.DEFINE_string(
  'service_account', '', 'Whose rights the pods have, on a bucket above all.'
)
_NAMESPACE = flags.DEFINE_string(
  'namespace', '', 'Of Kubernetes. If unset: that of kubectl.'
)


def main() -> int:
  """Prints the manifests; returns the exit code."""
  if not _IMAGE.value:
    raise errors.ConfigError(
      '--image is not set; expected the name of an image, e.g. '
      '--image=registry/attn_agents:cpu'
    )
  errors.choice('--kind', _KIND.value, manifests.KINDS)
  run = training_flags.given()
  if addresses.is_address(run.logdir):
    addresses.parse('--logdir', run.logdir)
  elif not _CLAIM.value:
    raise errors.ConfigError(
      f'--logdir={run.logdir}: pods lose their disks; expected a bucket, '
      'gs://bucket/path or s3://bucket/path, or --claim with a '
      'PersistentVolumeClaim'
    )
  name = f'attn-agents-{run.agent}-{run.game}'.replace('_', '-')[:40].rstrip(
    '-'
  )
  job = manifests.Job(
    name=_NAME.value or name,
    image=_IMAGE.value,
    training=run.arguments,
    hosts=_HOSTS.value,
    accelerator=_ACCELERATOR.value,
    cpus=_CPUS.value,
    memory=_MEMORY.value,
    claim=_CLAIM.value,
    service_account=_SERVICE_ACCOUNT.value,
    namespace=_NAMESPACE.value,
  )
  made = manifests.make(job, _KIND.value)
  output.say(yaml.dump_all(made, sort_keys=False, Dumper=_Dumper).rstrip())
  return 0


class _Dumper(yaml.SafeDumper):
  """Writes what appears twice twice, as people do."""

  def ignore_aliases(self, data: object) -> bool:
    """No anchors."""
    del data
    return True


if __name__ == '__main__':
  sys.exit(command_line.run(main))

"""Which hosts there are, as clusters say."""

from attn_agents.clusters import manifests
from attn_agents.distributed.hosts import finding

_POD = {'JOB_COMPLETION_INDEX': '3', 'NUM_HOSTS': '4'}


def test_pods_of_an_indexed_job_find_the_first_by_its_name():
  found = finding.of_indexed_job(_POD, 'pong-3.pong.default.svc.cluster.local')
  assert found.address == (
    f'pong-0.pong.default.svc.cluster.local:{manifests.COORDINATOR_PORT}'
  )
  assert (found.index, found.count) == (3, 4)
  # A JobSet's pods are called after the JobSet, the group and its replica.
  found = finding.of_indexed_job(_POD, 'pong-learners-0-3.pong.x')
  assert found.address.startswith('pong-learners-0-0.pong.x:')


def test_what_is_no_such_pod():
  assert finding.of_indexed_job({}, 'host') is None
  assert finding.of_indexed_job({'NUM_HOSTS': '2'}, 'host-0') is None

"""Which hosts there are, as clusters say."""

import json
import subprocess
import sys

import pytest
from jax._src import clusters

from attn_agents.clusters import manifests
from attn_agents.distributed import topology
from attn_agents.distributed.hosts import finding
from configs import errors

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


def test_a_pod_without_a_domain_is_found_by_its_name_alone():
  found = finding.of_indexed_job(_POD, 'pong-3')
  assert found.address == f'pong-0:{manifests.COORDINATOR_PORT}'
  assert found.how == 'found in the indexed Job'
  for name in _POD:
    assert finding.of_indexed_job(_POD | {name: ''}, 'pong-3') is None


@pytest.fixture(name='asked')
def _asked(monkeypatch):
  """What was asked of JAX, which answers as the test says."""

  def run(command, **options):
    asked.append((command, options))
    code, out, err = asked.answer
    return subprocess.CompletedProcess(command, code, out, err)

  class _Asked(list):
    answer = (0, 'null\n', '')

  asked = _Asked()
  monkeypatch.setattr(finding.subprocess, 'run', run)
  monkeypatch.setattr(finding.socket, 'getfqdn', lambda: 'pong-3.pong')
  for name in _POD:
    monkeypatch.delenv(name, raising=False)
  return asked


@pytest.mark.parametrize(
  ('cluster', 'by_name'),
  [('auto', True), ('kubernetes', True), ('slurm', False), ('tpu', False)],
)
def test_an_indexed_job_needs_no_jax(asked, monkeypatch, cluster, by_name):
  for name, value in _POD.items():
    monkeypatch.setenv(name, value)
  found = finding.find(cluster)
  assert (found is not None) == by_name
  assert len(asked) == (0 if by_name else 1)
  if by_name:
    assert found.address.startswith('pong-0.pong:')


def test_what_jax_finds_is_the_last_line_it_says(asked):
  assert finding.find('auto') is None
  said = {'address': 'n1:7', 'count': 2, 'index': 1, 'how': 'found by JAX'}
  asked.answer = (0, f'a plugin\n{json.dumps(said)}\n', 'a warning')
  assert finding.find('slurm') == topology.Hosts(**said)
  command, options = asked[1]
  assert command[1:] == ['-m', finding.__name__, 'slurm']
  assert options['timeout'] == 120.0
  assert options['stdin'] == subprocess.DEVNULL
  assert (options['cwd'] / 'attn_agents').is_dir()


@pytest.mark.parametrize(
  ('err', 'last'), [('x\nno host\n', 'no host'), ('', 'no message')]
)
def test_why_jax_finds_nothing_is_said(asked, err, last):
  asked.answer = (1, '', err)
  with pytest.raises(errors.ConfigError) as caught:
    finding.find('tpu')
  assert str(caught.value).startswith(
    f'--cluster=tpu: JAX does not find out which hosts there are ({last}); '
  )


class _Kind:
  """A cluster as JAX has them."""

  opt_in_only_method = False
  present = True

  @classmethod
  def is_env_present(cls):
    return cls.present

  @classmethod
  def get_coordinator_address(cls, timeout_secs):
    return f'{cls.__name__}:{timeout_secs}'

  @staticmethod
  def get_process_count():
    return 4

  @staticmethod
  def get_process_id():
    return 3


def _kind(class_name, **attributes):
  return type(class_name, (_Kind,), attributes)


@pytest.mark.parametrize(
  ('cluster', 'address', 'name'),
  # The first that is there, or that of the wanted kind.
  [('auto', 'A', 'slurm'), ('tpu', 'B', 'gketpu'),
   ('kubernetes', 'K8sCluster', 'K8sCluster')],
)  # fmt: skip
def test_of_the_clusters_that_jax_knows_one_is_taken(
  monkeypatch, capsys, cluster, address, name
):
  kinds = [
    _kind('X', name='mpi', opt_in_only_method=True),
    _kind('Y', name='ompi', present=False), _kind('A', name='slurm'),
    _kind('B', name='gketpu'), _kind('K8sCluster'),
  ]  # fmt: skip
  monkeypatch.setattr(clusters.ClusterEnv, '_cluster_types', kinds)
  monkeypatch.setattr(sys, 'argv', ['finding', cluster])
  assert finding.main() == 0
  assert json.loads(capsys.readouterr().out) == {
    'address': f'{address}:120', 'count': 4, 'index': 3,
    'how': f'found by JAX ({name})',
  }  # fmt: skip


def test_where_there_is_no_cluster_none_is_said(monkeypatch, capsys):
  kinds = [_kind('A', name='slurm', present=False)]
  monkeypatch.setattr(clusters.ClusterEnv, '_cluster_types', kinds)
  monkeypatch.setattr(sys, 'argv', ['finding', 'auto'])
  assert finding.main() == 0
  assert capsys.readouterr().out == 'null\n'
  monkeypatch.setattr(sys, 'argv', ['finding', 'slurm'])
  with pytest.raises(SystemExit, match='is not in a cluster of that kind'):
    finding.main()

"""The manifests, as the schemas of Kubernetes and of JobSet have them."""

import copy
import itertools

import kubernetes_validate
import pytest
from kubeflow_trainer_api import models

from attn_agents.clusters import manifests
from configs import errors

_VERSIONS = ('1.31', '1.37')


def _job(**changes):
  values = {
    'name': 'mine',
    'image': 'registry:5000/people/attn_agents:cpu',
    'training': ('--game=pong', '--logdir=gs://bucket/a'),
  }
  return manifests.Job(**{**values, **changes})


_JOBS = [
  _job(),
  _job(hosts=4, accelerator='gpu:8', cpus='500m', memory='1.5Ti'),
  _job(
    accelerator='v5litepod-16', service_account='trainer', namespace='people'
  ),
  _job(claim='runs'),
]


def _require_valid(made: manifests.Manifest) -> None:
  if made['kind'] == 'JobSet':
    # It drops what it does not know.
    found = models.JobsetV1alpha2JobSet.from_dict(copy.deepcopy(made))
    assert found.to_dict() == made
    # And looks at pods less closely than Kubernetes does.
    for job in made['spec']['replicatedJobs']:
      _require_valid(
        {
          'apiVersion': 'batch/v1',
          'kind': 'Job',
          'metadata': {'name': 'x'},
          **job['template'],
        }
      )
    return
  for version in _VERSIONS:
    kubernetes_validate.validate(made, version, strict=True)


@pytest.mark.parametrize('job, kind', itertools.product(_JOBS, manifests.KINDS))
def test_manifests_are_valid(job, kind):
  made = manifests.make(job, kind)
  for each in made:
    _require_valid(each)
    assert each['metadata']['name'] == job.name
    assert each['metadata'].get('namespace', '') == job.namespace


@pytest.mark.parametrize('kind', manifests.KINDS)
def test_what_is_not_valid_is_seen(kind):
  """Of the looks above: each field that is missing or misspelt fails them."""
  made = manifests.make(_JOBS[1], kind)[-1]
  pod = made['spec']
  if kind == 'jobset':
    pod = pod['replicatedJobs'][0]['template']['spec']
  for spoil in (
    lambda: pod.pop('template'),
    lambda: pod.update(completionmode='Indexed'),
    lambda: pod.update(parallelism='two'),
    lambda: pod['podFailurePolicy']['rules'][0].pop('action'),
    lambda: pod['template']['spec'].pop('containers'),
    lambda: pod['template']['spec'].update(subDomain='x'),
  ):
    before = copy.deepcopy(pod)
    spoil()
    with pytest.raises(
      (AssertionError, ValueError, kubernetes_validate.ValidationError)
    ):
      _require_valid(made)
    pod.clear()
    pod.update(before)
  _require_valid(made)


def _rules(made, kind):
  spec = made['spec']
  if kind == 'jobset':
    spec = spec['replicatedJobs'][0]['template']['spec']
  return {
    code: rule['action']
    for rule in spec['podFailurePolicy']['rules']
    for code in rule.get('onExitCodes', {}).get('values', ['taken away'])
  }


def test_75_is_started_again_and_2_is_not():
  job, job_set = (manifests.make(_job(), kind)[-1] for kind in manifests.KINDS)
  again = {75, 129, 138, 143, 'taken away'}
  assert _rules(job, 'job') == {2: 'FailJob', **dict.fromkeys(again, 'Ignore')}
  assert job['spec']['maxFailedIndexes'] == 0
  # There the whole set starts again, which does not count.
  assert _rules(job_set, 'jobset') == dict.fromkeys(again, 'FailJob')
  (rule,) = job_set['spec']['failurePolicy']['rules']
  assert rule['onJobFailureReasons'] == ['PodFailurePolicy']
  assert rule['action'] == 'RestartJobSetAndIgnoreMaxRestarts'


def test_pods_find_one_another():
  service, policy, job = manifests.make(_JOBS[1], 'job')
  spec = job['spec']
  pod = spec['template']
  labels = pod['metadata']['labels']
  assert spec['completionMode'] == 'Indexed'
  assert spec['completions'] == spec['parallelism'] == 4
  assert pod['spec']['subdomain'] == service['metadata']['name']
  assert service['spec']['clusterIP'] == 'None'
  assert service['spec']['publishNotReadyAddresses'] is True
  assert service['spec']['selector'].items() <= labels.items()
  assert policy['spec']['podSelector']['matchLabels'].items() <= labels.items()
  (container,) = pod['spec']['containers']
  assert container['env'] == [{'name': 'NUM_HOSTS', 'value': '4'}]
  assert container['resources']['limits']['nvidia.com/gpu'] == '8'
  assert container['command'][:3] == [
    '.venv/bin/python',
    'launch/run_cluster.py',
    '--cluster=kubernetes',
  ]
  assert tuple(container['command'][3:]) == _JOBS[1].training


def _pod(job, kind='job'):
  spec = manifests.make(job, kind)[-1]['spec']
  if kind == 'jobset':
    spec = spec['replicatedJobs'][0]['template']['spec']
    assert spec['completions'] == spec['parallelism'] == job.pods
  return spec['template']['spec']


def test_what_a_pod_has():
  pod = _pod(_JOBS[0])
  (container,) = pod['containers']
  wanted = {'cpu': '8', 'memory': '16Gi'}
  assert container['resources'] == {'requests': wanted, 'limits': wanted}
  assert container['image'] == _JOBS[0].image
  assert container['workingDir'] == '/attn_agents'
  assert container['env'] == [{'name': 'NUM_HOSTS', 'value': '1'}]
  # Where hosts of a JobSet look for the first one.
  assert container['ports'][0]['containerPort'] == 55527
  assert container['volumeMounts'] == [
    {'name': 'runs', 'mountPath': '/attn_agents/runs'}
  ]
  assert pod['volumes'] == [{'name': 'runs', 'emptyDir': {}}]
  assert pod['restartPolicy'] == 'Never'
  # A run saves within 20 seconds, and its bucket may need as long.
  assert pod['terminationGracePeriodSeconds'] >= 40
  assert not {'serviceAccountName', 'nodeSelector'} & pod.keys()
  resources = _pod(_JOBS[1])['containers'][0]['resources']['requests']
  assert resources == {'cpu': '500m', 'memory': '1.5Ti', 'nvidia.com/gpu': '8'}
  assert _pod(_JOBS[2])['serviceAccountName'] == 'trainer'
  assert _pod(_JOBS[3])['volumes'] == [
    {'name': 'runs', 'persistentVolumeClaim': {'claimName': 'runs'}}
  ]


def test_a_set_makes_its_own_service_and_takes_pods_alike():
  policy, made = manifests.make(_JOBS[1], 'jobset')
  assert (policy['kind'], made['kind']) == ('NetworkPolicy', 'JobSet')
  # Nobody else comes in.
  own = {'podSelector': {'matchLabels': {'attn-agents/run': 'mine'}}}
  assert policy['spec']['ingress'] == [{'from': [own]}]
  pod = _pod(_JOBS[1], 'jobset')
  assert 'subdomain' not in pod
  assert pod == {k: v for k, v in _pod(_JOBS[1]).items() if k != 'subdomain'}
  # One that fails by itself comes back three times, here and in a job.
  job = manifests.make(_JOBS[1], 'job')[-1]
  assert job['spec']['backoffLimitPerIndex'] == 3
  assert made['spec']['failurePolicy']['maxRestarts'] == 3
  (learners,) = made['spec']['replicatedJobs']
  assert learners['replicas'] == 1
  assert learners['template']['spec']['backoffLimit'] == 0


def test_a_slice_of_tpus_says_how_many_pods_it_takes():
  job = manifests.make(_JOBS[2], 'job')[-1]
  assert job['spec']['completions'] == 4
  pod = job['spec']['template']['spec']
  assert pod['nodeSelector'] == {
    'cloud.google.com/gke-tpu-accelerator': 'tpu-v5-lite-podslice',
    'cloud.google.com/gke-tpu-topology': '4x4',
  }
  assert pod['containers'][0]['resources']['limits']['google.com/tpu'] == '4'


@pytest.mark.parametrize(
  'changes, said',
  [
    ({'name': 'A_b'}, 'the nearest is a-b'),
    ({'name': 'a' * 41}, f'the nearest is {"a" * 40}'),
    ({'image': 'X/y'}, '--image=X/y: expected the name of an image'),
    ({'hosts': 33}, '--hosts=33: expected 1 to 32'),
    ({'hosts': 0}, '--hosts=0: expected 1 to 32'),
    ({'name': f'{"a" * 39}-b'}, f'the nearest is {"a" * 39}'),
    ({'name': '_'}, '--name=_: expected at most 40'),
    ({'namespace': 'No'}, '--namespace=No: expected at most 40'),
    ({'service_account': 'No'}, '--service_account=No: expected at most 40'),
    ({'accelerator': 'h100'}, 'expected none, gpu:<count of each pod>'),
    ({'accelerator': 'gpu:0'}, 'expected none, gpu:<count of each pod>'),
    ({'accelerator': 'v2-8'}, 'the nearest is v3-8'),
    ({'accelerator': 'v5litepod-17'}, 'the nearest is v5litepod-16'),
    ({'accelerator': 'v5litepod-16', 'hosts': 3}, 'v5litepod-16 has 4 hosts'),
    ({'memory': '16GB'}, '--memory=16GB: expected a quantity'),
    ({'cpus': '-1'}, '--cpus=-1: expected a quantity'),
    ({'claim': 'My claim'}, 'the nearest is my-claim'),
  ],
)
def test_what_is_wrong_is_refused_in_one_line(changes, said):
  with pytest.raises(errors.ConfigError) as caught:
    manifests.make(_job(**changes), 'job')
  assert said in str(caught.value)
  assert '\n' not in str(caught.value)


def test_the_largest_that_is_taken():
  job = _job(name='a' * 40, hosts=32, accelerator='gpu:16')
  assert job.pods == 32
  # A slice has as many pods as hosts, whether that is said or not.
  for hosts in (1, 4):
    assert _job(hosts=hosts, accelerator='v5litepod-16').pods == 4

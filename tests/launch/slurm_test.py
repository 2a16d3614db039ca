"""Batch jobs on real Slurm: two nodes on this machine.

What runs in them is a stand-in but in the last test.
"""

import re
import shlex
import subprocess
import sys

import pytest

from attn_agents.clusters import slurm_arrays
from tests.launch import running, slurm_cluster, slurm_stand_in_job

cluster = slurm_cluster.cluster
pytestmark = slurm_cluster.NEEDS_SLURM

_HOME = '/home/me/attn_agents'


@pytest.fixture
def submit(cluster, tmp_path):
  jobs = []

  def make(*arguments, **changes):
    jobs.append(
      slurm_stand_in_job.StandInJob(cluster, tmp_path, *arguments, **changes)
    )
    return jobs[-1]

  yield make
  for each in jobs:
    cluster.run('scancel', each.job, check=False)


# Jobs that do not disturb one another, so that they wait together: Slurm lets
# none start again within `cred_expire`.
_EARLY = {
  'done': (('--lasts=1',), {}),
  'bad': (('--lasts=0', '--code=2'), {}),
  'near the limit': ((), {}),
  'requeued': ((), {}),
  'nowhere': (('--idle',), {'most_idle': 1}),
}


@pytest.fixture(scope='module')
def early(cluster, tmp_path_factory):
  """They have started, and were told what their tests are about."""
  jobs = {
    name: slurm_stand_in_job.StandInJob(
      cluster, tmp_path_factory.mktemp('early'), *arguments, **changes
    )
    for name, (arguments, changes) in _EARLY.items()
  }
  for name in ('near the limit', 'nowhere'):
    jobs[name].wait_for_start()
    # What Slurm sends where --signal says so, without the wait for the limit.
    cluster.run('scancel', '--batch', '--signal=USR1', jobs[name].job)
  jobs['requeued'].wait_for_start()
  cluster.run('scontrol', 'requeue', jobs['requeued'].job)
  yield jobs
  for each in jobs.values():
    cluster.run('scancel', each.job, check=False)


def test_a_run_that_is_done_is_completed(early, cluster):
  job = early['done']
  job.wait_for_state('COMPLETED')
  found = cluster.job(job.job)
  assert (found['ExitCode'], found['Restarts']) == ('0:0', '0')
  assert job.events()[-1] == 'ended with 0'


def test_bad_input_fails_and_does_not_come_back(early, cluster):
  job = early['bad']
  job.wait_for_state('FAILED')
  found = cluster.job(job.job)
  assert (found['ExitCode'], found['Restarts']) == ('2:0', '0')


def test_near_the_limit_it_saves_and_goes_on_from_there(early, cluster):
  job = early['near the limit']
  job.wait_for_start(restart=1)
  assert job.heard() == (0, ['SIGUSR1'])
  assert job.heard(restart=1)[0] == 1
  first, *between, last = job.events()
  assert first.endswith(', restart 0, checkpoint -')
  assert between == [
    'told to save: the time limit is near',
    'ended with 75, requeued',
  ]
  assert last.endswith(', restart 1, checkpoint 1')
  assert cluster.job(job.job)['Restarts'] == '1'
  cluster.run('scancel', job.job)


def test_scontrol_requeue_saves_and_goes_on(early, cluster):
  job = early['requeued']
  job.wait_for_start(restart=1)
  first, heard = job.heard()
  assert first == 0
  assert {'SIGCONT', 'SIGTERM'} <= set(heard)
  assert job.heard(restart=1)[0] == 1
  assert 'ended with 75, requeued by Slurm' in job.events()
  # Once by Slurm, and not a second time by the script.
  assert cluster.job(job.job)['Restarts'] == '1'
  cluster.run('scancel', job.job)


def test_a_job_that_gets_nowhere_fails_by_name(early, cluster):
  job = early['nowhere']
  job.wait_for_state('FAILED')
  assert job.events()[-1] == (
    'failed: 1 starts in a row brought no new checkpoint'
  )
  assert cluster.job(job.job)['Restarts'] == '0'


def test_a_preempted_run_saves_in_its_grace_time_and_comes_back(
  submit, cluster
):
  job = submit(nodes=2)
  job.wait_for_start(tasks=2)
  urgent = cluster.run(
    'sbatch', '--parsable', '--partition=urgent', '--nodes=2', '--exclusive',
    '--time=1', '--output=/dev/null', '--wrap=true',
  ).strip()  # fmt: skip
  cluster.wait_for(lambda: cluster.job(urgent)['JobState'] == 'COMPLETED', 60)
  job.wait_for_start(restart=1, tasks=2)
  for task in range(2):
    assert 'SIGTERM' in job.heard(task=task)[1]
    assert job.heard(restart=1, task=task)[0] == 1
  assert 'ended with 75, requeued' in job.events()


def test_a_drained_node_is_left(submit, cluster):
  job = submit()
  job.wait_for_start()
  node = cluster.job(job.job)['NodeList']
  (other,) = {*slurm_cluster.NODES} - {node}
  change = ('scontrol', 'update', f'nodename={node}')
  cluster.run(*change, 'state=drain', 'reason=test')
  try:
    job.wait_for_start(restart=1)
  finally:
    cluster.run(*change, 'state=resume')
  assert job.heard() == (0, ['SIGUSR1'])
  assert job.events()[1] == 'told to save: a node is drained'
  assert job.events()[-1] == f'started on {other}, restart 1, checkpoint 1'


def test_scancel_saves_and_it_stays_cancelled(submit, cluster, tmp_path):
  job = submit()
  job.wait_for_start()
  cluster.run('scancel', job.job)
  job.wait_for_state('CANCELLED')
  assert job.events()[-1] == 'ended with 75, cancelled'
  assert (tmp_path / 'checkpoints' / '1').is_dir()
  assert cluster.job(job.job)['Restarts'] == '0'


def test_one_element_of_an_array_comes_back_alone(submit, cluster, tmp_path):
  array = slurm_arrays.Runs(
    tmp_path / 'runs', ('s3ta',), ('catch',), (0, 1, 2), which='%2'
  )
  job = submit('--lasts=4', array=array)
  runs = [tmp_path / 'runs' / f's3ta_catch_seed{i}' for i in range(3)]
  cluster.wait_for((runs[1] / 'task0.0').exists, 60)
  # Two at a time; the third waits.
  assert cluster.job(f'{job.job}_2')['JobState'] == 'PENDING'
  assert cluster.job(f'{job.job}_2')['Reason'] == 'JobArrayTaskLimit'
  cluster.run('scancel', '--batch', '--signal=USR1', f'{job.job}_1')
  cluster.wait_for(
    lambda: all(
      cluster.job(f'{job.job}_{i}')['JobState'] == 'COMPLETED' for i in range(3)
    ),
    60,
  )
  restarts = [cluster.job(f'{job.job}_{i}')['Restarts'] for i in range(3)]
  assert restarts == ['0', '1', '0']
  assert [len(list((run / 'checkpoints').iterdir())) for run in runs] == [
    1,
    2,
    1,
  ]
  assert job.events(f'{job.job}_1')[2] == 'ended with 75, requeued'


def _launch(cluster, *arguments, cwd=running.ROOT):
  """`launch/slurm.py` as a user would start it."""
  return subprocess.run(
    [sys.executable, str(running.ROOT / 'launch' / 'slurm.py'), *arguments],
    cwd=cwd, env=cluster.environment, capture_output=True, text=True,
    timeout=60, check=False,
  )  # fmt: skip


def test_the_scripts_of_the_documents_are_what_it_prints_and_slurm_takes_them(
  cluster, tmp_path
):
  page = (running.ROOT / 'docs' / 'slurm.md').read_text()
  commands = re.findall(
    r'^    launch/slurm\.py (.* --dry_run)$',
    page.replace('\\\n        ', ''),
    re.MULTILINE,
  )
  scripts = re.findall(r'```bash\n(.*?)```', page, re.DOTALL)
  # The first command of the page has no script beside it.
  for command, script in zip(commands[1:], scripts, strict=True):
    done = _launch(cluster, *shlex.split(command))
    assert done.returncode == 0, done
    printed = done.stdout.replace(str(running.ROOT), _HOME)
    printed = printed.replace(sys.executable, f'{_HOME}/.venv/bin/python')
    printed = re.sub(r'\d{8}-\d{6}', '20260101-120000', printed)
    assert printed.startswith(script)
    path = tmp_path / 'job.sbatch'
    path.write_text(done.stdout)
    said = subprocess.run(
      ['sbatch', '--test-only', str(path)],
      env=cluster.environment, capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    assert 'in partition gpu' in said


@pytest.mark.parametrize(
  ('arguments', 'line'),
  [
    (['--partition=mian'], "unknown partition 'mian'; did you mean 'main'?"),
    (['--directive=--constraint=a100'], 'Invalid feature specification'),
    (
      ['--seeds=1200', '--max_frames=9'],
      'Invalid job array specification; expected elements up to 1000',
    ),
  ],
)
def test_what_slurm_cannot_do_is_refused_and_leaves_nothing(
  cluster, tmp_path, arguments, line
):
  done = _launch(
    cluster, '--game=catch', f'--records={tmp_path}/records', *arguments
  )
  assert done.returncode == 2, done
  (said,) = done.stderr.strip().splitlines()
  assert line in said
  assert list(tmp_path.glob('records/*')) == []


def test_a_real_run_goes_on_and_its_records_say_what_it_does(cluster, tmp_path):
  records = f'--records={tmp_path}/records'
  logdir = tmp_path / 'a run'
  done = _launch(
    cluster, *running.TINY_CATCH, '--runtime=threads', records,
    f'--logdir={logdir}', '--time=30', '--cpus-per-task=1', '--mem=3G',
  )  # fmt: skip
  assert done.returncode == 0, done
  job = re.match(r'submitted job (\d+): 1 run', done.stdout)[1]

  def status():
    said = _launch(cluster, records, '--status', f'--job={job}').stdout
    header, line = said.splitlines()
    assert header.split() == [
      'job', 'state', 'nodes', 'starts', 'frames', 'where',
    ]  # fmt: skip
    assert line.endswith(str(logdir))
    return re.split(r'  +', line)

  metrics = logdir / 'metrics.csv'
  cluster.wait_for(
    lambda: (
      (metrics.exists() and metrics.read_text().count('\n') > 2)
      or cluster.job(job)['JobState'] == 'FAILED'
    ),
    120,
  )
  assert status()[1] == 'running'
  cluster.run('scancel', '--batch', '--signal=USR1', job)
  cluster.wait_for(lambda: cluster.job(job)['Restarts'] == '1', 60)
  cluster.wait_for(lambda: status()[3] == '2', 60)
  output = next((tmp_path / 'records').glob('*/*.out'))
  cluster.wait_for(lambda: '(continued)' in output.read_text(), 60)
  said = _launch(cluster, records, '--logs', f'--job={job}').stdout
  assert said.startswith(
    f'# {output}; logs of processes are in {logdir}/logs\n'
  )
  assert 'ended with 75, requeued' in said
  # What the job may use, which is less than what the machine has.
  assert '1 cores' in said
  assert _launch(cluster, records, '--cancel', f'--job={job}').returncode == 0
  cluster.wait_for(lambda: cluster.job(job)['JobState'] == 'CANCELLED', 60)
  found = status()
  assert found[:4] == [job, 'cancelled', '-', '2']
  assert int(found[4]) > 0

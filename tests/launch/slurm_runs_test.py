"""Real runs of `small` on Catch under real Slurm, one for each event.

Each test prints its row of the table in docs/slurm.md.
"""

import re
import subprocess
import sys

import pytest

from attn_agents.runs import checkpoints
from attn_agents.utils import metrics_table
from tests.launch import running, slurm_cluster

cluster = slurm_cluster.cluster
pytestmark = [
  slurm_cluster.NEEDS_SLURM, pytest.mark.slow, pytest.mark.timeout(3000),
]  # fmt: skip

# Several times what a start takes on a machine that is busy with other things.
_SECONDS = 900

_RUN = [*running.TINY_CATCH, '--runtime=threads']
# The hosts share the batch.
_TWO_HOSTS = ['--nodes=2', '--num_actors=1']


class _Job:
  """A job that was submitted by `launch/slurm.py`."""

  def __init__(self, cluster, root, *arguments, edit=lambda text: text):
    self.cluster, self.root, self.logdir = cluster, root, root / 'run'
    self.continued = []
    command = [
      sys.executable, str(running.ROOT / 'launch' / 'slurm.py'), *_RUN,
      f'--records={root}/records', '--cpus_per_task=2', *arguments,
    ]  # fmt: skip
    if not any('--seeds' in argument for argument in arguments):
      command.append(f'--logdir={self.logdir}')
    if not any('--time' in argument for argument in arguments):
      command.append('--time=30')
    done = subprocess.run(
      command, env=cluster.environment, capture_output=True, text=True,
      timeout=_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done
    self.job = re.match(r'submitted job (\d+)', done.stdout)[1]
    (self.records,) = (root / 'records').iterdir()

  def text(self, job=''):
    path = self.records / f'{job or self.job}.out'
    return path.read_text() if path.exists() else ''

  def events(self, job=''):
    path = self.records / f'{job or self.job}.events'
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.partition(' ')[2] for line in lines]

  def starts(self, job=''):
    return sum(line.startswith('started on') for line in self.events(job))

  def known(self, job=''):
    return self.cluster.job(job or self.job)

  def rows(self, logdir=None):
    return metrics_table.read((logdir or self.logdir) / 'metrics.csv')

  def wait_until_learning(self, start=1, job='', logdir=None):
    """Until this start has learned, and counts frames of its own."""
    wait, before = self.cluster.wait_for, len(self.rows(logdir))
    wait(lambda: self.starts(job) >= start, _SECONDS)
    wait(lambda: len(self.rows(logdir)) >= before + 3, _SECONDS)

  def newest(self, logdir=None):
    """Step of the newest checkpoint."""
    manager = checkpoints.Checkpointer((logdir or self.logdir) / 'checkpoints')
    try:
      return manager.newest()
    finally:
      manager.close()

  def goes_on(self, start=2, job='', logdir=None):
    """Waits for the next start, which goes on from the newest checkpoint."""
    self.cluster.wait_for(lambda: self.starts(job) >= start, _SECONDS)
    started = [x for x in self.events(job) if x.startswith('started on')]
    newest = int(started[start - 1].rpartition(' ')[2])
    self.wait_until_learning(start, job, logdir)
    # What the first host said when it stopped, and what came then.
    saved = re.findall(
      r'^0: .*checkpoint saved at ([\d,]+) frames', self.text(job), re.MULTILINE
    )
    frames = int(saved[start - 2].replace(',', ''))
    last = self.rows(logdir)[-1]
    assert last['frames'] > frames > 0
    assert last['learner_steps'] > newest > 0
    self.continued.append(frames)

  def tell(self, event, job=''):
    """The row of the table."""
    found = self.known(job)
    print(
      f'| {event} | {found["JobState"]} {found["ExitCode"]} | '
      f'{found["Restarts"]} | {self.continued} | {self.events(job)} |'
    )

  def cancel(self):
    self.cluster.run('scancel', self.job, check=False)
    self.cluster.wait_for(
      lambda: self.known()['JobState'] != 'COMPLETING', _SECONDS
    )


@pytest.fixture
def submit(cluster, tmp_path):
  jobs = []

  def make(*arguments):
    jobs.append(_Job(cluster, tmp_path, *arguments))
    return jobs[-1]

  yield make
  for each in jobs:
    each.cancel()


def test_frames_are_reached(submit, cluster):
  job = submit('--max_frames=20000')
  cluster.wait_for(lambda: job.known()['JobState'] == 'COMPLETED', _SECONDS)
  assert job.known()['ExitCode'] == '0:0'
  assert job.rows()[-1]['frames'] >= 20_000
  job.tell('--max_frames is reached')


def test_the_limit_is_near(submit, cluster):
  job = submit('--time=2', '--save_seconds=60')
  job.goes_on()
  assert 'told to save: the time limit is near' in job.events()
  assert 'ended with 75, requeued' in job.events()
  job.tell('time limit near')


def test_the_limit_itself(submit, cluster):
  job = submit('--time=2', '--save_seconds=60', '--directive=--hold')
  # Nothing is told before the limit.
  script = job.records / 'job.sbatch'
  text = script.read_text().replace('#SBATCH --hold\n', '')
  script.write_text(re.sub('#SBATCH --signal=.*\n', '', text))
  cluster.run('scancel', job.job)
  job.job = cluster.run('sbatch', '--parsable', '--time=1', str(script)).strip()
  job.goes_on()
  assert 'told to end' in job.events()
  assert 'ended with 75, requeued' in job.events()
  job.tell('time limit itself')


def test_two_learner_hosts_are_preempted(submit, cluster):
  job = submit(*_TWO_HOSTS)
  job.wait_until_learning()
  urgent = cluster.run(
    'sbatch', '--parsable', '--partition=urgent', '--nodes=2', '--exclusive',
    '--time=1', '--output=/dev/null', '--wrap=sleep 5',
  ).strip()  # fmt: skip
  cluster.wait_for(
    lambda: cluster.job(urgent)['JobState'] == 'COMPLETED', _SECONDS
  )
  job.goes_on()
  assert 'ended with 75, requeued' in job.events()
  # Both hosts take part in what goes on.
  assert '0: hosts     0 of 2' in job.text()
  assert '1: hosts     1 of 2' in job.text()
  job.tell('preemption, 2 learner hosts')


def test_a_node_is_drained(submit, cluster):
  job = submit()
  job.wait_until_learning()
  node = job.known()['NodeList']
  change = ('scontrol', 'update', f'nodename={node}')
  cluster.run(*change, 'state=drain', 'reason=test')
  try:
    job.goes_on()
    assert job.known()['NodeList'] != node
  finally:
    cluster.run(*change, 'state=resume')
  assert 'told to save: a node is drained' in job.events()
  job.tell('node drained')


def test_it_is_requeued_by_hand(submit, cluster):
  job = submit()
  job.wait_until_learning()
  cluster.run('scontrol', 'requeue', job.job)
  job.goes_on()
  assert job.known()['Restarts'] == '1'
  job.tell('scontrol requeue')


def test_it_is_cancelled(submit, cluster):
  job = submit()
  job.wait_until_learning()
  cluster.run('scancel', job.job)
  cluster.wait_for(lambda: job.known()['JobState'] == 'CANCELLED', _SECONDS)
  assert job.events()[-1] == 'ended with 75, cancelled'
  assert 'stopped; ' in job.text()
  assert job.newest() > 0
  job.tell('scancel')


def test_a_node_is_lost(submit, cluster):
  job = submit(*_TWO_HOSTS)
  job.wait_until_learning()
  lost = slurm_cluster.NODES[1]
  cluster.lose(lost)
  try:
    cluster.wait_for(lambda: job.known()['Restarts'] == '1', _SECONDS)
  finally:
    cluster.revive(lost)
  job.goes_on()
  assert 'ended with 75, requeued by Slurm' in job.events()
  job.tell('a node lost, 2 learner hosts')


def test_it_gets_nowhere(submit, cluster):
  job = submit('--max_idle_starts=2')
  for start in (1, 2):
    cluster.wait_for(lambda start=start: job.starts() == start, _SECONDS)
    # It has no checkpoint yet.
    cluster.run('scancel', '--batch', '--signal=USR1', job.job)
  cluster.wait_for(lambda: job.known()['JobState'] == 'FAILED', _SECONDS)
  assert job.events()[-1] == (
    'failed: 2 starts in a row brought no new checkpoint'
  )
  job.tell('2 starts without progress')


def test_one_of_three_seeds_is_requeued(submit, cluster, tmp_path):
  job = submit('--seeds=3', '--max_frames=60000', f'--root={tmp_path}/runs',
               '--array=%2')  # fmt: skip
  logdirs = [tmp_path / 'runs' / f'impala_ff_catch_seed{i}' for i in range(3)]
  first = f'{job.job}_1'
  job.wait_until_learning(1, first, logdirs[1])
  cluster.run('scancel', '--batch', '--signal=USR1', first)
  cluster.wait_for(
    lambda: all(
      job.known(f'{job.job}_{i}')['JobState'] == 'COMPLETED' for i in range(3)
    ),
    2 * _SECONDS,
  )
  for index, logdir in enumerate(logdirs):
    found = job.known(f'{job.job}_{index}')
    assert found['Restarts'] == ('1' if index == 1 else '0')
    assert job.rows(logdir)[-1]['frames'] >= 60_000
    job.tell(f'element {index} of an array', f'{job.job}_{index}')

"""The batch script, with stand-ins for Slurm's commands."""

import pathlib
import shutil
import signal
import subprocess
import time

import pytest

from attn_agents.clusters import slurm_arrays, slurm_script
from attn_agents.population import members
from configs import errors

_SRUN = """\
#!/bin/bash
echo "$*" >> {root}/srun
[ -f {root}/saves ] && mkdir -p {root}/run/checkpoints/$(cat {root}/saves)
trap 'exit 75' USR1
[ -f {root}/lasts ] && for i in $(seq 100); do sleep 0.1; done
exit $(cat {root}/code)
"""
_SCONTROL = """\
#!/bin/bash
case $1 in
  show) cat {root}/about ;;
  requeue) echo $2 >> {root}/requeued ;;
esac
"""
_ABOUT = 'JobState={} Reason={} Requeue=1 Restarts={} PreemptTime={} \n'


class _Node:
  """A directory of stand-ins, and what they do."""

  def __init__(self, root: pathlib.Path):
    self.root = root
    self.bin = root / 'bin'
    self.bin.mkdir()
    for name, text in (('srun', _SRUN), ('scontrol', _SCONTROL)):
      self._put(name, text.format(root=root))
    self._put('sinfo', f'#!/bin/bash\ncat {root}/nodes 2> /dev/null\n')
    for name in (
      'bash', 'cat', 'grep', 'ls', 'mkdir', 'seq', 'sleep', 'sort',
      'tail',
    ):  # fmt: skip
      (self.bin / name).symlink_to(shutil.which(name))

  def _put(self, name: str, text: str) -> None:
    (self.bin / name).write_text(text)
    (self.bin / name).chmod(0o755)

  def job(self, **changes: object) -> slurm_script.Job:
    (self.root / 'records').mkdir(exist_ok=True)
    values: dict = {
      'name': 'a-job',
      'command': ('train', '--game=pong', "--set=a='b c'"),
      'logdir': str(self.root / 'run'),
      'checkpoints': str(self.root / 'run' / 'checkpoints'),
      'directory': self.root,
      'records': self.root / 'records',
      'time': '60',
    }
    return slurm_script.Job(**{**values, **changes})

  def start(
    self, job: slurm_script.Job, restart: str = '', **environment: str
  ) -> subprocess.Popen:
    script = self.root / 'job.sbatch'
    script.write_text(slurm_script.write(job))
    variables = {
      'PATH': str(self.bin),
      'SLURM_JOB_ID': '12',
      'SLURM_JOB_NODELIST': 'n[1-2]',
      'SLURM_NNODES': '2',
      'SLURM_CPUS_PER_TASK': '8',
      **({'SLURM_RESTART_COUNT': restart} if restart else {}),
      **environment,
    }
    return subprocess.Popen(
      [shutil.which('bash'), str(script)],
      env=variables,
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
      text=True,
    )

  def run(
    self, code: int, about: str = '', saves: str = '', restart: str = ''
  ) -> int:
    """The exit code of the script after a run that ends with `code`."""
    (self.root / 'code').write_text(str(code))
    (self.root / 'about').write_text(about)
    (self.root / 'saves').unlink(missing_ok=True)
    if saves:
      (self.root / 'saves').write_text(saves)
    process = self.start(self.job(), restart)
    said, _ = process.communicate(timeout=30)
    self.said = said
    return process.returncode

  def requeued(self) -> list[str]:
    path = self.root / 'requeued'
    return path.read_text().split() if path.exists() else []

  def last(self) -> str:
    text = (self.root / 'records' / '12.events').read_text()
    return text.splitlines()[-1].partition(' ')[2]


@pytest.fixture
def node(tmp_path):
  return _Node(tmp_path)


@pytest.mark.parametrize(
  ('about', 'requeued', 'said'),
  [
    # The time limit is near, or the grace time of a preemption runs.
    (_ABOUT.format('RUNNING', 'None', 0, 'None'), ['12'], 'requeued'),
    (_ABOUT.format('COMPLETING', 'TimeLimit', 0, 'None'), ['12'], 'requeued'),
    (_ABOUT.format('COMPLETING', 'None', 0, '2026-01-01'), ['12'], 'requeued'),
    # scancel
    (_ABOUT.format('COMPLETING', 'None', 0, 'None'), [], 'cancelled'),
    # scontrol requeue, and a lost node
    (_ABOUT.format('COMPLETING', 'None', 1, 'None'), [], 'requeued by Slurm'),
    ('', ['12'], 'requeued'),
  ],
)
@pytest.mark.parametrize('code', [75, 143])
def test_a_run_that_was_stopped_comes_back_unless_cancelled(
  node, about, requeued, said, code
):
  assert node.run(code, about, saves='5') == code
  assert node.requeued() == requeued
  assert node.last() == f'ended with {code}, {said}'


@pytest.mark.parametrize('code', [0, 1, 2, 137])
def test_a_run_that_ended_stays_so(node, code):
  assert node.run(code, _ABOUT.format('RUNNING', 'None', 0, 'None')) == code
  assert node.requeued() == []
  assert node.last() == f'ended with {code}'


def test_starts_without_a_checkpoint_are_counted_and_end_the_job(node):
  about = _ABOUT.format('RUNNING', 'None', 0, 'None')
  # The first saves; then four starts bring nothing, and the fifth one fails.
  assert node.run(75, about, saves='7') == 75
  for restart in range(1, 5):
    assert node.run(75, about, restart=str(restart)) == 75
  assert node.requeued() == ['12'] * 5
  assert node.run(75, about, restart='5') == 1
  assert node.last() == 'failed: 5 starts in a row brought no new checkpoint'
  assert node.requeued() == ['12'] * 5


def test_a_checkpoint_starts_the_count_anew(node):
  about = _ABOUT.format('RUNNING', 'None', 0, 'None')
  for restart in range(12):
    # Nine is less than ten, but not as text.
    saves = {4: '9', 8: '10'}.get(restart, '')
    assert node.run(75, about, saves, str(restart)) == 75
  assert node.requeued() == ['12'] * 12


def test_a_start_that_was_cut_off_is_told(node):
  node.run(75, saves='40')
  events = node.root / 'records' / '12.events'
  lines = events.read_text().splitlines()
  events.write_text(f'{lines[0]}\n')
  node.run(0, restart='1')
  assert 'cut off: what followed checkpoint 40 is lost' in node.said
  assert 'restart 1, checkpoint 40' in node.said


def test_without_scontrol_it_says_at_the_start_what_helps(node):
  (node.bin / 'scontrol').unlink()
  assert node.run(75) == 75
  lines = node.said.splitlines()
  assert 'started on n[1-2], restart 0, checkpoint -' in lines[0]
  assert 'no scontrol on this node' in lines[1]
  assert 'RequeueExit=75 in slurm.conf' in lines[1]
  assert node.last() == 'ended with 75, could not requeue itself'
  assert 'requeued' not in node.said


@pytest.mark.parametrize('how', ['limit', 'drain'])
def test_a_run_is_told_to_save_near_the_limit_or_on_a_drained_node(node, how):
  (node.root / 'code').write_text('0')
  (node.root / 'lasts').touch()
  (node.root / 'about').write_text(_ABOUT.format('RUNNING', 'None', 0, 'None'))
  process = node.start(node.job(look_seconds=1))
  while not (node.root / 'srun').exists():
    time.sleep(0.05)
  time.sleep(0.3)
  if how == 'limit':
    process.send_signal(signal.SIGUSR1)
  else:
    (node.root / 'nodes').write_text('idle\ndraining\n')
  said, _ = process.communicate(timeout=30)
  assert process.returncode == 75, said
  assert node.requeued() == ['12']
  why = {'limit': 'the time limit is near', 'drain': 'a node is drained'}[how]
  assert f'told to save: {why}' in said


def test_one_task_runs_on_each_node_with_its_cores(node):
  node.run(0)
  (line,) = (node.root / 'srun').read_text().splitlines()
  words = line.split()
  assert {'--nodes=2', '--ntasks-per-node=1', '--cpus-per-task=8'} < set(words)
  assert line.endswith("train --game=pong --set=a='b c'")


def test_elements_of_an_array_are_the_runs_that_are_recorded(node):
  array = slurm_arrays.Runs(
    node.root / 'a b',
    ('s3ta', 'impala_ff'),
    ('pong', 'boxing', 'catch'),
    (3, 4),
  )
  job = node.job(array=array, command=('train',), logdir='', checkpoints='')
  (node.root / 'code').write_text('0')
  expected = []
  for game in array.games:
    for seed in array.seeds:
      for agent in array.agents:
        logdir = f'{node.root}/a b/{agent}_{game}_seed{seed}'
        expected.append(
          f'--agent={agent} --game={game} --seed={seed} --logdir={logdir}'
        )
  for index in range(12):
    process = node.start(
      job, SLURM_ARRAY_JOB_ID='11', SLURM_ARRAY_TASK_ID=str(index)
    )
    process.communicate(timeout=30)
  lines = (node.root / 'srun').read_text().splitlines()
  assert [line.partition('train ')[2] for line in lines] == expected
  assert [logdir for _, logdir in job.runs] == [
    line.partition('--logdir=')[2] for line in expected
  ]
  assert (node.root / 'records' / '11_5.events').exists()
  assert '#SBATCH --array=0-11%16' in slurm_script.write(job)


def test_games_with_long_names_have_others_in_directories(node):
  games = ('pong', ','.join(f'game_{i}' for i in range(56)))
  array = slurm_arrays.Runs(
    node.root / 'a b', ('s3ta',), games, (0, 1), ('pong', '56_games')
  )
  job = node.job(array=array, command=('train',), logdir='', checkpoints='')
  (node.root / 'code').write_text('0')
  for index in (1, 3):
    node.start(
      job, SLURM_ARRAY_JOB_ID='11', SLURM_ARRAY_TASK_ID=str(index)
    ).communicate(timeout=30)
  lines = (node.root / 'srun').read_text().splitlines()
  for index, line, name in zip((1, 3), lines, array.names, strict=True):
    logdir = node.root / 'a b' / f's3ta_{name}_seed1'
    assert line.endswith(
      f'--game={games[index // 2]} --seed=1 --logdir={logdir}'
    )
    assert array.logdir(index) == logdir


def test_elements_may_be_the_members_of_a_population(node):
  names = tuple(members.name_of(i) for i in range(12))
  array = slurm_arrays.Members(node.root / 'a b', names, which='%3')
  job = node.job(array=array, command=('evolve',), logdir='', checkpoints='')
  (node.root / 'code').write_text('0')
  process = node.start(job, SLURM_ARRAY_JOB_ID='11', SLURM_ARRAY_TASK_ID='8')
  process.communicate(timeout=30)
  (line,) = (node.root / 'srun').read_text().splitlines()
  assert line.endswith(' evolve --member=8')
  assert [array.logdir(i).name for i in range(12)] == list(names)
  script = slurm_script.write(job)
  assert "logdir='" in script and "/a b'/$name" in script
  assert '#SBATCH --array=0-11%3' in script


def test_an_element_is_requeued_by_its_name_in_the_array(node):
  array = slurm_arrays.Runs(node.root, ('s3ta',), ('pong',), (0, 1))
  (node.root / 'code').write_text('75')
  (node.root / 'about').write_text(_ABOUT.format('RUNNING', 'None', 0, 'None'))
  process = node.start(
    node.job(array=array),
    SLURM_ARRAY_JOB_ID='11',
    SLURM_ARRAY_TASK_ID='1',
  )
  process.communicate(timeout=30)
  assert node.requeued() == ['11_1']


def test_directives_say_what_was_asked_for(node):
  text = slurm_script.write(
    node.job(
      nodes=4, gpus_per_node='a100:8', memory='64G', partition='gpu,big',
      account='me', directives=('--constraint=a100',), save_seconds=90,
    )
  )  # fmt: skip
  directives = [
    line.partition(' ')[2]
    for line in text.splitlines()
    if line.startswith('#SBATCH ')
  ]
  assert directives == [
    '--job-name=a-job', '--nodes=4', '--ntasks-per-node=1', '--cpus-per-task=8',
    '--gpus-per-node=a100:8', '--mem=64G', '--time=60', '--partition=gpu,big',
    '--account=me', '--signal=B:USR1@90',
    f'--output={node.root}/records/%j.out',
    '--open-mode=append', '--requeue', '--constraint=a100',
  ]  # fmt: skip


@pytest.mark.parametrize(
  ('changes', 'line'),
  [
    ({'name': 'a b'}, '--job_name=a b: expected letters, digits, dashes and '
     'dots; the nearest is a-b'),
    ({'nodes': 33}, '--nodes=33: expected 1 to 32'),
    ({'time': '1'}, '--time=1: a run needs 60 seconds to save before it; '
     'expected at least 2 (minutes)'),
    ({'time': '2', 'save_seconds': 120}, '--save_seconds=120: expected 60 to '
     '119, less than --time=2'),
    ({'gpus_per_node': '0'}, '--gpus_per_node=0: expected a number of GPUs, '
     'with a type if wanted, as 4 or a100:4'),
    ({'directives': ('--signal=USR2',)}, '--directive=--signal=USR2: the '
     'script sets --signal itself; expected another option of sbatch'),
    ({'directives': ('constraint=a b\nc',)}, "--directive='constraint=a "
     "b\\nc': expected an option of sbatch, as --directive=--constraint=a100; "
     'the nearest is --directive=--constraint=a b c'),
    ({'partition': 'a\nb'}, '--partition=a\nb: expected letters, digits, '
     'dashes and dots; the nearest is a-b'),
    ({'most_idle': 0}, '--max_idle_starts=0: expected 1 to 1000'),
    ({'most_idle': 1001}, '--max_idle_starts=1001: expected 1 to 1000'),
    ({'cpus_per_task': 4097}, '--cpus_per_task=4097: expected 1 to 4096'),
    ({'save_seconds': 59}, '--save_seconds=59: expected 60 to 3599, less than '
     '--time=60'),
    ({'time': '', 'save_seconds': 65_536}, '--save_seconds=65536: expected 60 '
     'to 65535'),
    ({'account': 'a b'}, '--account=a b: expected letters, digits, dashes and '
     'dots; the nearest is a-b'),
    ({'memory': 'much'}, '--mem=much: expected an amount of memory of Slurm, '
     'as 64G'),
    ({'records': pathlib.Path('/a%j')}, '--records=/a%j: expected a directory '
     'without % and \\ in its path'),
    ({'directives': ('-',)}, "--directive='-': expected an option of sbatch, "
     'as --directive=--constraint=a100'),
  ],
)  # fmt: skip
def test_what_cannot_be_is_refused(node, changes, line):
  with pytest.raises(errors.ConfigError) as error:
    node.job(**changes)
  assert str(error.value) == line


def test_the_least_and_the_most_that_can_be(node):
  most = node.job(
    nodes=32, cpus_per_task=4096, most_idle=1000, time='1:01', save_seconds=60
  )
  text = slurm_script.write(most)
  assert '--nodes=32\n' in text and '--cpus-per-task=4096\n' in text
  assert 'most_idle=1000 ' in text and 'B:USR1@60\n' in text
  least = slurm_script.write(
    node.job(cpus_per_task=1, most_idle=1, time='', save_seconds=65_535)
  )
  assert '--nodes=1\n' in least and '--cpus-per-task=1\n' in least
  assert 'most_idle=1 ' in least and 'B:USR1@65535\n' in least
  # What was not asked for is the cluster's own.
  for name in ('gpus-per-node', 'mem', 'time', 'partition', 'account', 'array'):
    assert f'#SBATCH --{name}' not in least
  assert least.splitlines()[0] == '#!/bin/bash'
  assert '\nafterwards=()\n' in least


def test_elements_that_do_not_exist_are_refused_with_the_job(node):
  array = slurm_arrays.Members(node.root, ('a', 'b'), which='2')
  with pytest.raises(errors.ConfigError, match='there is no element 2'):
    node.job(array=array)
  chosen = slurm_arrays.Members(node.root, ('a', 'b'), which='1')
  job = node.job(array=chosen)
  assert job.runs == [(1, str(node.root / 'b'))]
  assert '#SBATCH --array=1%16\n' in slurm_script.write(job)


@pytest.mark.parametrize(
  ('first', 'lines'),
  [(69, ['names=({} y', '  z)']), (72, ['names=(', '  {} y z)'])],
)
def test_lists_of_names_are_broken_where_a_line_is_full(tmp_path, first, lines):
  # "names=(", 69 letters and " y" are 78 columns.
  names = ('x' * first, 'y', 'z')
  found = slurm_arrays.Members(tmp_path, names).variables()[0]
  assert found.splitlines() == [line.format('x' * first) for line in lines]


@pytest.mark.parametrize(('code', 'starts'), [(0, 2), (1, 1), (75, 1)])
def test_what_comes_afterwards_does_so_if_the_run_is_done(node, code, starts):
  (node.root / 'code').write_text(str(code))
  (node.root / 'about').write_text(_ABOUT.format('RUNNING', 'None', 0, 'None'))
  array = slurm_arrays.Runs(node.root / 'runs', ('s3ta',), ('pong',), (0,))
  process = node.start(
    node.job(array=array, command=('train',), afterwards=('score', '--n=2')),
    SLURM_ARRAY_JOB_ID='11',
    SLURM_ARRAY_TASK_ID='0',
  )
  process.communicate(timeout=30)
  assert process.returncode == code
  lines = (node.root / 'srun').read_text().splitlines()
  assert len(lines) == starts
  assert ' train --agent=s3ta ' in lines[0]
  if starts == 2:
    logdir = f'{node.root}/runs/s3ta_pong_seed0'
    assert lines[1].endswith(f' score --n=2 --run={logdir}')

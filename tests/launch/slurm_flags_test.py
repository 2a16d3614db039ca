"""What flags of jobs make of a job, with a stand-in for Slurm."""

import pathlib

import pytest

from attn_agents.clusters import slurm_commands, slurm_jobs, slurm_script
from configs import errors
from tests.launch import loading

_FLAGS = (
  '--cpus_per_task=5', '--gpus_per_node=a100:2', '--mem=64G', '--time=60',
  '--partition=main', '--account=me', '--directive=--exclusive',
  '--directive=--nice=3', '--save_seconds=99', '--max_idle_starts=7',
)  # fmt: skip


@pytest.fixture(name='submit')
def _submit(monkeypatch, tmp_path, capsys):
  """Submits a run: (what it ended with, what it said, the job)."""

  def submit(*arguments, nodes=1, answer='12', dry_run=False, array=False):
    made, did = [], []

    def write(job):
      made.append(job)
      return '#!/bin/sh\n\n'

    def asked(script):
      did.append(script)
      if isinstance(answer, Exception):
        raise answer
      return answer

    records = f'--records={tmp_path}/records'
    with loading.command('slurm', records, *arguments) as slurm:
      monkeypatch.setattr(slurm_script, 'write', write)
      monkeypatch.setattr(
        slurm_script.Job, '__post_init__', lambda job: None, raising=False
      )
      monkeypatch.setattr(
        slurm_commands, 'require_installed', lambda: did.append('installed')
      )
      monkeypatch.setattr(slurm_commands, 'check_partition', did.append)
      monkeypatch.setattr(slurm_commands, 'submit', asked)
      flags = slurm.slurm_flags
      runs = flags.Runs(
        'attn', ('run', '--x'), '/runs/a', '/runs/a/checkpoints',
        afterwards=('score',),
      )  # fmt: skip
      if array:
        done = flags.submit_array(runs, dry_run)
      else:
        done = flags.submit(runs, nodes, dry_run)
    return done, capsys.readouterr().out.splitlines(), made[0], did

  return submit


def test_all_flags_are_in_the_job(submit, tmp_path):
  done, said, job, did = submit(*_FLAGS, '--job-name=mine', nodes=2)
  assert done is None
  assert (job.name, job.command, job.nodes) == ('mine', ('run', '--x'), 2)
  assert (job.logdir, job.checkpoints) == ('/runs/a', '/runs/a/checkpoints')
  assert (job.directory, job.time) == (pathlib.Path.cwd(), '60')
  assert (job.cpus_per_task, job.gpus_per_node) == (5, 'a100:2')
  assert (job.memory, job.partition, job.account) == ('64G', 'main', 'me')
  assert job.directives == ('--exclusive', '--nice=3')
  assert (job.save_seconds, job.most_idle) == (99, 7)
  assert job.afterwards == ('score',)
  (record,) = slurm_jobs.read(tmp_path / 'records')
  assert record.path == job.records and record.path.name.startswith('mine-')
  assert (record.job, record.name) == ('12', 'mine')
  assert list(record.runs.values()) == ['/runs/a']
  script = str(job.records / 'job.sbatch')
  assert did == ['installed', 'main', script]
  assert said == [
    f'submitted job 12: 1 run(s), {script}',
    'status    launch/slurm.py --status --job=12',
  ]


def test_a_dry_run_asks_nobody(submit, tmp_path):
  done, said, job, did = submit(dry_run=True, array=True)
  assert (done, said, did) == (0, ['#!/bin/sh'], [])
  assert job.name == 'attn' and job.nodes == 1
  assert not (tmp_path / 'records').exists()


def test_what_slurm_does_not_take_leaves_no_records(submit, tmp_path):
  silent = slurm_commands.SlurmError('no answer')
  done, said, *_ = submit(answer=silent, array=True)
  assert (done, said) == (1, ['failed: no answer'])
  for error in (silent, errors.ConfigError('--mem=9: too little')):
    with pytest.raises(type(error)):
      submit(answer=error)
  assert list((tmp_path / 'records').iterdir()) == []


def test_flags_of_jobs_that_were_given_are_known():
  with loading.command('slurm', '--time=3', '--account=me') as slurm:
    assert set(slurm.slurm_flags.present()) == {'time', 'account'}
    with pytest.raises(errors.ConfigError, match='with --backend=local'):
      slurm.slurm_flags.refuse()
    name = slurm.slurm_flags.name_of_array('suite', pathlib.Path('/a/b c (2)'))
    assert name == 'suite-b-c-2-'
  with loading.command('slurm', '--game=pong') as slurm:
    slurm.slurm_flags.refuse()


@pytest.mark.parametrize(
  ('given', 'line'),
  [
    (['--status', '--logs'], '--status and --logs: expected one of them'),
    (['--cancel', '--dry_run'], '--cancel and --dry_run: expected one'),
    (['--job=3'], '--job=3: expected --status, --logs or --cancel with it'),
    (['--cancel'], '--job is not set'),
    (['--host_index=1'], '--host_index: under Slurm the job says'),
    (['--start_seconds=9'], '--nodes=1: expected 2 or more with --start_secon'),
    (['--array=0-3'], '--array=0-3 with one run; expected --games, --agents'),
    (['--root=x'], '--root=x with one run; expected --games'),
    (['--seeds=2', '--logdir=a'], '--logdir=a and several runs; expected --ro'),
    (['--agents=s3ta', '--agent=drqn'], '--agent=drqn and several runs'),
    (['--seeds=2', '--seed=3'], '--seed=3 and several runs; expected --seeds'),
    (['--seeds=2'], '--max_frames is not set'),
    (['--seeds=0', '--max_frames=9'], '--seeds=0: expected 1 to 10000'),
    (['--seeds=10001', '--max_frames=9'], '--seeds=10001: expected 1 to 10000'),
  ],
)
def test_mistakes_are_one_line(given, line, tmp_path):
  records = f'--records={tmp_path}/records'
  with (
    loading.command('slurm', records, '--dry_run=false', *given) as slurm,
    pytest.raises(errors.ConfigError) as caught,
  ):
    slurm.main()
  assert line in str(caught.value)


@pytest.mark.parametrize(
  ('given', 'expected'),
  [
    (['--seeds=2', '--max_frames=9'], ('s3ta', 'pong', (0, 1))),
    # One seed of several agents is the one that is said.
    (['--agents=s3ta', '--seed=4', '--max_hours=2'], ('s3ta', 'pong', (4,))),
    (['--agents=s3ta', '--max_frames=9'], ('s3ta', 'pong', (0,))),
  ],
)
def test_several_runs_are_an_array(monkeypatch, given, expected):
  submitted = []
  flags = ('--game=pong', '--array=%3', '--nodes=2', '--start_seconds=9')
  with loading.command('slurm', *flags, *given) as slurm:
    monkeypatch.setattr(
      slurm.slurm_flags, 'submit', lambda *given: submitted.append(given)
    )
    assert slurm.main() == 0
  ((runs, nodes, dry_run),) = submitted
  assert (nodes, dry_run) == (2, False)
  agent, game, seeds = expected
  array = runs.array
  assert (array.agents, array.games, array.seeds) == ((agent,), (game,), seeds)
  assert (array.which, array.names) == ('%3', ('pong',))
  assert array.root == pathlib.Path('runs/suite').absolute()
  assert runs.name == 'attn-agents-s3ta-pong'
  command = ' '.join(runs.command)
  assert 'launch/run_cluster.py --cluster=slurm' in command
  assert '--start_seconds=9' in command and '--game' not in command

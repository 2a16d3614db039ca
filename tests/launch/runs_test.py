"""`launch/runs.py`: the list of runs, from what lies in their directories."""

import fcntl
import json
import os
import re

import pytest

from attn_agents.population import history
from tests.launch import commands
from tests.population import populations


def _make(path, *, frames=400, state='', detail='', scores=(), age=0.0):
  """A run's files, as far as the list reads them."""
  path.mkdir(parents=True)
  config = {
    'agent': 's3ta', 'preset': 'small', 'algorithm': 'appo', 'max_frames': 800,
    'environment': {'game': 'pong'},
  }  # fmt: skip
  content = {'format': 2, 'config': config, 'hardware': {'hostname': 'node7'}}
  (path / 'config.json').write_text(json.dumps(content))
  metrics = path / 'metrics.csv'
  metrics.write_text(
    'frames,episode_return_mean\n' + f'4,-21.0\n{frames},-20.5\n'
  )
  os.utime(metrics, (metrics.stat().st_mtime - age,) * 2)
  if state:
    (path / 'status').mkdir()
    status = {
      'role': 'learner', 'index': 0, 'pid': 2**22, 'state': state,
      'detail': detail, 'time': 0.0, 'extra': {},
    }  # fmt: skip
    (path / 'status' / 'learner-0.json').write_text(json.dumps(status))
  for at, mean in scores:
    directory = path / 'evaluations' / f'at{at}'
    directory.mkdir(parents=True)
    (directory / 'summary.json').write_text(
      json.dumps({'frames': at, 'mean': mean})
    )


def _submitted(root, number, logdir, last):
  """Records of a job whose script noted something last."""
  records = root / 'slurm' / f'job{number}'
  records.mkdir(parents=True)
  content = {'job': number, 'name': 'x', 'runs': {number: str(logdir)}}
  (records / 'job.json').write_text(json.dumps(content))
  (records / f'{number}.events').write_text(f'2026-01-01T00:00:00Z {last}\n')


def _rows(root, *arguments):
  done = commands.run('runs', f'--root={root}', *arguments)
  assert done.returncode == 0, done.stderr
  header, *lines = (re.split(r'  +', x) for x in done.stdout.splitlines())
  assert header == ['run', 'game', 'agent', 'frames', 'score', 'state', 'where']
  return {name: rest for name, *rest in lines}


def test_each_run_has_a_line(tmp_path):
  # 1200 frames come after 900, but not as text.
  _make(
    tmp_path / 'a',
    frames=1200,
    state='done',
    scores=[(900, 3.0), (1200, -2.25)],
  )
  _make(tmp_path / 'deep' / 'b', state='stopped', age=900.0)
  _make(tmp_path / 'c', state='failed', detail='no room')
  _make(tmp_path / 'd', state='running', age=900.0)
  _make(tmp_path / 'e', state='running')
  (tmp_path / 'f').mkdir()
  (tmp_path / 'f' / 'config.json').write_text('{')
  _make(tmp_path / 'g', age=900.0)
  records = tmp_path / 'slurm' / 'x'
  records.mkdir(parents=True)
  (records / 'job.json').write_text(
    json.dumps(
      {'job': '12', 'name': 'x', 'runs': {'12_3': str(tmp_path / 'a')}}
    )
  )
  with open(tmp_path / 'g' / 'lock', 'w') as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    rows = _rows(tmp_path)
  assert rows.pop('f')[4].startswith('damaged: ')
  training = ['pong', 's3ta', '400', '-20.5 (training)']
  assert rows == {
    'a': ['pong', 's3ta', '1,200', '-2.25', 'done', 'node7, job 12_3'],
    'deep/b': [*training, 'stopped', 'node7'],
    'c': [*training, 'failed: no room', 'node7'],
    'd': [*training, 'cut off', 'node7'],
    # On a disk that is shared with the host where it runs.
    'e': [*training, 'running', 'node7'],
    'g': [*training, 'running', 'node7'],
  }
  assert list(_rows(tmp_path, '--state=failed')) == ['c']


def test_a_job_that_was_requeued_is_queued(tmp_path, monkeypatch):
  # Slurm does not answer.
  monkeypatch.setenv('PATH', str(tmp_path))
  for number, (state, last) in enumerate(
    [
      ('stopped', 'ended with 75, requeued'),
      ('stopped', 'ended with 75, cancelled'),
      # Its node was lost a moment ago.
      ('running', 'ended with 75, requeued by Slurm'),
      ('done', 'ended with 0'),
    ]
  ):
    _make(tmp_path / f'run{number}', state=state)
    _submitted(tmp_path, str(number), tmp_path / f'run{number}', last)
  states = [row[4] for row in _rows(tmp_path).values()]
  assert states == ['queued', 'stopped', 'queued', 'done']


def test_a_member_between_generations_waits_for_the_next(tmp_path):
  history.History(tmp_path).create(populations.make(size=2, max_frames=900))
  for member, frames in ((0, 800), (1, 900)):
    run = tmp_path / f'member_{member:02}'
    _make(run, frames=frames, state='done')
    (run / 'checkpoints' / '7').mkdir(parents=True)
  states = [row[4] for row in _rows(tmp_path).values()]
  assert states == ['waiting: for its next generation', 'done']


@pytest.mark.parametrize(
  ('arguments', 'line'),
  [
    (['--root={}/none'], 'none: expected a directory that holds runs'),
    (['--root={}', '--state=runing'], "did you mean 'running'"),
  ],
)
def test_mistakes_are_refused(tmp_path, arguments, line):
  arguments = [x.format(tmp_path) for x in arguments]
  assert line in commands.refused('runs', *arguments)


def test_an_empty_directory_has_none(tmp_path):
  done = commands.run('runs', f'--root={tmp_path}')
  assert (done.returncode, done.stdout) == (0, f'no runs below {tmp_path}\n')

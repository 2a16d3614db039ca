"""`launch/convert.py` as a user runs it, and what names it."""

import csv
import json
import re
import shutil

import pytest

from attn_agents.runs import run_directory, saved_runs
from attn_agents.utils import metrics_table
from tests.launch import commands
from tests.runs import old_runs


@pytest.fixture(scope='module')
def converted(tmp_path_factory):
  """A directory with each old run, converted in place."""
  root = tmp_path_factory.mktemp('converted')
  for name in ('appo', 'dqn'):
    old = old_runs.copy(name, root)
    done = commands.run('convert', f'--run={old}')
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f'converted {old}: ')
  return root


@pytest.mark.parametrize('name', ['appo', 'dqn'])
def test_a_converted_run_plays_the_same_games(converted, tmp_path, name):
  old = converted / name
  (there,) = (old / 'evaluations').iterdir()
  out = tmp_path / 'again'
  done = commands.run(
    'evaluate',
    f'--run={old}',
    '--episodes=20',
    '--num_envs=4',
    '--seed=3',
    f'--out={out}',
  )
  assert done.returncode == 0, done.stderr
  rows = []
  for directory in (there, out):
    with (directory / 'evaluation.csv').open() as file:
      rows.append(list(csv.DictReader(file)))
  # Today's files say more of each game.
  assert len(rows[0]) == len(rows[1]) == 20
  for old_row, row in zip(*rows, strict=True):
    assert old_row == {name: row[name] for name in old_row}
  before, now = (
    json.loads((directory / 'summary.json').read_text())
    for directory in (there, out)
  )
  assert (now['mean'], now['checkpoint']) == (
    before['mean'],
    before['checkpoint'],
  )


def test_a_converted_run_goes_on_with_its_replay(converted, tmp_path):
  old = shutil.copytree(converted / 'dqn', tmp_path / 'dqn')
  run = run_directory.RunDirectory(old)
  (command,) = run.content()['commands']
  flags = [
    flag
    for flag in command.split()[1:]
    if not flag.startswith(('--logdir', '--max_frames'))
  ]
  before = metrics_table.last(run.metrics)
  frames = int(before['frames']) + 400
  done = commands.run(
    'run_local', *flags, f'--logdir={old}', f'--max_frames={frames}'
  )
  assert done.returncode == 0, done.stdout + done.stderr
  assert 'continues with that of update 79' in done.stdout
  assert saved_runs.steps(run.checkpoints)[0] == 79
  assert saved_runs.newest(run) > 79
  after = metrics_table.last(run.metrics)
  assert after['frames'] >= frames
  content = run.content()
  assert len(content['commands']) == 2
  assert '02cacd7' in content['converted']


def test_converting_twice_is_no_error(converted):
  done = commands.run('convert', f'--run={converted / "appo"}')
  assert done.returncode == 0, done.stderr
  assert 'is of this form already' in done.stdout


@pytest.mark.parametrize(
  ('args', 'words'),
  [
    ([], '--run is missing'),
    (['--run=/nowhere/at/all'], 'no config.json'),
    (['--run={run}', '--out={run}'], 'expected a new directory'),
    (['--run={run}', '--out={run}/config.json/a'], 'config.json is a file'),
  ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, args, words):
  old = old_runs.copy('appo', tmp_path)
  line = commands.refused('convert', *(arg.format(run=old) for arg in args))
  assert words in line


_READERS = {
  'run_local': ['--agent=impala_shallow', '--game=catch', '--logdir={run}'],
  'run_local --init_from': [
    *('--agent=impala_shallow', '--game=catch', '--logdir={root}/new'),
    '--init_from={run}',
  ],
  'evaluate': ['--run={run}'],
  'analyze': ['--run={run}'],
  'watch': ['--run={run}'],
  'report_scores': ['--runs={run}', '--out={root}/report'],
  'run_suite': [
    *('--agents=impala_shallow', '--games=catch', '--seeds=1'),
    *('--max_frames=1000', '--root={root}', '--dry_run'),
  ],
}


@pytest.mark.parametrize('reader', _READERS)
def test_every_reader_of_an_old_run_names_the_command(tmp_path, reader):
  # As a suite calls it.
  old = old_runs.copy('appo', tmp_path).rename(
    tmp_path / 'impala_shallow_catch_seed0'
  )
  args = [arg.format(run=old, root=tmp_path) for arg in _READERS[reader]]
  line = commands.refused(reader.split()[0], *args)
  command = re.search(r'launch/convert\.py --run=(\S+)', line)
  assert command and command[1] == str(old), line
  assert [p.name for p in tmp_path.iterdir()] == [old.name]

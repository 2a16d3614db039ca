"""Commands on a run of one agent on several games, as a user calls them."""

import csv
import json

import pytest

from tests.launch import commands
from tests.watching import runs


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  made = runs.Run(
    tmp_path_factory.mktemp('runs') / 'several', 'impala_ff', 'pong,catch'
  )
  made.save(7)
  return made.directory


def test_scores_are_of_each_game_and_of_one_that_is_said(run, tmp_path):
  short = '--max_episode_frames=400'
  args = ('evaluate', f'--run={run.path}', '--episodes=3', short)
  done = commands.run(*args)
  assert done.returncode == 0, done.stderr
  assert done.stdout.splitlines()[-1].startswith('score     ')
  assert 'of 1 games, without catch' in done.stdout
  names = sorted(path.name for path in run.evaluations.iterdir())
  assert names == [
    'catch_7_sampled_noop_3_seed0_max400',
    'pong_7_sampled_noop_3_seed0_max400',
  ]
  for name in names:
    summary = json.loads((run.evaluations / name / 'summary.json').read_text())
    assert summary['evaluated_game'] == name.split('_')[0]
    assert summary['trained_game'] == 'catch,pong'
  out = tmp_path / 'one'
  done = commands.run(*args, '--game=catch', f'--out={out}')
  assert done.returncode == 0, done.stderr
  first = (run.evaluations / names[0] / 'evaluation.csv').read_text()
  assert (out / 'evaluation.csv').read_text() == first
  starts = [line.split()[0] for line in done.stdout.splitlines()]
  assert 'score' not in starts and starts.count('game') == 1
  report = tmp_path / 'report'
  done = commands.run(
    'report_scores', f'--runs={run.path}', f'--out={report}', short
  )
  assert done.returncode == 0, done.stderr
  with (report / 'scores.csv').open() as file:
    rows = {row['game']: row for row in csv.DictReader(file)}
  assert {row['agent'] for row in rows.values()} == {'impala_ff of catch,pong'}
  # S3TA's Table 3 has 55.3 % for the feedforward agent of all levels.
  printed = rows['pong']['published_normalised']
  assert printed == '0.553 (Table 3, multi-level)'
  assert rows['catch']['published_normalised'] == ''


@pytest.mark.parametrize('command', ['watch', 'analyze'])
def test_who_looks_at_one_game_has_to_say_which(run, command):
  def refused(*args):
    return commands.refused(command, f'--run={run.path}', *args)

  line = refused()
  assert '--game is missing: the run is of 2 games; expected one' in line
  assert '--game=catch' in line
  assert "unknown game of the run: 'boxing'" in refused('--game=boxing')
  line = commands.refused(
    'evaluate', f'--run={run.path}', '--game=pongs', '--episodes=1'
  )
  assert "did you mean 'pong'?" in line
  line = refused('--game=catch,pong')
  assert "unknown game of the run: 'catch,pong'" in line


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_one_of_its_games_is_analysed(run, tmp_path):
  done = commands.run(
    'analyze', f'--run={run.path}', '--game=pong', '--max_steps=5',
    '--analyses=gradients', f'--out={tmp_path}', timeout=1500,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  facts = json.loads((tmp_path / 'recording' / 'facts.json').read_text())
  assert facts['game'] == 'pong'

"""`launch/export.py` as a user runs it, and what takes its output."""

import csv
import json

import pytest

from attn_agents.runs import exported
from tests.exporting import making
from tests.launch import commands


@pytest.fixture(name='agent', scope='module')
def _agent(tmp_path_factory):
  """The directory of an exported agent, and of the run that it is from."""
  root = tmp_path_factory.mktemp('root')
  run = making.make_run(root / 'run', agent='impala_shallow')
  done = commands.run(
    'export', f'--run={run.path}', f'--out={root / "agent"}', timeout=400
  )
  assert done.returncode == 0, done.stderr
  assert f'written   {root / "agent"}' in done.stdout
  assert 'score     catch ' in done.stdout
  assert 'pictures  none' in done.stdout
  return root / 'agent', run.path


def test_it_is_evaluated_as_the_run_is(agent, tmp_path):
  path, run = agent
  done = commands.run(
    'evaluate', f'--run={path}', '--episodes=4', '--num_envs=2',
    f'--out={tmp_path}', timeout=400,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  found = json.loads((tmp_path / 'summary.json').read_text())
  assert found.pop('run') == str(path)
  assert found['checkpoint'] == making.STEP
  # With the same seed.
  (theirs,) = (run / 'evaluations').glob('*/summary.json')
  theirs = json.loads(theirs.read_text())
  assert theirs.pop('run') == str(run)
  assert {'mean', 'episodes', 'mean_frames', 'policy'} <= set(theirs)
  assert theirs == {name: found[name] for name in theirs}
  # Each game of both is the same: it has a digest of what was played.
  games = []
  for place in (tmp_path, run / 'evaluations' / 'catch_12_sampled'):
    with (place / 'evaluation.csv').open() as file:
      games.append(
        [(row['return'], row['trace']) for row in csv.DictReader(file)]
      )
  assert len(games[0]) == 4 and games[0] == games[1]


def test_its_export_is_listed_by_a_dry_run(agent, tmp_path):
  pytest.importorskip('huggingface_hub')
  path, _ = agent
  done = commands.run(
    'export', f'--run={path}', f'--out={tmp_path / "again"}',
    '--push=me/agent', '--dry_run', timeout=400,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  assert 'would be uploaded to me/agent: ' in done.stdout
  assert 'model.safetensors' in done.stdout


@pytest.mark.parametrize('script', ['evaluate', 'analyze', 'watch', 'export'])
def test_a_damaged_one_is_one_line_in_every_command(script, agent, tmp_path):
  path, _ = agent
  copy = tmp_path / 'copy'
  copy.mkdir()
  for file in path.iterdir():
    if file.is_file() and file.name != 'config.json':
      (copy / file.name).write_bytes(file.read_bytes())
  content = json.loads((path / 'config.json').read_text())
  content['exported']['checkpoint'] = 'x'
  (copy / 'config.json').write_text(json.dumps(content))
  args = {'export': [f'--out={tmp_path / "new"}']}.get(script, [])
  line = commands.refused(script, f'--run={copy}', *args)
  assert f'{copy}/config.json is damaged: exported.checkpoint' in line


@pytest.mark.parametrize('script', ['evaluate', 'analyze', 'watch'])
def test_a_name_that_does_not_ship_is_one_line(script):
  line = commands.refused(script, '--run=zoo:s3ta_catsh')
  assert "did you mean 'zoo:" in line


def test_wrong_flags_are_refused_before_anything_is_written(agent, tmp_path):
  path, run = agent
  cases = {
    '--run is missing': [f'--out={tmp_path / "x"}'],
    '--out is missing': [f'--run={path}'],
    'not empty': [f'--run={path}', f'--out={run}'],
    '--licence=My Own': [
      f'--run={path}', f'--out={tmp_path / "x"}', '--licence=My Own',
    ],
    '--dry_run is of --push': [
      f'--run={path}', f'--out={tmp_path / "x"}', '--dry_run',
    ],
    'whose name has': [f'--run={path}', f'--out={tmp_path / "a b"}'],
    '--checkpoint=13': [
      f'--run={path}', f'--out={tmp_path / "x"}', '--checkpoint=13',
    ],
  }  # fmt: skip
  for expected, args in cases.items():
    assert expected in commands.refused('export', *args)
  assert list(tmp_path.iterdir()) == []
  assert (path / exported.PARAMETERS).is_file()

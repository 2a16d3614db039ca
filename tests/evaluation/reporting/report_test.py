"""From the directories of runs to the tables and figures of a report."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from attn_agents.evaluation.reporting import (
  published,
  run_results,
  tables,
)
from attn_agents.runs import run_directory
from configs import errors
from tests.launch import commands


def _run(
  root,
  agent,
  game,
  seed,
  mean,
  algorithm='appo',
  episodes=10,
  name=None,
  preset='small',
  **sections,
):
  path = root / (name or f'{agent}_{game}_{seed}')
  (path / 'evaluations' / 'a').mkdir(parents=True)
  config = {
    'agent': agent, 'algorithm': algorithm, 'preset': preset, 'seed': seed,
    'environment': {'game': game}, **sections,
  }  # fmt: skip
  run_directory.RunDirectory(path).write({'config': config})
  (path / 'metrics.csv').write_text(
    'wall_time,frames,episode_return_mean\n10,1000,\n60,4000,2\n120,8000,4\n'
  )
  if mean is not None:
    _evaluate(path, 'a', 8000, mean, episodes=episodes)
  return path


def _evaluate(path, name, frames, mean, protocol='noop', episodes=10, **facts):
  game = json.loads((path / 'config.json').read_text())['config']
  (path / 'evaluations' / name).mkdir(exist_ok=True)
  (path / 'evaluations' / name / 'summary.json').write_text(
    json.dumps({
      'evaluated_game': game['environment']['game'], 'protocol': protocol,
      'policy': 'sampled', 'frames': frames, 'episodes': episodes,
      'mean': mean, **facts,
    })
  )  # fmt: skip


def _read(paths):
  return [
    run for path in paths for run in run_results.read(path, 'noop', 'sampled')
  ]


def test_a_run_is_read_with_its_newest_evaluation(tmp_path):
  path = _run(tmp_path, 's3ta', 'pong', 3, mean=1.0)
  _evaluate(path, 'b', 16_000, 5.0)
  _evaluate(path, 'c', 20_000, 7.0, protocol='sticky')
  _evaluate(path, 'd', 16_000, 6.0, episodes=200)
  # No better than the one before.
  _evaluate(path, 'e', 16_000, 6.5, episodes=200)
  _evaluate(path, 'f', 20_000, 8.0, policy='greedy')
  (path / 'evaluation_curve.csv').write_text(
    'wall_time,frames,return_mean\n50,4000,1.5\n'
  )
  (run,) = _read(run_results.find([str(tmp_path)]))
  assert (run.agent, run.game, run.seed) == ('s3ta', 'pong', 3)
  assert (run.algorithm, run.preset, run.path) == ('appo', 'small', path)
  assert (run.frames, run.seconds, run.name) == (8000, 120, 's3ta_pong_3')
  assert run.settings['environment.game'] == 'pong'
  assert run.summary['mean'] == 6.0
  assert run.training == run_results.Curve((4000, 8000), (60, 120), (2, 4))
  assert run.evaluation == run_results.Curve((4000,), (50,), (1.5,))


def test_a_run_that_has_logged_nothing_yet(tmp_path):
  path = _run(tmp_path, 's3ta', 'pong', 3, mean=None)
  (path / 'metrics.csv').unlink()
  (run,) = _read([path])
  assert (run.frames, run.seconds, run.summary) == (0, 0, None)
  assert run.training == run.evaluation == run_results.Curve()
  assert tables.per_game([run])[1] == tables.over_games([run])[1] == []


def test_runs_are_found_once_and_not_within_one_another(tmp_path):
  inner = _run(tmp_path / 'outer', 's3ta', 'pong', 0, mean=None, name='inner')
  other = _run(tmp_path, 's3ta', 'pong', 1, mean=None)
  assert run_results.find([str(tmp_path / 'outer')]) == [inner]
  outer = _run(tmp_path, 's3ta', 'pong', 2, mean=None, name='outer')
  paths = [tmp_path, outer, other]
  assert run_results.find(map(str, paths)) == [outer, other]


def test_a_report_is_of_one_cap_and_names_it(tmp_path):
  path = _run(tmp_path, 's3ta', 'pong', 3, mean=1.0)
  _evaluate(path, 'b', 8000, 5.0, max_episode_frames=4000)
  for cap, mean in ((108_000, 1.0), (4000, 5.0)):
    (run,) = run_results.read(path, 'noop', 'sampled', cap)
    assert run.summary['mean'] == mean
    columns, (row,) = tables.per_game([run])
    assert row[columns.index('max_episode_frames')] == str(cap)
  (run,) = run_results.read(path, 'noop', 'sampled', 500)
  assert run.summary is None


def test_a_score_goes_with_the_frames_of_its_own_checkpoint(tmp_path):
  path = _run(tmp_path / 'runs', 's3ta', 'pong', 0, mean=None)
  # Training has gone on to 8000 frames.
  _evaluate(path, 'a', 3712, -0.5)
  _run(tmp_path / 'runs', 's3ta', 'pong', 1, mean=2.5)
  _run(tmp_path / 'runs', 's3ta', 'boxing', 0, mean=None)
  out = tmp_path / 'out'
  done = commands.run(
    'report_scores', f'--runs={tmp_path / "runs"}', f'--out={out}'
  )
  assert done.returncode == 0, done.stderr
  with (out / 'scores.csv').open() as file:
    (row,) = csv.DictReader(file)
  assert (row['return_mean'], row['frames']) == ('1.00', '3712 to 8000')
  assert {
    's3ta_pong_0: the score is of 3,712 frames, and training went on to 8,000, '
    'which is not evaluated',
    'not evaluated, so only in the curves: s3ta_boxing_0',
  } <= set(done.stdout.splitlines())
  assert 's3ta_pong_1: ' not in done.stdout


def test_files_are_written_though_nobody_reads_what_is_printed(tmp_path):
  _run(tmp_path / 'runs', 's3ta', 'pong', 0, mean=1.0)
  out = tmp_path / 'out'
  done = subprocess.run(
    ['sh', '-c', '"$@" | true', 'sh', sys.executable,
     commands.LAUNCH / 'report_scores.py', f'--runs={tmp_path / "runs"}',
     f'--out={out}'],
    capture_output=True, text=True, timeout=120, check=False,
  )  # fmt: skip
  assert done.stderr == ''
  assert len(list(out.iterdir())) == 7


def test_scores_per_game(tmp_path):
  results = _read(
    [
      _run(tmp_path, 's3ta', 'amidar', 0, 100.0),
      _run(tmp_path, 's3ta', 'amidar', 1, 300.0),
      _run(tmp_path, 's3ta', 'pong', 0, None),
      _run(tmp_path, 'drarl', 'amidar', 0, 50.0, algorithm='ppo'),
      _run(tmp_path, 'impala_ff', 'catch', 0, 0.5),
    ]
  )
  columns, rows = tables.per_game(results)
  by_key = {
    (row[0], row[1]): dict(zip(columns, row, strict=True)) for row in rows
  }
  assert set(by_key) == {
    ('amidar', 's3ta'), ('amidar', 'drarl ppo'), ('catch', 'impala_ff'),
  }  # fmt: skip
  row = by_key['amidar', 's3ta']
  assert (row['runs'], row['episodes']) == ('2', '20')
  assert float(row['return_mean']) == 200
  assert float(row['return_deviation']) == pytest.approx(141.42)
  # (200 - 5.8) / (1719.5 - 5.8)
  assert float(row['human_normalised']) == pytest.approx(0.113)
  assert row['published_normalised'] == '11.389 (Table 3), 9.036 (Table 4)'
  row = by_key['amidar', 'drarl ppo']
  assert row['published_return'] == '2511.96 ± 710.03 (DRARL)'
  assert row['published_normalised'] == ''
  assert by_key['catch', 'impala_ff']['human_normalised'] == ''


def test_aggregates_take_the_games_that_all_have(tmp_path):
  results = _read(
    [
      _run(tmp_path, 's3ta', 'pong', 0, 14.6),
      _run(tmp_path, 's3ta', 'boxing', 0, 12.1),
      _run(tmp_path, 'impala_ff', 'pong', 0, -20.7),
    ]
  )
  columns, rows = tables.over_games(results)
  found = {
    (row[0], row[4]): row[columns.index('value')]
    for row in rows
    if row[columns.index('convention')] == 'table'
  }
  # Pong's random and human scores are -20.7 and 14.6.
  assert found['s3ta', 'median'] == '1.000'
  assert found['impala_ff', 'mean'] == '0.000'
  assert {row[1] for row in rows} == {'1'}


def test_another_algorithm_than_the_presets_is_another_agent(tmp_path):
  results = _read(
    [
      _run(tmp_path, 's3ta', 'pong', 0, 1.0),
      _run(tmp_path, 's3ta', 'pong', 1, 2.0, algorithm='vtrace'),
      _run(tmp_path, 'dqn', 'pong', 2, 3.0, algorithm='q_learning'),
    ]
  )
  assert [run.label for run in results] == ['s3ta', 's3ta vtrace', 'dqn']


def test_published_scores_by_our_names():
  assert published.normalised('impala_ff', 'alien') == {'Table 3': 2.718}
  assert published.normalised('s3ta_l2_keys', 'asteroids') == {'Table 4': 1.264}
  assert published.normalised('drarl', 'alien') == {}
  assert published.raw('impala_ff', 'vtrace', 'beam_rider') == (
    7645.31, 127.84,
  )  # fmt: skip
  assert published.raw('s3ta', 'vtrace', 'alien') is None
  assert published.raw('impala_ff', 'vtrace', 'boxing') is None
  assert published.normalised('s3ta', 'catch') == {}
  # 88 % of the score, give or take 11.
  assert published.hard_attention('breakout') == (0.88, 0.11)
  assert published.hard_attention('catch') is None


def test_a_table_as_markdown():
  rows = [{'game': 'pong', 'runs': '3', 'frames': '8'}]
  table = tables.from_rows(rows)
  assert tables.markdown(table) == (
    '| game | runs | frames |\n| --- | --- | --- |\n| pong | 3 | 8 |'
  )


def test_rows_of_seeds_and_what_is_unknown_is_left_empty(tmp_path):
  results = _read(
    [
      _run(tmp_path, 's3ta', 'video_pinball', 2, 8833.95),
      _run(tmp_path, 's3ta', 'video_pinball', 0, 0.0),
      _run(tmp_path, 's3ta', 'boxing', 1, 12.1),
    ]
  )
  columns, (boxing, pinball) = tables.per_game(results)
  assert pinball[columns.index('seeds')] == '0 2'
  assert boxing[columns.index('return_deviation')] == ''
  columns, rows = tables.over_games(results)
  # Half of the human's score in the mean with 0 as the random one, and 1.
  (row,) = (row for row in rows if row[3:5] == ['s3ta', 'mean_capped'])
  assert row == ['s3ta', '2', '1 to 2', 's3ta', 'mean_capped', '0.625', '', '']
  assert tables.over_games(results[:0]) == (columns, [])


@pytest.fixture(scope='module')
def reported(tmp_path_factory):
  """Runs of two agents, the report of them, and what its command printed."""
  root = tmp_path_factory.mktemp('reported')
  means = iter(np.random.default_rng(0).normal(size=12).tolist())
  for agent in ('s3ta', 'drarl'):
    for game in ('pong', 'freeway'):
      for seed in range(3):
        _run(root / 'runs', agent, game, seed, next(means))
  _run(root / 'runs', 's3ta', 'boxing', 0, None)
  done = commands.run(
    'report_scores', f'--runs={root / "runs"}', f'--out={root / "out"}'
  )
  assert done.returncode == 0, done.stderr
  return root, done.stdout


def test_the_command_leaves_tables_and_figures(reported):
  root, printed = reported
  out = root / 'out'
  assert 'not evaluated, so only in the curves: s3ta_boxing_0' in printed
  assert sorted(p.name for p in out.iterdir()) == [
    'aggregates.csv', 'aggregates.md', 'curves.csv', 'curves_frames.png',
    'curves_seconds.png', 'scores.csv', 'scores.md',
  ]  # fmt: skip
  assert (out / 'scores.md').read_text().strip() in printed
  with (out / 'curves.csv').open() as file:
    points = list(csv.DictReader(file))
  assert len(points) == 13 * 2
  assert points[1] == {
    'agent': 'drarl', 'game': 'freeway', 'seed': '0',
    'run': str(root / 'runs' / 'drarl_freeway_0'), 'kind': 'training',
    'frames': '8000.0', 'wall_time': '120.0', 'return': '4.0',
  }  # fmt: skip
  for name in ('frames', 'seconds'):
    image = np.asarray(Image.open(out / f'curves_{name}.png').convert('RGB'))
    # Two colours of lines, blue and orange of matplotlib's tab10.
    for colour in ((31, 119, 180), (255, 127, 14)):
      assert (abs(image.astype(int) - colour).sum(-1) < 30).any()


def test_equal_runs_give_equal_files(reported, tmp_path):
  root, _ = reported
  commands.run('report_scores', f'--runs={root / "runs"}', f'--out={tmp_path}')
  assert len(list((root / 'out').iterdir())) == 7
  for path in (root / 'out').iterdir():
    other = tmp_path / path.name
    assert other.read_bytes() == path.read_bytes(), path.name


def test_bad_input_is_one_line_and_exit_code_2(tmp_path):
  for args, words in (
    ([], '--runs is missing'),
    ([f'--runs={tmp_path}'], 'no run there'),
    ([f'--runs={tmp_path}', '--protocol=nop'], "did you mean 'noop'"),
  ):
    out = f'--out={tmp_path / "out"}'
    assert words in commands.refused('report_scores', *args, out)
    assert not (tmp_path / 'out').exists()
  _run(tmp_path, 's3ta', 'pong', 0, 1.0)
  (tmp_path / 'file').touch()
  out = f'--out={tmp_path / "file" / "out"}'
  line = commands.refused('report_scores', f'--runs={tmp_path}', out)
  assert f'{out}: expected a directory, and {tmp_path}/file is a file' in line


@pytest.mark.parametrize(
  ('name', 'text', 'words'),
  [
    ('metrics.csv', 'a,b\n1,2\n', "no column 'frames'"),
    ('metrics.csv', 'frames\nmany\n', 'expected a table of numbers'),
    ('evaluation_curve.csv', 'frames,wall_time\n1,2\n', "'return_mean'"),
    ('evaluations/a/summary.json', '', 'Expecting value'),
    ('evaluations/a/summary.json', '[]', 'launch/evaluate.py writes'),
    ('evaluations/a/summary.json', '{"frames": 1}', "'evaluated_game'"),
  ],
)
def test_a_damaged_file_is_named_in_one_line(tmp_path, name, text, words):
  path = _run(tmp_path, 's3ta', 'pong', 0, mean=1.0)
  (path / name).write_text(text)
  with pytest.raises(errors.ConfigError) as caught:
    _read([path])
  assert f'{path / name} is damaged' in str(caught.value)
  assert words in str(caught.value)
  assert '\n' not in str(caught.value)


def test_a_run_of_several_games_has_a_result_of_each(tmp_path):
  path = _run(tmp_path, 's3ta', 'pong,catch,breakout', 0, mean=None)
  (path / 'metrics.csv').write_text(
    'wall_time,frames,episode_return_mean,return_breakout,return_catch,'
    'return_pong\n10,1000,1,,-1,\n60,4000,2,3,0.5,\n'
  )
  (path / 'evaluation_curve.csv').write_text(
    'wall_time,frames,return_mean,capped_score,return_breakout,return_catch,'
    'return_pong\n50,3000,0,0.1,4,1,-5\n'
  )
  for game, mean in (('breakout', 16.1), ('pong', 21.0), ('catch', 1.0)):
    _evaluate(path, game, 4000, mean, evaluated_game=game)
  found = {run.game: run for run in _read([path])}
  assert list(found) == ['breakout', 'catch', 'pong']
  assert found['breakout'].training.returns == (3.0,)
  assert found['catch'].training.returns == (-1.0, 0.5)
  assert found['pong'].training.returns == ()
  assert found['pong'].evaluation.returns == (-5.0,)
  assert found['pong'].name == 's3ta_pong,catch,breakout_0 (pong)'
  assert {run.label for run in found.values()} == {
    's3ta of pong,catch,breakout'
  }
  expert = _run(tmp_path, 's3ta', 'pong', 0, mean=14.6)
  results = [*found.values(), *_read([expert])]
  columns, rows = tables.per_game(results)
  by_name = {
    (row[0], row[1]): dict(zip(columns, row, strict=True)) for row in rows
  }
  printed = by_name['pong', 's3ta of pong,catch,breakout']
  # Rows of S3TA's Table 3.
  assert printed['published_normalised'] == '0.021 (Table 3, multi-level)'
  assert by_name['pong', 's3ta']['published_normalised'].startswith('1.181 (')
  columns, rows = tables.over_games(results[:3])
  capped = {row[4]: float(row[5]) for row in rows if row[3] == 'table'}
  # Half of the human's, and more than it, which counts as 1.
  assert capped['mean_capped'] == 0.75
  assert capped['mean'] == pytest.approx((0.5 + 41.7 / 35.3) / 2, abs=1e-3)

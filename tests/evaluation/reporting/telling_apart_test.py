"""Only runs that differ in their seed alone are seeds of one agent."""

import csv
import pathlib
import shutil

from attn_agents.evaluation.reporting import (
  run_results,
  tables,
  telling_apart,
)
from tests.evaluation.reporting import report_test
from tests.launch import commands


def _result(agent='s3ta', preset='small', game='pong', seed=0, **settings):
  return run_results.RunResult(
    path=pathlib.Path(f'{agent}_{seed}'), agent=agent, algorithm='appo',
    preset=preset, game=game, seed=seed, frames=8000, seconds=1.0,
    training=run_results.Curve(), evaluation=run_results.Curve(),
    summary={'frames': 8000, 'episodes': 2, 'mean': 1.0,
             'max_episode_frames': 108_000},
    settings={'seed': seed, 'environment.game': game, **settings},
  )  # fmt: skip


def _labels(*results):
  return [run.label for run in telling_apart.label(results)]


def test_seeds_and_games_have_one_label():
  assert (
    _labels(_result(seed=0), _result(seed=1), _result(seed=2, game='boxing'))
    == ['s3ta'] * 3
  )


def test_other_settings_are_another_agent_that_is_named_by_them():
  discount = 'learning.discount'
  assert _labels(
    _result(**{discount: 0.99, 'max_frames': 1000}),
    _result(**{discount: 0.95, 'max_frames': 1000}, seed=1),
    _result(**{discount: 0.99, 'max_frames': 2000}, seed=2),
    _result(agent='drarl', **{discount: 0.5}),
  ) == [
    's3ta (learning.discount=0.99, max_frames=1000)',
    's3ta (learning.discount=0.95, max_frames=1000)',
    's3ta (learning.discount=0.99, max_frames=2000)',
    'drarl',
  ]  # fmt: skip


def test_a_setting_is_named_as_it_is_typed():
  assert _labels(
    _result(**{'replay.prioritised': True}),
    _result(**{'replay.prioritised': False}),
    _result(**{'replay.prioritised': 'Half'}),
    _result(),
  ) == [
    's3ta (replay.prioritised=true)',
    's3ta (replay.prioritised=false)',
    's3ta (replay.prioritised=Half)',
    's3ta (replay.prioritised=absent)',
  ]


def test_another_preset_is_named_and_not_all_that_it_sets():
  assert _labels(
    _result(**{'network.conv_channels': [8, 8]}),
    _result(preset='paper', **{'network.conv_channels': [32, 64]}, seed=1),
    _result(preset='paper', **{'network.conv_channels': [32, 32]}, seed=2),
  ) == [
    's3ta (preset=small)',
    # Whose own algorithm is not APPO.
    's3ta appo (preset=paper, network.conv_channels=32 64)',
    's3ta appo (preset=paper, network.conv_channels=32 32)',
  ]  # fmt: skip


def test_fields_that_cannot_change_what_is_learned_are_no_settings():
  assert (
    _labels(
      _result(**{'queue.queue_port': 0, 'runtime.log_every_seconds': 5.0}),
      _result(**{'queue.queue_port': 9, 'runtime.log_every_seconds': 1.0}),
      # A run from before the field does what its value in `YOUNGER` says.
      _result(**{'learning.part_length': 0}),
    )
    == ['s3ta'] * 3
  )
  every = 'runtime.evaluate_every_frames'
  assert _labels(_result(**{every: 0}), _result(**{every: 9})) == ['s3ta'] * 2
  assert _labels(
    _result(**{'runtime.num_actors': 2}), _result(**{'runtime.num_actors': 4})
  ) == ['s3ta (runtime.num_actors=2)', 's3ta (runtime.num_actors=4)']


def test_rows_of_a_report_are_of_runs_that_differ_in_their_seed(tmp_path):
  runs = tmp_path / 'runs'
  for seed, mean, discount in ((0, 1.0, 0.99), (1, 3.0, 0.99), (2, 8.0, 0.5)):
    report_test._run(
      runs, 's3ta', 'pong', seed, mean, learning={'discount': discount}
    )
  shutil.copytree(runs / 's3ta_pong_1', runs / 'copy')
  done = commands.run(
    'report_scores', f'--runs={runs}', f'--out={tmp_path / "out"}'
  )
  assert done.returncode == 0, done.stderr
  with (tmp_path / 'out' / 'scores.csv').open() as file:
    rows = {row['agent']: row for row in csv.DictReader(file)}
  same = rows['s3ta (learning.discount=0.99)']
  assert (same['seeds'], same['return_mean']) == ('0 1', '2.00')
  other = rows['s3ta (learning.discount=0.5)']
  assert (other['seeds'], other['return_mean']) == ('2', '8.00')
  assert len(rows) == 2
  line = (
    f'{runs / "s3ta_pong_1"} has the settings and the seed (1) of '
    f'{runs / "copy"}: it is no further seed, and only in curves.csv'
  )
  assert line in done.stdout.splitlines()
  with (tmp_path / 'out' / 'curves.csv').open() as file:
    agents = {(row['run'], row['agent']) for row in csv.DictReader(file)}
  assert (str(runs / 's3ta_pong_2'), 's3ta (learning.discount=0.5)') in agents
  assert len(agents) == 4


def test_of_runs_with_one_seed_the_one_scored_last_counts():
  early, late, unscored = (
    _result(seed=1), _result(seed=1), _result(seed=1)
  )  # fmt: skip
  late.summary['frames'] = 9000
  unscored = run_results.dataclasses.replace(unscored, summary=None)
  kept, lines = telling_apart.without_repeated_seeds([early, unscored, late])
  assert kept == [late]
  assert len(lines) == 2


def test_games_that_are_in_no_aggregate_are_named():
  results = telling_apart.label(
    [
      *(_result(game=game) for game in ('pong', 'boxing', 'catch')),
      _result(agent='drarl'),
    ]
  )
  assert tables.left_out(results) == [
    'boxing is in no aggregate: it has no score of drarl',
    'catch is in no aggregate: it has no human score',
  ]

"""`launch/evaluate.py` as a user runs it, on a run of untrained agents."""

import csv
import dataclasses
import json
import os
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest

from attn_agents import experiment
from attn_agents.runs import checkpoints, run_directory, snapshots
from attn_agents.utils import machine
from tests import in_process
from tests.launch import commands

STEPS = (3, 12)


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  """A run of Catch with two checkpoints of different parameters."""
  config = in_process.catch_config(agent='impala_ff')
  run = run_directory.RunDirectory(tmp_path_factory.mktemp('runs') / 'catch')
  run.open(config, machine.Devices('cpu', 1, 'cpu'))
  start = experiment.Experiment(config).initial_snapshot()
  checkpointer = checkpoints.Checkpointer(run.checkpoints)
  for step in STEPS:
    # Far from uniform, so that another checkpoint plays otherwise.
    params = jax.tree.map(
      lambda x, s=step: np.asarray(s * x), start.state.params
    )
    checkpointer.save(
      dataclasses.replace(
        start,
        state=start.state._replace(params=params),
        counters=snapshots.Counters(
          agent_steps=100 * step, frames=400 * step, learner_steps=step
        ),
      )
    )
  checkpointer.close()
  return run


def _files(directory):
  with (directory / 'evaluation.csv').open() as file:
    rows = list(csv.DictReader(file))
  return rows, json.loads((directory / 'summary.json').read_text())


_ARGS = ('--episodes=30', '--num_envs=4')


@pytest.fixture(scope='module')
def other_seed(run, tmp_path_factory):
  """Where a command has written, and each import that it made."""
  out = tmp_path_factory.mktemp('other_seed')
  with pytest.MonkeyPatch.context() as patch:
    patch.setitem(os.environ, 'PYTHONPROFILEIMPORTTIME', '1')
    done = commands.run(
      'evaluate', f'--run={run.path}', *_ARGS, '--seed=6', f'--out={out}'
    )
  assert done.returncode == 0, done.stderr
  return out, done.stderr


def test_the_same_command_gives_the_same_numbers(run, other_seed, tmp_path):
  args = [f'--run={run.path}', *_ARGS, '--seed=5']
  found = []
  for name in 'ab':
    done = commands.run('evaluate', *args, f'--out={tmp_path / name}')
    assert done.returncode == 0, done.stderr
    found.append(_files(tmp_path / name))
  assert found[0] == found[1]
  rows, summary = found[0]
  assert [int(row['environment']) for row in rows] == sorted(
    8 * [0, 1] + 7 * [2, 3]
  )
  assert all(row['end'] == 'game_over' for row in rows)
  returns = [float(row['return']) for row in rows]
  assert summary['mean'] == pytest.approx(np.mean(returns))
  assert (summary['checkpoint'], summary['frames']) == (12, 4800)
  assert f'mean {np.mean(returns):.2f}' in done.stdout
  others, _ = _files(other_seed[0])
  assert len(others) == 30 and others != rows


def test_tensorflow_is_not_loaded(other_seed):
  loaded = {
    line.rpartition('|')[2].strip() for line in other_seed[1].splitlines()
  }
  assert 'attn_agents.evaluation.evaluator' in loaded
  assert not {'tensorflow', 'tensorflow_probability', 'rlax'} & loaded


def test_an_older_checkpoint_and_the_place_of_the_files(run):
  done = commands.run(
    'evaluate',
    f'--run={run.path}',
    '--checkpoint=3',
    '--episodes=2',
    '--policy=greedy',
  )
  assert done.returncode == 0, done.stderr
  directory = run.evaluations / 'catch_3_greedy_noop_2_seed0'
  _, summary = _files(directory)
  assert (summary['checkpoint'], summary['policy']) == (3, 'greedy')
  assert str(directory) in done.stdout


def test_chance_needs_no_run(tmp_path):
  done = commands.run(
    'evaluate',
    '--policy=random',
    '--game=catch',
    '--episodes=200',
    f'--out={tmp_path}',
  )
  assert done.returncode == 0, done.stderr
  rows, _ = _files(tmp_path)
  caught = np.mean([float(row['return']) > 0 for row in rows])
  # A random walk of 8 moves, held between the walls, ends anywhere about
  # equally often.
  assert 0.1 < caught < 0.3


def test_chance_decides_as_often_as_asked(tmp_path):
  frames = []
  for repeat in (4, 12):
    done = subprocess.run(
      [
        sys.executable, commands.LAUNCH / 'evaluate.py', '--policy=random',
        '--game=pong', '--episodes=1', f'--action_repeat={repeat}',
      ],
      cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    name = f'pong_random_noop_1_seed0_repeat{repeat}'
    rows, summary = _files(tmp_path / 'evaluations' / name)
    assert summary['action_repeat'] == repeat
    for row in rows:
      assert int(row['frames']) == repeat * int(row['agent_steps'])
    frames.append(summary['mean_frames'])
  # A game of 21 lost points takes its time however often one decides.
  assert 0.5 < frames[1] / frames[0] < 2


# Without waiting for half a minute.
_SPEAKING = """
import sys
from launch import command_line, evaluate
evaluate._REMIND_SECONDS = 0.0
sys.exit(command_line.run(evaluate.main))
"""


def test_it_says_what_it_waits_for_and_cuts_games_where_told(tmp_path):
  done = subprocess.run(
    [
      sys.executable, '-c', _SPEAKING, '--policy=random', '--game=breakout',
      '--episodes=3', '--num_envs=2', '--max_episode_frames=82',
      f'--out={tmp_path}',
    ],
    cwd=commands.LAUNCH.parent, capture_output=True, text=True, timeout=120,
    check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  lines = done.stderr.splitlines()
  assert (
    'breakout: 0 of 3 games are over, the longest in progress has 76 frames '
    'of at most 82 (--max_episode_frames)'
  ) in lines
  assert any('2 of 3 games are over' in line for line in lines)
  rows, summary = _files(tmp_path)
  # A step of 4 frames that the cap would cut in two is not played.
  assert [(row['frames'], row['end']) for row in rows] == 3 * [
    ('80', 'frame_cap')
  ]
  assert (summary['max_episode_frames'], summary['cut']) == (82, 1.0)
  assert '100.0% of the games, after 82 frames' in done.stdout


def test_scores_that_cannot_be_written_are_printed(tmp_path):
  out = tmp_path / 'out'
  # Files of half a kilobyte.
  limited = 'ulimit -f 1 && exec "$@"'
  done = subprocess.run(
    ['sh', '-c', limited, 'sh', sys.executable, commands.LAUNCH / 'evaluate.py',
     '--policy=random', '--game=catch', '--episodes=99', f'--out={out}'],
    capture_output=True, text=True, timeout=120, check=False,
  )  # fmt: skip
  assert done.returncode == 1, done
  assert 'catch, 99 episodes' in done.stdout and 'return    mean' in done.stdout
  (line,) = done.stderr.strip().splitlines()
  assert line == f'failed: {out} cannot be written: File too large'


def test_parameters_that_are_not_numbers_are_refused(run, tmp_path):
  config = in_process.catch_config(agent='impala_ff')
  other = run_directory.RunDirectory(tmp_path / 'run')
  shutil.copytree(run.path, other.path)
  checkpointer = checkpoints.Checkpointer(other.checkpoints)
  snapshot = checkpointer.restore(experiment.Experiment(config).state_spec())
  leaves, structure = jax.tree.flatten(snapshot.state.params)
  leaves[-1] = np.full_like(leaves[-1], np.nan)
  params = jax.tree.unflatten(structure, leaves)
  with pytest.MonkeyPatch.context() as patch:
    # Which refuses to write them.
    patch.setattr(checkpoints.np, 'isfinite', np.ones_like)
    checkpointer.save(
      dataclasses.replace(
        snapshot,
        state=snapshot.state._replace(params=params),
        counters=dataclasses.replace(snapshot.counters, learner_steps=15),
      )
    )
  checkpointer.close()
  line = commands.refused('evaluate', f'--run={other.path}', '--episodes=2')
  assert f'checkpoint {other.checkpoints / "15"}: parameter ' in line
  assert line.endswith('as of --checkpoint=12')
  line = commands.refused('analyze', f'--run={other.path}')
  assert f'checkpoint {other.checkpoints / "15"}: parameter ' in line


def test_each_way_to_play_has_a_directory_and_replaces_no_other(run):
  args = [f'--run={run.path}', '--checkpoint=3', '--episodes=3']
  done = commands.run(
    'evaluate', *args, '--max_episode_frames=400', '--num_envs=2'
  )
  assert done.returncode == 0, done.stderr
  there = run.evaluations / 'catch_3_sampled_noop_3_seed0_max400_envs2'
  before = _files(there)
  assert before[1]['max_episode_frames'] == 400
  line = commands.refused('evaluate', *args, '--num_envs=2', f'--out={there}')
  assert 'max_episode_frames: 400 there, 108000 now' in line
  assert _files(there) == before


@pytest.mark.parametrize(
  ('args', 'words'),
  [
    (
      ['--run={run}', '--max_episode_frames=3'],
      '--max_episode_frames=3: expected 4 (one step) to 2147483647',
    ),
    (['--run={run}', '--checkpoint=5'], 'the nearest is 3'),
    (['--run={run}', '--checkpoint=last'], 'steps 3, 12'),
    (['--run={run}', '--checkpoint=best'], '--evaluate_every'),
    (
      ['--run={run}', '--game=pong'],
      'are left stay right, those of pong are noop',
    ),
    (['--run={run}', '--game=cath'], "did you mean 'catch'"),
    (['--run={run}', '--protocol=stiky'], "did you mean 'sticky'"),
    (['--run={run}', '--policy=gredy'], "did you mean 'greedy'"),
    (['--run={run}', '--episodes=0'], 'at least 1'),
    (['--run={run}', '--action_repeat=6'], 'no --run'),
    (
      ['--policy=random', '--game=pong', '--action_repeat=1'],
      '--action_repeat=1: expected 2 to 60',
    ),
    (
      ['--policy=random', '--game=pong', '--action_repeat=61'],
      '--action_repeat=61: expected 2 to 60',
    ),
    (['--run={run}x'], "did you mean 'catch'"),
    (['--run=/nowhere/at/all'], 'no config.json'),
    (['--game=pong'], '--run is missing'),
    (['--run={run}', '--out={run}/config.json/a'], 'config.json is a file'),
  ],
)
def test_bad_input_is_one_line_and_exit_code_2(run, args, words):
  before = sorted(run.path.rglob('*'))
  args = (arg.format(run=run.path) for arg in args)
  assert words in commands.refused('evaluate', *args)
  assert sorted(run.path.rglob('*')) == before, 'something was left behind'

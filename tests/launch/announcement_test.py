"""What a run says before it starts, with numbers worked out by hand."""

import dataclasses
import types as stdlib_types

import pytest

from attn_agents.algorithms import registry
from attn_agents.runs import kept_replays, run_directory
from attn_agents.utils import machine
from configs import resolution
from launch import announcement


def _config(*settings, **request):
  return resolution.resolve(
    resolution.Request(
      game='catch', preset='small', num_actors=4, settings=settings, **request
   
    ),
    'cpu', num_devices=1, cores=2,
  )  # fmt: skip


@pytest.fixture(name='lines')
def _lines(tmp_path, monkeypatch, capsys):
  monkeypatch.setattr(
    machine, 'describe',
    lambda: stdlib_types.SimpleNamespace(memory_bytes=25_270_000_000),
  )  # fmt: skip

  def lines(config, *, continued=False, **request):
    announcement.print_plan(
      resolution.Request(preset='small', **request),
      config,
      run_directory.RunDirectory(tmp_path),
      machine.Devices('cpu', 1, 'cpu'),
      2,
      continued,
    )
    said = capsys.readouterr().out.splitlines()
    assert all(len(line[:10].rstrip()) < 10 for line in said)
    return {line[:10].rstrip(): line[10:] for line in said}

  return lines


def test_a_run_is_described(lines, tmp_path):
  config = _config('seed=5', 'max_frames=1234567', 'runtime.envs_per_actor=16')
  said = lines(config)
  assert said['agent'] == 's3ta on catch, 1,234,567 frames, seed 5'
  assert said['machine'] == '2 cores, 1 x cpu'
  assert said['actors'].startswith('4 processes x 16 environments, ')
  assert said['preset'].startswith('small (')
  assert said['logdir'] == f'{tmp_path} (new)'
  assert not {'replay', 'games', 'evaluator'} & set(said)


@pytest.mark.parametrize(
  ('settings', 'end'),
  [
    (('max_frames=0', 'max_hours=0'), 'no end'),
    (('max_frames=0', 'max_hours=1.5'), '1.5 hours'),
    (('max_frames=9000', 'max_hours=2'), '9,000 frames or 2 hours'),
  ],
)
def test_it_is_said_when_it_ends(lines, settings, end):
  said = lines(_config(*settings), continued=True)
  assert said['agent'].split(', ')[1:-1] == end.split(', ')
  assert said['logdir'].endswith(' (continued)')


def test_threads_are_no_processes(lines):
  config = _config(runtime='threads')
  assert lines(config)['actors'].startswith('4 threads x ')


@pytest.mark.parametrize(
  ('settings', 'text'),
  [
    ((), '20 games at least every 40,000 frames'),
    (
      ('runtime.evaluation_steps=3000',),
      '3,000 steps at least every 40,000 frames',
    ),
    (
      ('runtime.evaluation_max_episode_frames=18000',),
      '20 games, cut after 18,000 frames, at least every 40,000 frames',
    ),
  ],
)
def test_it_is_said_how_often_and_how_long_it_is_scored(lines, settings, text):
  config = _config('runtime.evaluate_every_frames=40000', *settings)
  assert lines(config)['evaluator'] == text


def test_a_replay_is_said_with_its_memory(lines, tmp_path, monkeypatch):
  config = _config('runtime.envs_per_actor=1', agent='darqn_soft')
  algorithm = registry.get(config.algorithm)
  made = algorithm.replay(config)
  made = dataclasses.replace(made, capacity=50_000, num_bytes=1_234_000_000)
  monkeypatch.setattr(type(algorithm), 'replay', lambda self, config: made)
  text = '50,000 transitions, at most 1.23 GB of 25.3 GB'
  assert lines(config)['replay'] == text
  assert lines(config, continued=True)['replay'] == (
    f'{text}; none is kept here, so it is filled again first'
  )
  (tmp_path / 'checkpoints' / '7').mkdir(parents=True)
  assert lines(config, continued=True)['replay'] == (
    f'{text}; none was kept with update 7, so it is filled again first'
  )
  kept_replays.path_of(tmp_path / 'replay', config.runtime.kind, 7).mkdir(
    parents=True
  )
  assert lines(config, continued=True)['replay'] == (
    f'{text}; continues with that of update 7'
  )
  # A new run has none, whatever lies there.
  assert lines(config)['replay'] == text


def test_several_games_are_played_in_turns(lines):
  config = resolution.resolve(
    resolution.Request(
      game='pong,boxing', preset='small', num_actors=4,
      settings=['learning.unroll_length=20'],
    ),
    'cpu', num_devices=1, cores=2,
  )  # fmt: skip
  assert lines(config)['games'] == (
    '2, every actor plays all in turns of 20 steps, each an equal share'
  )


def test_a_job_says_how_to_reach_its_pages(lines, monkeypatch):
  monkeypatch.setattr(
    announcement.batch_job, 'ssh_line', lambda *given: f'ssh {given[2:]}'
  )
  ports = (
    announcement.batch_job.WATCH_PORT,
    announcement.batch_job.TENSORBOARD_PORT,
  )
  assert lines(_config())['pages'] == (
    f'of watch.py and TensorBoard, by ssh {ports}'
  )

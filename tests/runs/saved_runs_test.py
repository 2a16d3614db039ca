"""Which runs and checkpoints there are."""

import dataclasses

import pytest

from attn_agents.runs import run_directory, saved_runs
from attn_agents.runs.buckets import addresses, stores
from configs import agents, errors, overrides


@pytest.mark.parametrize(
  ('rows', 'steps', 'done'),
  [
    ([], (), False),
    ([(299, 7)], (7,), False),
    ([(300, 7)], (7,), True),
    # After a turn of a population.
    ([(300, 7)], (7, 8), True),
    # Killed before it had saved.
    ([(300, 7)], (5,), False),
    ([(300, 7)], (), False),
    ([(300, 1)], (), False),
  ],
)
def test_a_run_is_trained_when_its_last_frames_are_saved(
  tmp_path, rows, steps, done
):
  run = run_directory.RunDirectory(tmp_path)
  lines = ['frames,learner_steps', *(f'{x},{y}' for x, y in rows)]
  run.metrics.write_text('\n'.join(lines) + '\n')
  for step in steps:
    (run.checkpoints / str(step)).mkdir(parents=True)
  assert saved_runs.is_trained(run, 300) == done
  assert not saved_runs.is_trained(run, 0), 'it has no end'
  if done:
    assert saved_runs.is_trained(run, 1)


@pytest.mark.parametrize(
  ('seconds', 'step', 'hours', 'done'),
  [
    (7200, 7, 2.0, True),
    (7199, 7, 2.0, False),
    (1800, 7, 0.5, True),
    # Killed before it had saved.
    (7200, 5, 2.0, False),
    # Others are asked for now, or none.
    (7200, 7, 3.0, False),
    (7200, 7, 0.0, False),
  ],
)
def test_a_run_is_trained_when_its_hours_are_over(
  tmp_path, seconds, step, hours, done
):
  run = run_directory.RunDirectory(tmp_path)
  run.metrics.write_text(f'wall_time,frames,learner_steps\n{seconds},299,7\n')
  (run.checkpoints / str(step)).mkdir(parents=True)
  assert saved_runs.is_trained(run, 300, hours) == done
  assert not saved_runs.is_trained(run, 300)


def _checkpoints(directory, *steps):
  for step in steps:
    (directory / str(step)).mkdir(parents=True)


def test_a_checkpoint_is_found_by_its_step_or_as_the_newest(tmp_path):
  run = run_directory.RunDirectory(tmp_path)
  assert saved_runs.newest(run) is None
  _checkpoints(run.checkpoints, 9, 100, 20)
  # One that is being written, and what is none.
  _checkpoints(run.checkpoints, '300.orbax-checkpoint-tmp-0', 'x')
  assert saved_runs.steps(run.checkpoints) == [9, 20, 100]
  assert saved_runs.newest(run) == 100
  assert saved_runs.find(run, 'newest') == (run.checkpoints, 100)
  assert saved_runs.find(run, '20') == (run.checkpoints, 20)
  _checkpoints(run.best, 20)
  assert saved_runs.find(run, 'best') == (run.best, 20)


@pytest.mark.parametrize(
  ('steps', 'which', 'words'),
  [
    ((), 'newest', '{}/checkpoints has no checkpoint'),
    ((), 'best', '{}/best has no checkpoint'),
    (
      (7,),
      'best',
      '{}/best has no checkpoint; training keeps it with --evaluate_every '
      'only; newest exists',
    ),
    (
      (1, 2, 3, 4, 5, 6, 17),
      'last',
      'expected newest, best, or one of the steps 3, 4, 5, 6, 17',
    ),
    ((3, 9), '7', 'expected one of the steps 3, 9; the nearest is 9'),
    ((3, 9), '5', 'expected one of the steps 3, 9; the nearest is 3'),
    ((3, 9), '-1', 'expected one of the steps 3, 9; the nearest is 3'),
  ],
)
def test_a_checkpoint_that_there_is_not_is_refused(
  tmp_path, steps, which, words
):
  run = run_directory.RunDirectory(tmp_path)
  _checkpoints(run.checkpoints, *steps)
  with pytest.raises(errors.ConfigError) as caught:
    saved_runs.find(run, which)
  expected = f'--checkpoint={which}: {words.format(tmp_path)}'
  assert str(caught.value) == expected


def test_a_directory_without_a_run_names_the_nearest_beside_it(tmp_path):
  wrong = run_directory.RunDirectory(tmp_path / 'pnog')
  with pytest.raises(errors.ConfigError) as caught:
    saved_runs.require_run(wrong, 'pnog')
  assert str(caught.value) == (
    '--run=pnog is no run: it has no config.json; expected the --logdir of a '
    'training run'
  )
  for name in ('boxing', 'pong'):
    (tmp_path / name).mkdir()
    (tmp_path / name / 'config.json').touch()
  with pytest.raises(errors.ConfigError) as caught:
    saved_runs.require_run(wrong, 'pnog')
  assert str(caught.value) == "unknown run 'pnog'; did you mean 'pong'?"
  saved_runs.require_run(run_directory.RunDirectory(tmp_path / 'pong'), 'pong')


def _config(game):
  config = agents.make('s3ta', 'small')
  return dataclasses.replace(
    config, environment=config.environment.of_game(game)
  )


def test_a_run_of_screens_that_its_game_has_not_is_refused(tmp_path):
  config = _config('catch')
  run = run_directory.RunDirectory(tmp_path)
  for height, fits in ((10, True), (9, False)):
    environment = dataclasses.replace(config.environment, height=height)
    values = overrides.to_dict(
      dataclasses.replace(config, environment=environment)
    )
    run.write({'config': values})
    if fits:
      found, opened = saved_runs.open_run(str(tmp_path))
      assert found.path == tmp_path and opened.environment == environment
    else:
      with pytest.raises(errors.ConfigError, match='height=9: expected 10'):
        saved_runs.open_run(str(tmp_path))


def test_a_run_plays_its_game_or_another():
  one = _config('pong')
  assert saved_runs.with_game(one, None) is one
  assert saved_runs.with_game(one, 'boxing').environment.game == 'boxing'
  several = _config('pong,boxing')
  assert saved_runs.with_game(several, 'boxing').environment.game == 'boxing'


@pytest.mark.parametrize(
  ('own', 'game', 'words'),
  [
    (
      'pong,boxing',
      None,
      '--game is missing: the run is of 2 games; expected one of them, as '
      '--game=boxing',
    ),
    (
      'pong,boxing',
      'boxin',
      "unknown game of the run: 'boxin'; did you mean 'boxing'?",
    ),
    ('pong', 'boxing,pong', '--game=boxing,pong: expected one game, as '),
  ],
)
def test_a_game_that_the_run_does_not_play_is_refused(own, game, words):
  with pytest.raises(errors.ConfigError) as caught:
    saved_runs.with_game(_config(own), game)
  assert str(caught.value).startswith(words)


def test_of_a_run_that_trains_here_the_bucket_is_not_asked(
  tmp_path, monkeypatch
):
  asked = []

  class Restoring:
    def __init__(self, run, store):
      asked.append((run.path, store))

    def restore(self):
      if len(asked) > 1:
        raise stores.BucketError('no such bucket')

  monkeypatch.chdir(tmp_path)
  directory = addresses.parse('--run', 'gs://bucket/pong').directory
  monkeypatch.setattr(saved_runs.stores, 'connect', lambda address: 'store')
  monkeypatch.setattr(saved_runs.restoring, 'Restoring', Restoring)
  locked = [True, False, False]
  monkeypatch.setattr(
    run_directory.RunDirectory, 'is_locked', lambda self: locked.pop(0)
  )
  here = run_directory.RunDirectory(directory).path
  assert saved_runs._here('runs/pong') == 'runs/pong'
  assert saved_runs._here('gs://bucket/pong') == str(here)
  assert asked == []
  assert saved_runs._here('gs://bucket/pong') == str(here)
  assert asked == [(here, 'store')]
  with pytest.raises(errors.ConfigError) as caught:
    saved_runs._here('gs://bucket/pong')
  assert str(caught.value) == '--run=gs://bucket/pong: no such bucket'

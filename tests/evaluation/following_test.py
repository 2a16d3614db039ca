"""A follower beside a run that these tests play the learner of."""

import csv
import dataclasses
import functools
import shutil

import jax
import numpy as np
import pytest

from attn_agents import experiment
from attn_agents.evaluation import episodes, evaluator, following, results
from attn_agents.runs import (
  checkpoints,
  parameters,
  run_directory,
  saved_runs,
  snapshots,
)
from attn_agents.utils import disk, machine
from configs import errors
from tests import full_disk, in_process

PLAN = evaluator.Plan(num_episodes=8, num_envs=4, seed=3)


@functools.cache
def _config(game):
  return in_process.catch_config(
    *in_process.NARROWEST, agent='impala_ff', game=game
  )


@functools.cache
def _start(game):
  return experiment.Experiment(_config(game)).initial_snapshot()


@functools.cache
def _compiled():
  return evaluator.Evaluator(_config('catch'), PLAN)._compiled


class _Learner:
  """Leaves checkpoints; their parameters are the first ones times a factor."""

  def __init__(self, path, game='catch'):
    self.config = _config(game)
    self.run = run_directory.RunDirectory(path / 'run')
    self.run.open(self.config, machine.Devices('cpu', 1, 'cpu'))
    self._start = _start(game)

  def save(self, learner_steps, frames, factor=1.0):
    params = jax.tree.map(
      lambda x: np.asarray(factor * x), self._start.state.params
    )
    snapshot = dataclasses.replace(
      self._start,
      state=self._start.state._replace(params=params),
      counters=snapshots.Counters(frames // 4, frames, learner_steps, 0, 2.5),
    )
    checkpointer = checkpoints.Checkpointer(self.run.checkpoints, keep=2)
    checkpointer.save(snapshot)
    checkpointer.close()
    return params

  def follower(self):
    return following.Follower(self.run, self.config, PLAN, every_frames=1000)

  def curve(self):
    with self.run.evaluation_curve.open() as file:
      return list(csv.DictReader(file))


@pytest.fixture
def learner(tmp_path, monkeypatch):
  # Followers of one run compile the same policy, each its own.
  monkeypatch.setattr(evaluator.Evaluator, '_compiled', _compiled())
  return _Learner(tmp_path)


def _go():
  return False


def test_checkpoints_are_scored_when_due_and_once(learner):
  follower = learner.follower()
  assert follower.follow(_go) is None
  learner.save(1, 500)
  assert follower.follow(_go) is None, 'before the first 1000 frames'
  params = learner.save(2, 1100)
  assert '1,100 frames' in follower.follow(_go)
  assert follower.follow(_go) is None
  learner.save(3, 1900)
  assert follower.follow(_go) is None, 'before the next 1000'
  learner.save(4, 5200)
  assert follower.follow(_go) is not None
  learner.save(5, 5900)
  assert follower.follow(_go) is None
  rows = learner.curve()
  assert [int(row['learner_steps']) for row in rows] == [2, 4]
  played = evaluator.Evaluator(learner.config, PLAN).evaluate(params)
  expected = results.summarise('catch', played, 4)
  assert float(rows[0]['return_mean']) == expected.mean
  assert float(rows[0]['return_standard_error']) == expected.standard_error
  assert (rows[0]['frames'], rows[0]['wall_time']) == ('1100', '2.50')
  assert (rows[0]['agent_steps'], rows[0]['episodes']) == ('275', '8')
  assert float(rows[0]['return_median']) == expected.median
  # Nobody has played it.
  assert rows[0]['human_normalised'] == ''


def test_a_best_of_a_later_step_without_a_score_gives_way(learner):
  learner.save(5, 5000)
  learner.follower().follow(_go)
  # Of a run that somebody takes up again further back.
  learner.run.evaluation_curve.unlink()
  shutil.rmtree(learner.run.checkpoints)
  learner.save(2, 2000)
  assert 'best' in learner.follower().follow(_go)
  assert saved_runs.find(learner.run, 'best') == (learner.run.best, 2)


def test_the_best_stays_and_a_new_follower_knows_it(learner, monkeypatch):
  means = iter([0.5, 0.75, 0.25, 0.5])

  def play(self, params, **_):
    mean = next(means)
    return [episodes.Episode(0, 0, mean, 9, episodes.GAME_OVER)]

  monkeypatch.setattr(evaluator.Evaluator, 'evaluate', play)
  follower = learner.follower()
  for step in (1, 2, 3):
    learner.save(step, 1000 * step, factor=step)
    follower.follow(_go)
  assert saved_runs.find(learner.run, 'best') == (learner.run.best, 2)
  learner.save(4, 3900, factor=4)
  assert learner.follower().follow(_go) is None, 'before the next 1000'
  learner.save(5, 4000, factor=4)
  assert 'best 0.75' in learner.follower().follow(_go)
  assert [float(row['return_mean']) for row in learner.curve()] == [
    0.5, 0.75, 0.25, 0.5,
  ]  # fmt: skip
  best = parameters.restore(
    learner.config, *saved_runs.find(learner.run, 'best')
  )
  assert best.counters.frames == 2000
  two = learner.save(9, 9000, factor=2)
  jax.tree.map(np.testing.assert_array_equal, best.params, two)


def _follower(learner, cap):
  plan = dataclasses.replace(PLAN, max_episode_frames=cap)
  return following.Follower(learner.run, learner.config, plan, 1000)


def test_a_curve_has_one_cap_and_names_it(learner):
  learner.save(1, 1000)
  _follower(learner, 4000).follow(_go)
  assert [row['max_episode_frames'] for row in learner.curve()] == ['4000']
  expected = 'evaluation_max_episode_frames=108000: expected 4000'
  with pytest.raises(errors.ConfigError, match=expected):
    _follower(learner, 108_000)
  learner.save(2, 2000)
  assert _follower(learner, 4000).follow(_go) is not None


def test_a_curve_from_before_the_cap_goes_on_as_it_was(learner):
  learner.save(1, 1000)
  learner.follower().follow(_go)
  path = learner.run.evaluation_curve
  lines = path.read_text().splitlines()
  path.write_text(''.join(f'{x.rpartition(",")[0]}\n' for x in lines))
  with pytest.raises(errors.ConfigError, match='expected 108000'):
    _follower(learner, 4000)
  learner.save(2, 2000)
  learner.follower().follow(_go)
  rows = learner.curve()
  assert [row['learner_steps'] for row in rows] == ['1', '2']
  assert not {None, 'max_episode_frames'} & set(rows[1])


def test_the_progress_of_a_score_is_told(learner):
  learner.save(1, 1000)
  told = []
  learner.follower().follow(_go, told.append)
  assert told[-1].games < 8 and told[-1].agent_steps > 0
  assert 'of 8 games are over' in learner.follower().describe(told[-1])


def test_a_score_without_room_waits_and_is_not_played_again(
  learner, monkeypatch
):
  learner.save(1, 1000)
  follower = learner.follower()
  with (
    full_disk.without_room(room=30),
    pytest.raises(disk.StorageError, match=f'no room in {learner.run.path} '),
  ):
    follower.follow(_go)
  assert learner.curve() == []
  monkeypatch.setattr(evaluator.Evaluator, 'evaluate', None)
  assert '1,000 frames' in follower.follow(_go)
  (row,) = learner.curve()
  assert row['learner_steps'] == '1'
  assert saved_runs.find(learner.run, 'best') == (learner.run.best, 1)
  assert follower.follow(_go) is None


def test_a_checkpoint_that_training_removes_meanwhile_is_no_error(
  learner, monkeypatch
):
  closed, close = [], checkpoints.Checkpointer.close

  def note(self):
    closed.append(self)
    close(self)

  monkeypatch.setattr(checkpoints.Checkpointer, 'close', note)

  def removed(self, spec, step):
    shutil.rmtree(learner.run.checkpoints / str(step))
    raise FileNotFoundError

  def damaged(self, spec, step):
    raise ValueError('damaged')

  learner.save(1, 1000)
  closed.clear()
  monkeypatch.setattr(checkpoints.Checkpointer, 'restore', damaged)
  with pytest.raises(ValueError, match='damaged'):
    learner.follower().follow(_go)
  monkeypatch.setattr(checkpoints.Checkpointer, 'restore', removed)
  assert learner.follower().follow(_go) is None
  assert len(closed) == 2


def test_a_stop_in_the_middle_writes_nothing(learner):
  learner.save(1, 1000)
  with pytest.raises(episodes.StoppedError):
    learner.follower().follow(lambda: True)
  assert not learner.run.evaluation_curve.exists()
  assert not learner.run.best.exists()


def test_several_games_are_scored_each_and_the_best_by_capped_score(
  tmp_path, monkeypatch
):
  learner = _Learner(tmp_path, game='catch,pong')
  returns = iter([(0.0, -20.7), (1.0, -20.7), (-1.0, -3.05)])
  playing = {}

  def evaluate(self, params, **_):
    game = self.environment.game
    if game == 'catch':
      playing['now'] = next(returns)
    value = playing['now'][game == 'pong']
    return [episodes.Episode(0, 0, value, 10, episodes.GAME_OVER)] * 8

  monkeypatch.setattr(evaluator.Evaluator, 'evaluate', evaluate)
  follower = learner.follower()
  learner.save(2, 1100)
  assert 'score 0.00 of 16 games, best 0.00' in follower.follow(_go)
  learner.save(3, 2100)
  assert 'score 0.00 of 16 games' in follower.follow(_go)
  assert saved_runs.steps(learner.run.best) == [2], 'no better'
  # A new follower goes on with the best score so far.
  follower = learner.follower()
  learner.save(4, 3100)
  assert 'score 0.50 of 16 games, best 0.50' in follower.follow(_go)
  assert saved_runs.steps(learner.run.best) == [4]
  rows = learner.curve()
  assert [float(row['return_catch']) for row in rows] == [0.0, 1.0, -1.0]
  assert [float(row['return_mean']) for row in rows] == pytest.approx(
    [-10.35, -9.85, -2.025]
  )
  # Random play of Pong gets -20.7, a human 14.6.
  assert [float(row['capped_score']) for row in rows] == pytest.approx(
    [0.0, 0.0, 0.5]
  )


def test_games_of_one_run_share_what_is_compiled(tmp_path):
  config = _config('catch,pong')
  first = evaluator.Evaluator(config, PLAN).of_game('catch')
  other = first.of_game('pong')
  assert other._compiled is first._compiled
  params = _start('catch,pong').state.params
  played = first.evaluate(params)
  assert len(played) == 8
  assert {game.agent_steps for game in played} == {9}

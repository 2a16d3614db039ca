"""What the evaluator of a run makes of the run's config."""

import dataclasses
import errno

from attn_agents.distributed import lifecycle, topology
from attn_agents.distributed.roles import evaluator
from attn_agents.evaluation import episodes, following, waiting
from attn_agents.utils import disk
from tests import in_process
from tests.distributed import stopping


class _Status:
  def __init__(self):
    self.said = []

  def set(self, *said):
    self.said.append(said)


def _evaluate(tmp_path, monkeypatch, results, **runtime):
  """What an evaluator plans, says and waits for; `results` of its follower."""
  made, stop, status = [], stopping.Stop(), _Status()
  waited = []

  class Follower:
    def __init__(self, run, config, plan, every_frames):
      made.append((run.path, plan, every_frames))

    def describe(self, progress):
      return f'at {progress}'

    def follow(self, should_stop, progress):
      assert should_stop is stop
      if results[0] == 'mean 3':
        progress('game 1')
      result = results.pop(0)
      if not results:
        stop.event.set()
      if isinstance(result, Exception):
        raise result
      return result

  monkeypatch.setattr(following, 'Follower', Follower)
  # As after half a minute.
  monkeypatch.setattr(
    waiting, 'Reminder', lambda say, describe: lambda at: say(describe(at))
  )
  monkeypatch.setattr(stop.event, 'wait', waited.append)
  config = in_process.catch_config('seed=4')
  evaluator.evaluate(
    topology.Topology(str(tmp_path), 'x:1', 'x:2', (0,), 4),
    dataclasses.replace(
      config, runtime=dataclasses.replace(config.runtime, **runtime)
    ),
    status,
    stop,
  )
  ((path, plan, every),) = made
  assert path == tmp_path
  return plan, every, status.said, waited


def test_scores_are_said_as_they_come(tmp_path, monkeypatch, capsys):
  full = disk.StorageError(errno.ENOSPC, 'no room')
  plan, every, said, waited = _evaluate(
    tmp_path, monkeypatch, [None, full, 'mean 3', None],
    evaluate_every_frames=500, evaluation_episodes=3, evaluation_envs=8,
  )  # fmt: skip
  assert every == 500
  assert (plan.num_episodes, plan.agent_steps, plan.seed) == (3, 0, 4)
  # No more side by side than there are games.
  assert plan.num_envs == 3
  assert said == [
    ('running', 'waiting for a checkpoint to evaluate'),
    ('running', f'the score waits: {full}'),
    ('running', 'at game 1'),
    ('running', 'mean 3'),
    ('stopped',),
  ]
  assert waited == [1.0, 30.0, 1.0]
  assert capsys.readouterr().out == f'{full}\nat game 1\nmean 3\n'


def test_a_stop_within_an_evaluation_drops_it(tmp_path, monkeypatch):
  plan, _, said, waited = _evaluate(
    tmp_path, monkeypatch, [episodes.StoppedError(), 'never'],
    evaluation_steps=700, evaluation_episodes=3, evaluation_envs=8,
  )  # fmt: skip
  # Of steps, whatever the number of games.
  assert (plan.agent_steps, plan.num_envs) == (700, 8)
  assert [state for state, *_ in said] == ['running', 'stopped']
  assert waited == []


def test_games_are_cut_where_the_config_says(tmp_path, monkeypatch):
  plans, stop = [], stopping.Stop()

  class Follower:
    def __init__(self, run, config, plan, every_frames):
      del run, config, every_frames
      plans.append(plan)

    def describe(self, progress):
      raise AssertionError('nothing is played')

    def follow(self, should_stop, progress):
      del should_stop, progress
      stop.event.set()

  monkeypatch.setattr(following, 'Follower', Follower)
  config = in_process.catch_config()
  runtime = dataclasses.replace(
    config.runtime, evaluation_max_episode_frames=408
  )
  evaluator.evaluate(
    topology.Topology(str(tmp_path), 'x:1', 'x:2', (0,), 4),
    dataclasses.replace(config, runtime=runtime),
    lifecycle.StatusFile(tmp_path, 'evaluator'),
    stop,
  )
  assert [plan.max_episode_frames for plan in plans] == [408]

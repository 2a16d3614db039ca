import numpy as np
import pytest

from attn_agents import types
from attn_agents.environments import catch
from attn_agents.evaluation import episodes
from configs import schema
from tests import counting_environment


class _Still:
  """Always action 1; keeps what it was shown."""

  def __init__(self, num_envs):
    self._num_envs = num_envs
    self.seen = []

  def act(self, timestep):
    self.seen.append(timestep)
    return np.ones(self._num_envs, np.int32)


def test_short_games_do_not_crowd_out_long_ones():
  lengths = [2, 3, 50, 7]
  environment = counting_environment.CountingEnvironment(lengths)
  played = episodes.play(environment, _Still(4), 12)
  # Every environment's three, though 24 short games end before one long one.
  assert [e.agent_steps for e in played] == [n for n in lengths for _ in '123']
  assert np.mean([e.game_return for e in played]) == np.mean(lengths)
  assert [(e.environment, e.game) for e in played] == [
    (i, k) for i in range(4) for k in range(3)
  ]


def test_a_remainder_goes_to_the_first_environments():
  assert episodes.quotas(11, 4).tolist() == [3, 3, 3, 2]
  assert episodes.quotas(2, 4).tolist() == [1, 1, 0, 0]
  environment = counting_environment.CountingEnvironment([4, 1, 2])
  played = episodes.play(environment, _Still(3), 4)
  assert [(e.environment, e.agent_steps) for e in played] == [
    (0, 4), (0, 4), (1, 1), (2, 2),
  ]  # fmt: skip


@pytest.mark.parametrize(
  ('truncated', 'end'), [(False, 'game_over'), (True, 'frame_cap')]
)
def test_what_ended_a_game(truncated, end):
  environment = counting_environment.CountingEnvironment(
    [2, 2], truncated=truncated
  )
  played = episodes.play(environment, _Still(2), 2)
  assert [e.end for e in played] == [end, end]


def test_the_policy_sees_every_row_in_order():
  environment = counting_environment.CountingEnvironment([3])
  policy = _Still(1)
  episodes.play(environment, policy, 2)
  shown = [int(row.observation[0, 0, 0, 0]) for row in policy.seen]
  kinds = [row.step_type[0] for row in policy.seen]
  first, mid, last = types.StepType
  assert shown == [0, 1, 2, 3, 0, 1, 2]
  assert kinds == [first, mid, mid, last, first, mid, mid]


def test_equal_games_have_equal_traces_and_others_do_not():
  environment = counting_environment.CountingEnvironment([4, 4, 2])
  played = episodes.play(environment, _Still(3), 6)
  a, b, c = (played[i].trace for i in (0, 2, 4))
  assert [e.trace for e in played] == [a, a, b, b, c, c]
  # The counting environments show the same numbers.
  assert a == b and c not in (a, '')


class _Coloured(counting_environment.CountingEnvironment):
  """Row 1 scores twice as much for what looks the same."""

  def _output(self, first):
    output = super()._output(first)
    reward = output.timestep.reward * np.float32([1, 2])
    return output._replace(timestep=output.timestep._replace(reward=reward))


def test_games_that_differ_in_their_score_alone_have_other_traces():
  one, other = episodes.play(_Coloured([4, 4]), _Still(2), 2)
  assert one.trace != other.trace
  # 64 bits, in hexadecimal digits.
  assert len(one.trace) == len(other.trace) == 16


class _Greedy:
  """Always to the left, then: what differs is where the ball falls."""

  def act(self, timestep):
    return np.zeros(len(timestep.reward), np.int32)


def test_as_many_games_of_catch_differ_as_balls_fall():
  config = schema.EnvironmentConfig(game='catch', height=10, width=5)
  environment = catch.CatchEnvironment(config, num_envs=4, seed=1)
  played = episodes.play(environment, _Greedy(), 60)
  assert len({e.trace for e in played}) == 5


def test_stopping_is_told_apart_from_the_end():
  environment = counting_environment.CountingEnvironment([5])
  with pytest.raises(episodes.StoppedError):
    episodes.play(environment, _Still(1), 9, should_stop=lambda: True)


def test_reports_come_as_games_end():
  environment = counting_environment.CountingEnvironment([4, 1])
  reported = []
  episodes.play(environment, _Still(2), 4, report=reported.append)
  assert [e.agent_steps for e in reported] == [1, 1, 4, 4]


def test_progress_is_told_at_every_row():
  environment = counting_environment.CountingEnvironment([2, 9])
  told = []
  episodes.play(environment, _Still(2), 3, progress=told.append)
  # Two of the short game, which is over at row 5, and one of the long one.
  games = [0, 0, 1, 1, 1, 2, 2, 2, 2]
  assert told == [episodes.Progress(n, steps) for steps, n in enumerate(games)]
  alone = counting_environment.CountingEnvironment([2])
  told.clear()
  episodes.play_steps(alone, _Still(1), 4, progress=told.append)
  # The third step starts a game, and is no step of it.
  assert [tuple(each) for each in told] == [
    (0, 0), (0, 1), (1, 0), (1, 0), (1, 1),
  ]  # fmt: skip


class _Catcher:
  """Moves below the ball."""

  def act(self, timestep):
    board = timestep.observation[..., 0]
    ball = board[:, :-1].max(axis=1).argmax(axis=1)
    paddle = board[:, -1].argmax(axis=1)
    return (1 + np.sign(ball - paddle)).astype(np.int32)


def test_perfect_play_scores_one():
  config = schema.EnvironmentConfig(game='catch', height=10, width=5)
  environment = catch.CatchEnvironment(config, num_envs=3, seed=1)
  played = episodes.play(environment, _Catcher(), 30)
  # In the last row the ball hides in the paddle's, where nothing can be done.
  assert [e.game_return for e in played] == [1.0] * 30
  assert {e.agent_steps for e in played} == {catch.EPISODE_LENGTH}


def test_so_many_steps_and_what_was_begun_by_then():
  environment = counting_environment.CountingEnvironment([2, 3, 50])
  played = episodes.play_steps(environment, _Still(3), 27)
  # A share of 9 each; the long game is played to its end.
  assert [(e.environment, e.agent_steps) for e in played] == [
    *[(0, 2)] * 5, *[(1, 3)] * 3, (2, 50),
  ]  # fmt: skip

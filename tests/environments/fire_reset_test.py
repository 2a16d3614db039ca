"""Openings against baselines' wrappers on ale-py, and by hand."""

import collections
import dataclasses

import numpy as np
import pytest

from attn_agents import types
from attn_agents.environments import atari, fire_reset, registry
from configs import games
from tests.environments import (
  ale_player,
  atari_rollout,
  baselines_player,
)

FIRST, MID, LAST = types.StepType
FIRING = dataclasses.replace(atari_rollout.ONE_NOOP, fire_reset=True)


def make_both(
  game: str, num_envs: int, episodic_life: bool = True, **change: int
) -> tuple[atari.AtariEnvironment, list[baselines_player.BaselinesPlayer]]:
  config = dataclasses.replace(
    FIRING, game=game, episodic_life=episodic_life, **change
  )
  players = [
    baselines_player.BaselinesPlayer(
      game,
      config.action_repeat,
      config.max_episode_frames // config.action_repeat,
      episodic_life,
      config.full_action_space,
      config.frame_stack,
    )
    for _ in range(num_envs)
  ]
  return atari_rollout.make(config, num_envs), players


def play_both(
  env: atari.AtariEnvironment,
  players: list[baselines_player.BaselinesPlayer],
  steps: int,
) -> tuple[collections.Counter, float]:
  """Compares every row of both; counts the openings played and their points."""
  openings: collections.Counter = collections.Counter()
  output = env.reset()
  carried, points = np.zeros(len(players)), []

  def open_episode(row: int) -> None:
    players[row].reset()
    openings[tuple(players[row].log)] += 1
    carried[row] = players[row].opening_reward
    points.append(carried[row])

  for row, player in enumerate(players):
    open_episode(row)
    check_row(output, row, player, 0, 1, FIRST, [])
  for action in atari_rollout.actions(env, steps):
    before, output = output, env.step(action)
    for row, player in enumerate(players):
      games_ended = len(player.ended)
      reward, discount, step_type = 0.0, 1, FIRST
      if before.timestep.step_type[row] == LAST:
        open_episode(row)
      else:
        reward, done = player.step(action[row])
        reward, carried[row] = reward + carried[row], 0
        discount = 1 - player.terminated
        step_type = LAST if done else MID
      # A game that the agent never acted in is not reported.
      ended = [s for s in player.ended[games_ended:] if s.agent_steps]
      check_row(output, row, player, reward, discount, step_type, ended)
  env.close()
  return openings, sum(points)


def check_row(
  output: types.EnvOutput,
  row: int,
  player: baselines_player.BaselinesPlayer,
  reward: float,
  discount: int,
  step_type: types.StepType,
  ended: list[baselines_player.Score],
) -> None:
  timestep, game_end = output
  assert timestep.step_type[row] == step_type
  assert timestep.reward[row] == reward
  assert timestep.discount[row] == discount
  expected = player.observation()
  assert expected is None or (timestep.observation[row] == expected).all()
  assert len(ended) <= 1
  score = ended[0] if ended else baselines_player.Score(np.nan, 0)
  np.testing.assert_equal(float(game_end.game_return[row]), score.total)
  assert game_end.game_length[row] == score.agent_steps


@pytest.mark.parametrize(
  'game, num_envs, steps', [('breakout', 2, 220), ('space_invaders', 1, 400)]
)
def test_episodes_open_as_in_baselines(game, num_envs, steps):
  openings, _ = play_both(*make_both(game, num_envs, frame_stack=2), steps)
  assert openings['new game', '1', '2'] > num_envs
  assert openings['noop', '1', '2'] > num_envs


# In steps this long, openings lose lives and end games.
@pytest.mark.parametrize(
  'game, repeat, expected',
  [
    (
      'breakout',
      70,
      [
        ('noop', '1', '2 done', 'noop'),
        ('noop done', '1 done', 'new game', '2'),
      ],
    ),
    (
      'breakout',
      100,
      [
        ('new game', '1 done', 'noop', '2'),
        ('noop', '1 done', 'new game', '2'),
      ],
    ),
    # The 45 points of an opening that ends a game are in that game's return.
    ('space_invaders', 120, [('noop', '1', '2 done', 'new game')]),
  ],
)
def test_openings_that_end_episodes_and_games(game, repeat, expected):
  openings, _ = play_both(*make_both(game, 1, action_repeat=repeat), 25)
  assert set(expected) <= set(openings)


def test_points_of_openings_come_with_the_next_reward():
  openings, points = play_both(*make_both('phoenix', 1, action_repeat=50), 20)
  assert openings['noop', '1', '2'] > 0 and points > 0


def test_points_of_an_opening_are_forgotten_on_reset():
  env, players = make_both('assault', 1, action_repeat=40)
  env.reset()
  openings, points = play_both(env, players, 2)
  assert openings.total() == 1 and points > 0


def test_the_cap_counts_openings_and_may_cut_them():
  env, (player,) = make_both('breakout', 1)
  player.reset()
  done = (
    player.step(action[0])[1] for action in atari_rollout.actions(env, 99)
  )
  lost = 1 + list(done).index(True)
  seen: collections.Counter = collections.Counter()
  # The game starts with two steps that are not the agent's.
  for cap in (lost + 3, lost + 4, lost + 5):
    both = make_both('breakout', 1, max_episode_frames=4 * cap)
    seen += play_both(*both, lost + 9)[0]
  assert seen['noop done', '1 done', 'new game', '2'] == 1
  assert seen['noop', '1 done', 'new game', '2'] == 1
  assert seen['noop', '1', '2 done', 'new game'] == 1
  for cap in (1, 2):
    play_both(*make_both('breakout', 1, max_episode_frames=4 * cap), 8)


def test_whole_games_open_once():
  both = make_both('breakout', 1, episodic_life=False)
  openings, _ = play_both(*both, 250)
  assert set(openings) == {('new game', '1', '2')}
  assert openings.total() > 1


def test_lives_that_only_the_discount_counts_are_not_opened():
  counting, plain = atari_rollout.rollouts_with_and_without_lives(
    dataclasses.replace(FIRING, game='breakout', episodic_life=False), 250
  )
  zero = counting.timestep.discount == 0
  assert (zero & (counting.timestep.step_type == MID)).sum() >= 4
  np.testing.assert_array_equal(
    plain.timestep.observation, counting.timestep.observation
  )


def test_all_actions_have_fire_where_there_is_a_button():
  play_both(*make_both('ms_pacman', 1, full_action_space=True), 60)


@pytest.mark.parametrize('game, full', [('ms_pacman', False), ('skiing', True)])
def test_games_without_fire_are_as_with_fire_reset_off(game, full):
  config = dataclasses.replace(
    atari_rollout.SMALL,
    game=game,
    full_action_space=full,
    max_episode_frames=600,
  )
  rollouts = [
    atari_rollout.rollout(
      atari_rollout.make(dataclasses.replace(config, fire_reset=fire), 2), 250
    )
    for fire in (False, True)
  ]
  for off, on in zip(*([*r[0], *r[1]] for r in rollouts), strict=True):
    np.testing.assert_array_equal(off, on)
  assert (rollouts[0].timestep.step_type == LAST).any()


def test_games_open_as_often_when_scored_as_in_training():
  trained = dataclasses.replace(FIRING, game='pong', episodic_life=False)
  for config in (trained, trained.whole_games()):
    assert registry.spec(config).opening == 'each game'


def test_whole_games_of_a_policy_that_never_fires_do_not_stall():
  trained = dataclasses.replace(FIRING, game='breakout')
  env = registry.make_environment(trained, 1, 1, 1, evaluation=True)
  player = ale_player.AlePlayer('breakout')
  ale = player.ale
  player.start()
  lives, steps, rewards = ale.lives(), 0, [0.0, *map(player.play, (1, 2))]
  output = env.reset()
  assert (output.timestep.observation[0] == player.pooled()).all()
  while not ale.game_over():
    output = env.step(np.zeros(1, np.int32))
    rewards.append(player.play(0))
    steps += 1
    if 0 < ale.lives() < lives:
      lives = ale.lives()
      rewards += map(player.play, (0, 1, 2))
    over = ale.game_over()
    assert output.timestep.step_type[0] == (LAST if over else MID)
    assert output.timestep.discount[0] == (0 if over else 1)
    assert over or (output.timestep.observation[0] == player.pooled()).all()
  assert output.game_end.game_return[0] == sum(rewards)
  assert output.game_end.game_length[0] == steps
  # Without the openings, the 27,000 steps of the cap.
  assert steps < 1000


@pytest.mark.slow
@pytest.mark.parametrize('game', games.ATARI_GAMES)
def test_every_game_opens_as_in_baselines(game):
  if baselines_player.has_fire(ale_player.AlePlayer(game).actions):
    play_both(*make_both(game, 1), 300)


class ScriptedGames:
  """Rows that play what their scripts say, and write down what they played.

  A script has an entry per step: '.' goes on, 'l' loses a life and with it the
  episode, 'z' loses one that the discount alone counts, 'o' ends the game, 'c'
  is cut; each step scores 1 in row 0, 10 in row 1, 100 in row 2. A row whose
  game has ended starts a new one, written 'R', in place of a step.
  """

  def __init__(self, scripts: list[str]):
    self.scripts = [list(script) for script in scripts]
    self.over = [False] * len(scripts)
    self.played = [''] * len(scripts)

  def play(self, action: int, rows: np.ndarray) -> fire_reset.Arrival:
    size = len(rows)
    arrival = fire_reset.Arrival(
      np.zeros(size, np.float32), *np.zeros((4, size), bool)
    )
    for row in np.flatnonzero(rows):
      if self.over[row]:
        self.played[row] += 'R'
        self.over[row] = False
        continue
      self.played[row] += str(action)
      event = self.scripts[row].pop(0)
      arrival.reward[row] = 10**row
      arrival.life_lost[row] = event in 'lz'
      arrival.game_over[row] = event == 'o'
      arrival.cut[row] = event == 'c'
      arrival.episode_ended[row] = event in 'loc'
      self.over[row] = event in 'oc'
    return arrival


@pytest.mark.parametrize(
  'script, played, score, ended_score',
  [
    ('...', '012', 3, np.nan),
    ('.l..', '0102', 4, np.nan),
    ('..l.', '0120', 4, np.nan),
    ('zzz', '012', 3, np.nan),
    # A life lost in a NOOP does not count.
    ('.ll.', '0102', 4, np.nan),
    ('l.ll', '0120', 4, np.nan),
    ('.o.', '01R2', 1, 2),
    ('.c.', '01R2', 1, 2),
    ('..o', '012R', 0, 3),
    ('..c', '012R', 0, 3),
    ('o.', '0R2', 1, 1),
    # A NOOP after a lost life ends the game.
    ('.lo', '010R', 0, 3),
    ('..lo', '0120R', 0, 4),
    ('..lc', '0120R', 0, 4),
    # Two games end; only the first was there before.
    ('.o.', '01R2', 1, 2),
    ('.oo', '01R2R', 0, 2),
  ],
)
def test_openings_by_hand(script, played, score, ended_score):
  # Two rows that open differently, and one between them that does not open.
  emulators = ScriptedGames([script, '', '...'])
  opening = fire_reset.play_opening(
    emulators.play, np.array([True, False, True])
  )
  assert emulators.played == [played, '', '012']
  np.testing.assert_array_equal(opening.score, [score, 0, 300])
  np.testing.assert_array_equal(
    opening.ended_score, [ended_score, np.nan, np.nan]
  )


def test_restarted_rows_need_no_noop():
  emulators = ScriptedGames(['..', '.l.'])
  opening = fire_reset.play_opening(
    emulators.play, np.ones(2, bool), restarted=True
  )
  assert emulators.played == ['12', '120']
  np.testing.assert_array_equal(opening.score, [2, 30])


@pytest.mark.parametrize(
  'first, script, played, reward, ended',
  [
    # Nothing was lost, or the game was over.
    ('.', '', '3', 1, False),
    ('o', '', '3', 1, True),
    ('z', '...', '3012', 4, False),
    ('z', '.z..', '30102', 5, False),
    ('z', '..z.', '30120', 5, False),
    # A life lost in a NOOP does not count.
    ('z', 'z..', '3012', 4, False),
    # Nothing is played of the next game.
    ('z', 'o', '30', 2, True),
    ('z', '.o', '301', 3, True),
    ('z', '..c', '3012', 4, True),
    ('z', '.zo', '3010', 4, True),
  ],
)
def test_openings_within_a_step_by_hand(first, script, played, reward, ended):
  emulators = ScriptedGames([first + script, '.', 'z...'])
  arrival = emulators.play(3, np.ones(3, bool))
  total = fire_reset.play_after_lost_life(emulators.play, arrival)
  assert emulators.played == [played, '3', '3012']
  np.testing.assert_array_equal(total.reward, [reward, 10, 400])
  np.testing.assert_array_equal(total.game_ended, [ended, False, False])

"""EnvPool's Atari against ale-py, and its rows against the contract."""

import dataclasses
import hashlib
import importlib.util
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest

from attn_agents import types
from attn_agents.environments import atari
from configs import games, schema
from tests.environments import ale_player, atari_rollout

FIRST, MID, LAST = types.StepType


def test_every_game_has_an_envpool_id():
  names = {atari.envpool_id(game) for game in games.ATARI_GAMES}
  assert len(names) == 57
  assert names <= set(atari.envpool.list_all_envs())


@pytest.mark.parametrize('game', ['ms_pacman', 'breakout', 'seaquest'])
def test_frames_rewards_and_lives_equal_ale(game):
  # 500 steps of a random policy lose at least one life in each of these games.
  env = atari_rollout.make(
    dataclasses.replace(atari_rollout.ONE_NOOP, game=game)
  )
  ale = ale_player.AlePlayer(game)
  output = env.reset()
  np.testing.assert_array_equal(output.timestep.observation[0], ale.start())
  lives, lives_lost = ale.ale.lives(), 0
  for action in atari_rollout.actions(env, 500):
    waiting = output.timestep.step_type[0] == LAST
    shown = output.timestep.observation[0]
    output = env.step(action)
    row = output.timestep
    if waiting:
      assert row.step_type[0] == FIRST and row.reward[0] == 0
      np.testing.assert_array_equal(row.observation[0], shown)
      continue
    assert row.reward[0] == ale.play(action[0])
    if ale.ale.game_over():
      break
    np.testing.assert_array_equal(row.observation[0], ale.pooled())
    lost = ale.ale.lives() < lives
    assert row.step_type[0] == (LAST if lost else MID)
    assert row.discount[0] == (0 if lost else 1)
    lives = ale.ale.lives()
    lives_lost += lost
  assert lives_lost >= 1
  env.close()


@pytest.mark.parametrize('episodic_life', [True, False])
def test_game_return_and_length_equal_ale(episodic_life):
  env = atari_rollout.make(
    dataclasses.replace(
      atari_rollout.SMALL, game='breakout', episodic_life=episodic_life
    )
  )
  ale = ale_player.AlePlayer('breakout')
  ale.start()
  score, steps, lasts = 0.0, 0, 0
  output = env.reset()
  for action in atari_rollout.actions(env, 2000):
    playing = output.timestep.step_type[0] != LAST
    output = env.step(action)
    if playing:
      score, steps = score + ale.play(action[0]), steps + 1
    lasts += output.timestep.step_type[0] == LAST
    if ale.ale.game_over():
      break
    assert np.isnan(output.game_end.game_return[0])
    assert output.game_end.game_length[0] == 0
  assert ale.ale.game_over() and score > 0
  assert output.game_end.game_return[0] == score
  assert output.game_end.game_length[0] == steps
  assert output.timestep.discount[0] == 0
  assert lasts == (5 if episodic_life else 1)
  env.close()


def test_a_lost_life_may_show_in_the_discount_alone():
  config = dataclasses.replace(atari_rollout.SMALL, game='breakout')
  ale = ale_player.AlePlayer('breakout')
  counting, plain = atari_rollout.rollouts_with_and_without_lives(config, 600)
  discount, step_type = counting.timestep.discount, counting.timestep.step_type
  lives_lost = 0
  playing = False
  env = atari_rollout.make(config)
  for row, action in enumerate([None, *atari_rollout.actions(env, 600)]):
    lost = False
    if playing:
      lives = ale.ale.lives()
      ale.play(action[0])
      lost = ale.ale.lives() < lives
      lives_lost += lost and not ale.ale.game_over()
    else:
      ale.start()
    assert discount[row, 0] == (0 if lost else 1)
    playing = step_type[row, 0] != LAST
    assert ale.ale.game_over() != playing
  assert lives_lost >= 5 and (step_type == LAST).any()
  # All else is as where lives are not looked at.
  for x, y in zip(
    (*plain.timestep._replace(discount=0), *plain.game_end),
    (*counting.timestep._replace(discount=0), *counting.game_end),
    strict=True,
  ):
    np.testing.assert_array_equal(x, y)


def test_rows_after_last_are_first_without_reward():
  env = atari_rollout.make(
    dataclasses.replace(atari_rollout.SMALL, game='ms_pacman', noop_max=30), 2
  )
  timestep, game_end = atari_rollout.rollout(env, 1500)
  first, last = timestep.step_type == FIRST, timestep.step_type == LAST
  assert first[0].all() and last.sum() >= 6
  np.testing.assert_array_equal(first[1:], last[:-1])
  assert (timestep.reward[first] == 0).all()
  assert (timestep.discount[first] == 1).all()
  np.testing.assert_array_equal(timestep.discount == 0, last)
  ended = ~np.isnan(game_end.game_return)
  assert ended.any() and (ended <= last).all() and (ended != last).any()
  # The emulator waits after a lost life: its screen is shown again.
  for step, row in np.argwhere(last & ~ended)[:20]:
    if step + 1 < len(last):
      np.testing.assert_array_equal(
        timestep.observation[step + 1, row], timestep.observation[step, row]
      )
  # Every reward of a finished game is in its return.
  for row in range(2):
    ends = np.flatnonzero(ended[:, row])
    for begin, end in zip([-1, *ends[:-1]], ends, strict=True):
      span = slice(begin + 1, end + 1)
      total = timestep.reward[span, row].sum(dtype=np.float64)
      assert game_end.game_return[end, row] == total
      steps = np.count_nonzero(timestep.step_type[span, row] != FIRST)
      assert game_end.game_length[end, row] == steps
  env.close()


def test_cap_cuts_with_discount_one_and_starts_a_new_game():
  config = dataclasses.replace(atari_rollout.SMALL, max_episode_frames=83)
  timestep, game_end = atari_rollout.rollout(atari_rollout.make(config, 2), 63)
  last = np.flatnonzero(timestep.step_type[:, 0] == LAST)
  np.testing.assert_array_equal(last, [20, 41, 62])
  assert (timestep.discount == 1).all()
  assert (game_end.game_length[last] == 20).all()
  # Games without chance start from one screen, at most one no-op apart.
  np.testing.assert_array_equal(
    timestep.observation[21, 0], timestep.observation[0, 0]
  )


def test_first_games_are_cut_one_after_the_other():
  free = dataclasses.replace(
    atari_rollout.SMALL, game='boxing', max_episode_frames=240
  )
  config = dataclasses.replace(free, stagger_steps=40)
  timestep, game_end = atari_rollout.rollout(atari_rollout.make(config, 4), 130)
  cut = {0: [60, 121], 1: [10, 71], 2: [20, 81], 3: [30, 91]}
  ended = ~np.isnan(game_end.game_return)
  for row, last in cut.items():
    np.testing.assert_array_equal(
      np.flatnonzero(timestep.step_type[:, row] == LAST), last
    )
    assert timestep.step_type[last[0] + 1, row] == FIRST
    # What was cut is no game; the next one is whole.
    whole = last if row == 0 else last[1:]
    np.testing.assert_array_equal(np.flatnonzero(ended[:, row]), whole)
    assert (game_end.game_length[whole, row] == 60).all()
    span = slice(whole[-1] - 60, whole[-1] + 1)
    total = timestep.reward[span, row].sum()
    assert game_end.game_return[whole[-1], row] == total
  # As where the cap cuts, the game has a future.
  assert (timestep.discount == 1).all()
  np.testing.assert_array_equal(
    timestep.observation[11, 1], timestep.observation[0, 1]
  )
  # Until then nothing is different.
  timestep_free, _ = atari_rollout.rollout(atari_rollout.make(free, 4), 130)
  for row, last in cut.items():
    for have, want in zip(timestep, timestep_free, strict=True):
      played = slice(last[0] + 1 if row == 0 else last[0])
      np.testing.assert_array_equal(have[played, row], want[played, row])


def test_a_first_game_that_ends_in_time_is_not_cut():
  free = dataclasses.replace(atari_rollout.SMALL, max_episode_frames=83)
  rollouts = [
    atari_rollout.rollout(
      atari_rollout.make(dataclasses.replace(free, stagger_steps=steps), 2), 63
    )
    # The second row would be cut after 25 steps.
    for steps in (0, 50)
  ]
  both = ((*x.timestep, *x.game_end) for x in rollouts)
  for have, want in zip(*both, strict=True):
    np.testing.assert_array_equal(have, want)


def test_scored_games_are_not_cut():
  config = dataclasses.replace(atari_rollout.SMALL, stagger_steps=40)
  assert config.whole_games().stagger_steps == 0


@pytest.mark.parametrize('lives', [{}, {'episodic_life': False}])
def test_lives_and_openings_beside_first_games_that_are_cut(lives):
  config = dataclasses.replace(
    atari_rollout.SMALL,
    game='breakout',
    fire_reset=True,
    fire_after_lost_life=bool(lives),
    stagger_steps=120,
    **lives,
  )
  timestep, game_end = atari_rollout.rollout(atari_rollout.make(config, 4), 400)
  last = timestep.step_type == LAST
  for row, steps in ((1, 30), (2, 60), (3, 90)):
    played = np.cumsum(timestep.step_type[:, row] != FIRST)
    cut = np.argmax(played == steps)
    assert last[cut, row]
    assert np.isnan(game_end.game_return[: cut + 1, row]).all()
  # Every point of a whole game is in its return, and no other.
  for row in range(4):
    ends = np.flatnonzero(~np.isnan(game_end.game_return[:, row]))
    for begin, end in itertools.pairwise(ends):
      total = timestep.reward[begin + 1 : end + 1, row].sum(dtype=np.float64)
      assert game_end.game_return[end, row] == total


def test_life_lost_on_the_capped_step_terminates_and_ends_the_game():
  free = atari_rollout.rollout(
    atari_rollout.make(
      dataclasses.replace(atari_rollout.SMALL, game='breakout')
    ),
    200,
  )
  lost = int(np.flatnonzero(free.timestep.step_type[:, 0] == LAST)[0])
  for episodic_life, zero, discount in (
    (True, False, 0),
    (False, True, 0),
    (False, False, 1),
  ):
    config = dataclasses.replace(
      atari_rollout.SMALL,
      game='breakout',
      max_episode_frames=4 * lost,
      episodic_life=episodic_life,
      zero_discount_on_life_loss=zero,
    )
    timestep, game_end = atari_rollout.rollout(
      atari_rollout.make(config), lost + 1
    )
    assert timestep.step_type[lost, 0] == LAST
    assert timestep.discount[lost, 0] == discount
    assert game_end.game_length[lost, 0] == lost
    # The emulator does not wait: the next row is a new game's first screen.
    np.testing.assert_array_equal(
      timestep.observation[lost + 1], timestep.observation[0]
    )


def test_game_over_on_the_capped_step_terminates():
  config = dataclasses.replace(atari_rollout.WHOLE_GAMES, game='breakout')
  free = atari_rollout.rollout(atari_rollout.make(config), 600)
  over = int(free.game_end.game_length.max())
  assert over > 0
  config = dataclasses.replace(config, max_episode_frames=4 * over)
  timestep, _ = atari_rollout.rollout(atari_rollout.make(config), over)
  assert timestep.step_type[over, 0] == LAST
  assert timestep.discount[over, 0] == 0


def test_game_that_shows_no_lives_before_its_end_ends_once():
  env = atari_rollout.make(
    dataclasses.replace(atari_rollout.SMALL, game='atlantis')
  )
  ale = ale_player.AlePlayer('atlantis')
  ale.start()
  output = env.reset()
  bare = 0
  for action in atari_rollout.actions(env, 1500):
    playing = output.timestep.step_type[0] != LAST
    output = env.step(action)
    if playing:
      ale.play(action[0])
      if ale.ale.game_over():
        break
      bare += ale.ale.lives() == 0
      if ale.ale.lives() == 0:
        assert output.timestep.step_type[0] == MID
  assert bare > 0 and ale.ale.game_over()
  assert output.timestep.step_type[0] == LAST


def test_dtypes_and_earlier_rows_stay():
  env = atari_rollout.make(atari_rollout.SMALL, 3)
  reset = env.reset()
  kept = reset.timestep.observation.copy()
  row = env.step(np.zeros(3, np.int32))
  for _ in range(100):
    env.step(np.zeros(3, np.int32))
  np.testing.assert_array_equal(reset.timestep.observation, kept)
  for output in (reset, row):
    assert output.timestep.observation.shape == (3, *env.spec.observation_shape)
    dtypes = [x.dtype for x in (*output.timestep, *output.game_end)]
    assert dtypes == [
      np.uint8, np.float32, np.float32, np.int8, np.float32, np.int32,
    ]  # fmt: skip


def test_reset_forgets_the_games_in_progress():
  env = atari_rollout.make(
    dataclasses.replace(atari_rollout.SMALL, max_episode_frames=40), 2
  )
  start = env.reset().timestep.observation
  for _ in range(7):
    env.step(np.ones(2, np.int32))
  output = env.reset()
  assert (output.timestep.step_type == FIRST).all()
  np.testing.assert_array_equal(output.timestep.observation, start)
  for step in range(1, 11):
    output = env.step(np.ones(2, np.int32))
    length = 10 if step == 10 else 0
    assert (output.game_end.game_length == length).all()


# The first ends with a lost life, the second with the game; and FIRE loses a
# life at once.
@pytest.mark.parametrize(
  'fire, frames, games_ended', [(False, 2000, 0), (True, 500, 1)]
)
def test_reset_forgets_that_an_episode_has_ended(fire, frames, games_ended):
  config = dataclasses.replace(
    atari_rollout.SMALL,
    game='breakout',
    frame_stack=4,
    fire_reset=fire,
    action_repeat=100,
    max_episode_frames=frames,
  )
  env = atari_rollout.make(config)
  fresh = atari_rollout.rollout(env, 14)
  last = np.flatnonzero(fresh.timestep.step_type[:, 0] == LAST)[0]
  assert np.isfinite(fresh.game_end.game_return[last, 0]) == games_ended
  env.reset()
  for action in atari_rollout.actions(env, last):
    env.step(action)
  again = atari_rollout.rollout(env, 14)
  for expected, array in zip(fresh.timestep, again.timestep, strict=True):
    np.testing.assert_array_equal(array, expected)


class GenerousPool:
  """EnvPool, but its first game has five lives more."""

  def __init__(self, pool: atari.envpool):
    self._pool = pool
    self._received = 0

  def __getattr__(self, name: str) -> object:
    return getattr(self._pool, name)

  def recv(self) -> tuple:
    *rest, info = self._pool.recv()
    self._received += 1
    if self._received <= 2:
      info = {**info, 'lives': info['lives'] + 5}
    return *rest, info


def test_fewer_lives_in_the_next_game_are_no_lost_life(monkeypatch):
  real = atari.envpool.make
  monkeypatch.setattr(
    atari.envpool, 'make', lambda *args, **kw: GenerousPool(real(*args, **kw))
  )
  config = dataclasses.replace(atari_rollout.SMALL, max_episode_frames=8)
  timestep, _ = atari_rollout.rollout(atari_rollout.make(config), 4)
  assert timestep.step_type[:, 0].tolist() == [FIRST, MID, LAST, FIRST, MID]
  assert (timestep.discount == 1).all()


@pytest.mark.parametrize(
  'game, digest',
  [
    (
      'ms_pacman',
      '8972522a84e0ef72a72fde14830169068e312cdda8c4c25b60783675acd6a94a',
    ),
    (
      'space_invaders',
      '08b71cad80bf6514bd499ff83653461107995745c703bf63e857fd920a3cecba',
    ),
  ],
)
def test_golden_pixels_rewards_and_steps(game, digest):
  env = atari_rollout.make(schema.EnvironmentConfig(game=game), 2, seed=123)
  joined = hashlib.sha256()
  for array in atari_rollout.rollout(env, 200).timestep:
    joined.update(np.ascontiguousarray(array).tobytes())
  assert joined.hexdigest() == digest


def test_close_ends_the_threads():
  def threads() -> int:
    return len(os.listdir('/proc/self/task'))

  env = atari.AtariEnvironment(atari_rollout.SMALL, 2, 1, 16)
  env.reset()
  before = threads()
  env.close()
  assert threads() <= before - 16


@pytest.mark.parametrize(
  'module, silent',
  [
    ('attn_agents.environments.atari', True),
    # Newer EnvPools have no gym to print one.
    ('envpool', importlib.util.find_spec('gym') is None),
  ],
)
def test_import_keeps_the_notice_of_gym_off_stderr(module, silent):
  done = subprocess.run(
    [sys.executable, '-c', f'import {module}'],
    capture_output=True,
    text=True,
    check=True,
  )
  assert ('Gym' not in done.stderr) == silent
  assert not silent or (done.stdout, done.stderr) == ('', '')


@pytest.mark.slow
@pytest.mark.parametrize('game', games.ATARI_GAMES)
def test_every_rom_is_210_by_160_and_plays_as_in_ale(game):
  ale = ale_player.AlePlayer(game)
  screen = ale.start()
  assert screen.shape == (210, 160, 3)
  env = atari_rollout.make(
    dataclasses.replace(atari_rollout.ONE_NOOP, game=game), 1, False
  )
  row = env.reset().timestep
  np.testing.assert_array_equal(row.observation[0], screen)
  changed = False
  # Kung-Fu Master's screen stays black for over 160 frames.
  for action in atari_rollout.actions(env, 150):
    row = env.step(action).timestep
    assert row.reward[0] == ale.play(action[0])
    np.testing.assert_array_equal(row.observation[0], ale.pooled())
    changed |= (row.observation[0] != screen).any()
    if row.step_type[0] == LAST:
      break
  assert changed
  env.close()

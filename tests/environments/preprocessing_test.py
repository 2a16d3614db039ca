"""84 x 84 grey, 4 stacked: against ale-py and NumPy, in EnvPool's order and in
baselines'. Rounded area averages are compared on the grey levels 0..255.

EnvPool takes ALE's grey screens of a step's last two frames, their maximum,
and the area average of that. It never differs from the exact average by more
than half a level. So it differs from the rounded one by 1 at most, and only
where the average ends in .5: in 0 (crazy_climber) to 2 % (alien) of the pixels.

Baselines takes the maximum per colour and then the luminance. ALE's grey levels
are the same 0.299 R + 0.587 G + 0.114 B, rounded, so that only the order of
maximum and luminance matters: on a pixel that was, say, red in one frame and
blue in the next, baselines sees both at once, brighter than either. That makes
baselines' picture the brighter one, by up to `BASELINES_DIFFERENCE` levels,
where something flickers or moves: in under 3 % of the pixels, but for alien
(4 %) and battle_zone (12 %). Pixels that stand still differ by 1 at most.
"""

import collections
import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

from attn_agents import types
from configs import games
from tests.environments import ale_player, atari_rollout, resizing

FIRST, MID, LAST = types.StepType
ROWS = resizing.area_weights(210, 84)
COLUMNS = resizing.area_weights(160, 84)
CONFIG = dataclasses.replace(atari_rollout.SMALL, frame_stack=4)

# Largest difference in the first 300 steps of `atari_rollout.actions`.
BASELINES_DIFFERENCE = {
  'alien': 14, 'amidar': 6, 'assault': 16, 'asterix': 8, 'asteroids': 1,
  'atlantis': 19, 'bank_heist': 15, 'battle_zone': 38, 'beam_rider': 34,
  'berzerk': 4, 'bowling': 19, 'boxing': 1, 'breakout': 1, 'centipede': 15,
  'chopper_command': 14, 'crazy_climber': 20, 'defender': 16,
  'demon_attack': 16, 'double_dunk': 21, 'enduro': 4, 'fishing_derby': 19,
  'freeway': 13, 'frostbite': 10, 'gopher': 1, 'gravitar': 9, 'hero': 11,
  'ice_hockey': 18, 'jamesbond': 23, 'kangaroo': 5, 'krull': 28,
  'kung_fu_master': 30, 'montezuma_revenge': 32, 'ms_pacman': 37,
  'name_this_game': 35, 'phoenix': 1, 'pitfall': 25, 'pong': 1,
  'private_eye': 20, 'qbert': 29, 'riverraid': 32, 'road_runner': 15,
  'robotank': 35, 'seaquest': 14, 'skiing': 28, 'solaris': 25,
  'space_invaders': 1, 'star_gunner': 10, 'surround': 28, 'tennis': 7,
  'time_pilot': 20, 'tutankham': 10, 'up_n_down': 25, 'venture': 19,
  'video_pinball': 1, 'wizard_of_wor': 5, 'yars_revenge': 28, 'zaxxon': 35,
}  # fmt: skip


class Differences(NamedTuple):
  """The largest, from the exact average and from baselines' picture."""

  average: float
  baselines: int
  lives_lost: int
  games_ended: int


def resize(screen: np.ndarray) -> np.ndarray:
  return ROWS @ screen.astype(np.float64) @ COLUMNS.T


def luminance(screen: np.ndarray) -> np.ndarray:
  return np.rint(screen.astype(np.float64) @ np.array([0.299, 0.587, 0.114]))


class Chain:
  """One game as EnvPool should show it, and its newest screen as baselines.

  Attributes:
    stack: the exact averages [84, 84] of the last four screens, oldest first.
    baselines: uint8-valued [84, 84].
    still: bool [84, 84], nothing moved here between the last two frames.
  """

  def __init__(self, game: str):
    self.player = ale_player.AlePlayer(game)
    self.stack: collections.deque[np.ndarray] = collections.deque(maxlen=4)

  def start(self) -> None:
    self.player.start()
    self._look()
    self.stack.extend([self.stack[-1]] * 4)

  def play(self, action: int) -> float:
    reward = self.player.play(action)
    self._look()
    return reward

  def _look(self) -> None:
    """Of a step cut short before its third frame, EnvPool shows nothing."""
    frames, gray_frames = self.player.frames, self.player.gray_frames
    for frame, gray in zip(frames, gray_frames, strict=True):
      np.testing.assert_array_equal(gray, luminance(frame))
    if frames:
      self.gray = np.max(gray_frames, axis=0)
      self.baselines = np.rint(resize(luminance(np.max(frames, axis=0))))
      self.still = resize((frames[0] != frames[-1]).any(-1)) == 0
    self.stack.append(resize(self.gray))


def compare(game: str, steps: int) -> Differences:
  """Plays `steps` rows on both and checks each."""
  env = atari_rollout.make(dataclasses.replace(CONFIG, game=game))
  chain = Chain(game)
  chain.start()
  step_type = env.reset().timestep.step_type[0]
  ale = chain.player.ale
  average = baselines = lives_lost = games_ended = 0
  for action in atari_rollout.actions(env, steps):
    waiting = step_type == LAST
    row = env.step(action).timestep
    step_type = row.step_type[0]
    if not waiting:
      assert row.reward[0] == chain.play(action[0])
      lives_lost += step_type == LAST and not ale.game_over()
    elif ale.game_over():
      games_ended += 1
      chain.start()
    observation = row.observation[0].astype(np.float64)
    exact = np.stack(chain.stack, axis=-1)
    average = max(average, np.abs(observation - exact).max())
    brighter = chain.baselines - observation[..., -1]
    assert brighter.min() >= -1 and (brighter[chain.still] <= 1).all()
    baselines = max(baselines, int(np.abs(brighter).max()))
  env.close()
  return Differences(average, baselines, lives_lost, games_ended)


@pytest.mark.parametrize(
  'game, steps, baselines, games_ended',
  [('breakout', 250, 1, 1), ('ms_pacman', 150, 37, 0)],
)
def test_stacked_gray_screens(game, steps, baselines, games_ended):
  differences = compare(game, steps)
  assert differences.average <= 0.5001
  assert abs(differences.baselines - baselines) <= 1
  assert differences.lives_lost > 0
  assert differences.games_ended == games_ended


@pytest.mark.slow
@pytest.mark.parametrize('game', games.ATARI_GAMES)
def test_stacked_gray_screens_of_every_game(game):
  differences = compare(game, 300)
  assert differences.average <= 0.5001
  assert abs(differences.baselines - BASELINES_DIFFERENCE[game]) <= 1


@pytest.mark.parametrize(
  ('game', 'early'), [('breakout', True), ('ms_pacman', False)]
)
def test_a_game_that_ends_early_in_a_step_shows_the_screen_before(game, early):
  """What `recording` says of the last row of a game."""
  config = dataclasses.replace(atari_rollout.ONE_NOOP.whole_games(), game=game)
  env = atari_rollout.make(config)
  player = ale_player.AlePlayer(game)
  player.start()
  shown = env.reset().timestep.observation[0]
  for action in atari_rollout.actions(env, 2000):
    before, shown = shown, env.step(action).timestep.observation[0]
    player.play(action[0])
    if player.ale.game_over():
      break
  env.close()
  # No screen of the last two frames was recorded.
  assert (not player.frames) == early
  np.testing.assert_array_equal(shown, before if early else player.pooled())

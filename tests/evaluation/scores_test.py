import dataclasses

import pytest

from attn_agents.evaluation import protocols, scores
from configs import errors, games, schema


def test_random_is_0_and_human_is_1():
  for game in games.ATARI_GAMES:
    for convention in scores.CONVENTIONS:
      random, human = scores.references(game, convention)
      assert scores.human_normalised(game, random, convention) == 0
      assert scores.human_normalised(game, human, convention) == 1


def test_published_pairs():
  # Mnih et al. 2015, extended data table 2: 401.2 in breakout is 1327 %.
  found = scores.human_normalised('breakout', 401.2)
  # There with a human score of 31.8, here 30.5.
  assert scores.references('breakout') == (1.7, 30.5)
  assert found == pytest.approx((401.2 - 1.7) / 28.8)
  assert scores.human_normalised('pong', 20.7) == pytest.approx(41.4 / 35.3)


def test_only_pinball_differs_between_the_conventions():
  different = [
    game
    for game in games.ATARI_GAMES
    if scores.references(game) != scores.references(game, 's3ta')
  ]
  assert different == ['video_pinball']
  assert scores.references('video_pinball', 's3ta') == (0.0, 17667.9)


def test_a_game_without_scores():
  assert not scores.has_references('catch')
  assert scores.has_references('pong')
  with pytest.raises(ValueError, match='convention=mine'):
    scores.references('pong', 'mine')


def _mean_and_median(column, left_out):
  values = sorted(
    float(row[column])
    for row in scores.read_table('s3ta_table3')
    if row['level'] != left_out
  )
  assert len(values) == 56
  return sum(values) / 56, (values[27] + values[28]) / 2


@pytest.mark.parametrize('left_out', ['venture', 'freeway'])
@pytest.mark.parametrize(
  ('column', 'mean', 'median'),
  [
    ('expert_feedforward', 1479.5, 284.5),
    ('expert_lstm', 1222.0, 45.0),
    ('expert_attention', 1649.0, 407.1),
  ],
)
def test_table_1_of_s3ta_follows_from_its_table_3(
  left_out, column, mean, median
):
  found = _mean_and_median(column, left_out)
  assert found == pytest.approx((mean, median), abs=0.11)


def test_protocols_change_only_how_games_start_and_end():
  trained = schema.EnvironmentConfig(
    game='pong', height=84, width=84, grayscale=True, frame_stack=4,
    fire_reset=True, max_episode_frames=10_000, noop_max=5,
    episodic_life=False, zero_discount_on_life_loss=True,
  )  # fmt: skip
  noop = protocols.apply(trained, 'noop')
  assert (noop.noop_max, noop.sticky_action_probability) == (30, 0)
  assert noop.max_episode_frames == 108_000
  assert not noop.zero_discount_on_life_loss
  lives = dataclasses.replace(
    trained, episodic_life=True, zero_discount_on_life_loss=False
  )
  assert protocols.apply(lives, 'noop') == dataclasses.replace(
    noop, fire_after_lost_life=True
  )
  unopened = dataclasses.replace(lives, fire_reset=False)
  assert not protocols.apply(unopened, 'noop').fire_after_lost_life
  assert (noop.height, noop.frame_stack, noop.fire_reset) == (84, 4, True)
  assert protocols.apply(trained, 'noop', 4000).max_episode_frames == 4000
  sticky = protocols.apply(trained, 'sticky')
  assert (sticky.noop_max, sticky.sticky_action_probability) == (1, 0.25)
  with pytest.raises(errors.ConfigError, match="did you mean 'noop'"):
    protocols.apply(trained, 'nop')

"""What sections of a config make of themselves."""

import dataclasses

import pytest

from configs import agents, schema


def _games(**fields):
  return schema.EnvironmentConfig(**fields).whole_games()


def test_whole_games_differ_in_what_a_lost_life_is_and_where_they_begin():
  trained = schema.EnvironmentConfig(
    game='pong', episodic_life=False, zero_discount_on_life_loss=True,
    stagger_steps=50, noop_max=7,
  )  # fmt: skip
  assert trained.whole_games() == dataclasses.replace(
    trained, zero_discount_on_life_loss=False, stagger_steps=0
  )
  assert not _games(episodic_life=True).episodic_life


@pytest.mark.parametrize(
  ('fields', 'opens'),
  [
    ({'episodic_life': True}, False),
    ({'episodic_life': False, 'fire_reset': True}, False),
    ({'episodic_life': True, 'fire_reset': True}, True),
    (
      {
        'episodic_life': False,
        'fire_reset': True,
        'fire_after_lost_life': True,
      },
      True,
    ),
  ],
)
def test_lives_of_whole_games_open_as_in_training(fields, opens):
  assert _games(**fields).fire_after_lost_life == opens


def test_a_section_of_no_network_says_so():
  with pytest.raises(TypeError, match='NetworkConfig names no network'):
    schema.NetworkConfig().make(4, (84, 84, 1), 1.0)


@pytest.mark.parametrize(
  ('frames', 'share', 'ends'),
  [(0, 0.0, False), (1, 0.0, True), (1, 0.25, False), (0, 0.25, False)],
)
def test_a_run_ends_where_its_learning_rate_is_0(frames, share, ends):
  optimizer = schema.OptimizerConfig(anneal_frames=frames, anneal_to=share)
  assert optimizer.ends_run is ends


@pytest.mark.parametrize(
  ('text', 'updates'),
  [('', None), ('0:1', (0, 1)), ('7:1007', (7, 1007))],
)
def test_as_many_updates_as_promised_can_be_profiled(text, updates):
  runtime = schema.RuntimeConfig(profile_updates=text)
  assert runtime.updates_to_profile() == updates


def test_an_agent_that_varies_another_differs_in_its_network_only():
  config = agents.make('s3ta', 'small')
  made = schema.variant(config, 'other', num_queries=3)
  assert made.agent == 'other' and made.network.num_queries == 3
  same = dataclasses.replace(made, agent='s3ta', network=config.network)
  assert same == config

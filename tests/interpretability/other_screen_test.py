"""A game that is not like Atari, from its recording to the report."""

import json

import jax
import pytest

from attn_agents.environments import registry as environments
from attn_agents.environments import suite
from attn_agents.interpretability import context, pipeline, registry
from attn_agents.interpretability.behaviour import options as behaviour
from attn_agents.interpretability.hard_attention import (
  options as hard_attention,
)
from attn_agents.interpretability.injection import options as injection
from attn_agents.interpretability.recordings import record, trained_agent
from attn_agents.interpretability.saliency import options as saliency
from configs import agents, errors, overrides
from tests.environments import toy

_SCREEN = (96, 120, 3)


class _WideSuite(toy.ToySuite):
  """The toy game on a larger screen, at 50 frames a second."""

  name = 'wide'
  games = ('wide_lights',)

  def spec(self, config):
    seen = (24, 30, 1) if config.grayscale else _SCREEN
    return suite.EnvironmentSpec(
      observation_shape=seen,
      actions=toy.ACTIONS,
      screen_shape=_SCREEN,
      action_repeat=2,
      frames_per_second=50.0,
    )


@pytest.fixture
def given(tmp_path, monkeypatch):
  monkeypatch.setattr(environments, 'SUITES', dict(environments.SUITES))
  environments.register(_WideSuite())
  config = overrides.apply(
    agents.make('s3ta', 'small'),
    [
      'environment.game=wide_lights',
      'network.conv_channels=4,8',
      'network.conv_kernels=4,3',
      'network.conv_strides=3,2',
    ],
  )
  played = trained_agent.TrainedAgent(config, {}, {'agent': 's3ta'})
  played = played.with_params(
    played.agent.initial_params(jax.random.key(0)),
    run='runs/x', preset='small', algorithm='appo', trained_game='wide_lights',
    training_seed=1, checkpoint=7, training_frames=4_000,
  )  # fmt: skip
  plan = record.Plan(num_episodes=4, max_steps=30)
  return context.Context(
    played=played,
    recorded=record.record(played, plan, tmp_path / 'recording'),
    plan=plan,
    directory=tmp_path,
    trained=config,
    checkpoints=tmp_path,
    chosen=[
      saliency.Options(maps=2),
      hard_attention.Options(episodes=1, thresholds=(0.5,)),
      injection.Options(steps=8),
      behaviour.Options(
        tracked=(behaviour.Tracked('light', (255, 255, 255), (0, 0, 96, 120)),)
      ),
    ],
  )


def test_every_analysis_takes_another_screen_and_other_actions(given):
  recorded = given.recorded
  assert recorded.facts['actions'] == list(toy.ACTIONS)
  assert recorded.facts['step_seconds'] == given.step_seconds == 2 / 50
  assert recorded.frame_size == _SCREEN[:2] == given.grid.frame
  assert recorded['frame'].shape[1:] == _SCREEN
  reasons = {}
  path = pipeline.run(
    given, tuple(registry.ANALYSES), 'c', ended=reasons.__setitem__
  )
  assert [name for name, reason in reasons.items() if reason] == ['grad_cam']
  page = path.read_text()
  assert all(action in page for action in toy.ACTIONS)
  found = json.loads((path.parent / 'behaviour' / 'numbers.json').read_text())
  assert found['light']['area'] == pytest.approx(12 / 120)


def test_tracked_regions_must_be_on_the_screen(given):
  (tracked,) = (x for x in given.chosen if isinstance(x, behaviour.Options))
  tracked.check(_SCREEN[:2])
  with pytest.raises(errors.ConfigError, match='within 95 rows'):
    tracked.check((95, 120))

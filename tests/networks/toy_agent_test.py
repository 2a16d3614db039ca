"""An agent that is in this file only: registered, made and trained."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from attn_agents import types
from attn_agents.networks import factory
from benchmarks import plain
from configs import agents, errors, resolution, schema
from configs.agents import impala_ff
from tests import in_process


class _Linear(nn.Module):
  """Policy and value, linear in the pixels."""

  config: '_LinearConfig'
  num_actions: int

  @nn.nowrap
  def initial_state(self, batch_size):
    del batch_size
    return ()

  @nn.compact
  def __call__(self, inputs, core_state):
    pixels = inputs.observation / 255.0
    flat = jnp.reshape(pixels, (*pixels.shape[:2], -1))
    outputs = self.config.scale * nn.Dense(self.num_actions + 1)(flat)
    return types.NetworkOutput(outputs[..., :-1], outputs[..., -1]), core_state


@dataclasses.dataclass(frozen=True)
class _LinearConfig(schema.NetworkConfig):
  scale: float = 1.0

  @property
  def recurrent(self):
    return False

  def make(self, num_actions, observation_shape, max_abs_reward):
    return _Linear(self, num_actions)


def _preset(name):
  config = getattr(impala_ff, name)()
  return dataclasses.replace(config, agent='linear', network=_LinearConfig())


PRESETS = {
  'paper': lambda: _preset('paper'),
  'small': lambda: _preset('small'),
}


@pytest.fixture(name='registered', autouse=True)
def _registered():
  agents.register('linear', PRESETS)
  yield PRESETS
  del agents.AGENTS['linear']


def test_a_name_is_given_once_and_needs_both_presets(registered):
  with pytest.raises(ValueError, match='already'):
    agents.register('linear', registered)
  with pytest.raises(ValueError, match='no preset small'):
    agents.register('other', {'paper': registered['paper']})


def test_is_found_by_its_name():
  config = agents.make('linear', 'paper')
  assert factory.make_network(config, 7).num_actions == 7
  assert not plain.form_of(config)
  with pytest.raises(errors.ConfigError, match="did you mean 'linear'"):
    resolution.check_names(resolution.Request(agent='lineer'))


def test_trains():
  config = in_process.catch_config(
    'network.scale=0.5',
    'environment.height=10',
    'environment.width=10',
    agent='linear',
  )
  run = in_process.InMemory(config)
  try:
    before = run.learner.snapshot().state.params
    with run.actor_threads(config.runtime.num_actors):
      feeder = run.feeder()
      for _ in range(2):
        batch = feeder.get(timeout=60)
        assert batch is not None, 'no data'
        run.learner.step(*batch)
    after = run.learner.snapshot().state.params
  finally:
    run.close()
  for old, new in zip(
    jax.tree.leaves(before), jax.tree.leaves(after), strict=True
  ):
    assert np.any(old != new)

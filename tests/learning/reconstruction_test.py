"""Updates of an agent that draws the screen again, by every actor-critic."""

import dataclasses

import jax
import numpy as np
import pytest

from attn_agents import types
from attn_agents.algorithms import actor_critic, proximal, registry
from attn_agents.learning import batching, train_state
from configs import schema
from configs.agents import s3ta
from tests.learning import linear

_SIZE = 2
_ALGORITHMS = [
  name
  for name, algorithm in registry.ALGORITHMS.items()
  if issubclass(algorithm.section_class, actor_critic.ActorCriticConfig)
]


class _Drawing(linear.LinearAgent):
  """Draws with weights that neither policy nor value use."""

  def initial_params(self, key):
    params = super().initial_params(key)
    size = len(params['value'])
    return params | {'draw': np.zeros((size, _SIZE**2), np.float32)}

  def unroll(self, params, timestep, action, agent_state):
    # The inputs of both heads are the same: the value's, with other weights.
    def drawn(weights):
      one = params | {'value': weights}
      return (
        super(_Drawing, self)
        .unroll(one, timestep, action, agent_state)
        .baseline
      )

    outputs = super().unroll(params, timestep, action, agent_state)
    cells = jax.vmap(drawn, in_axes=1, out_axes=-1)(params['draw'])
    shape = (*outputs.baseline.shape, _SIZE, _SIZE)
    return outputs._replace(extras=types.Reconstruction(cells.reshape(shape)))


def _config(name, cost):
  section = registry.get(name).section_class
  fields = {}
  if issubclass(section, proximal.ProximalConfig):
    fields = {'num_minibatches': 1, 'num_epochs': 1}
  return schema.Config(
    agent='linear',
    preset='small',
    network=s3ta.S3TAConfig(),
    algorithm=name,
    learning=section(
      unroll_length=linear.T,
      batch_size=linear.B,
      loss_reduction='mean',
      reconstruction_cost=cost,
      **fields,
    ),
    optimizer=schema.OptimizerConfig(
      name='adam', learning_rate=0.02, epsilon=1e-8, clip_threshold=1e6
    ),
  )


def _train(name, cost=1.0, updates=1):
  """Parameters after so many updates on one batch, and the metrics of each."""
  config, agent, devices = _config(name, cost), _Drawing(), jax.devices()[:1]
  update = registry.get(name).make_update(agent, config, devices)
  start = train_state.init_state(agent, config, jax.random.key(0))
  state, metrics = train_state.replicate(start, devices), []
  for _ in range(updates):
    state, found = update(state, batching.shard(linear.make_unroll(0), 1))
    metrics.append(jax.device_get(found))
  return train_state.unreplicate(state).params, metrics


@pytest.mark.parametrize('name', _ALGORITHMS)
def test_what_is_drawn_comes_to_be_the_screen(name):
  _, metrics = _train(name, updates=300)
  errors = [float(x['reconstruction_loss']) for x in metrics]
  # Every pixel is a cell, and the screen is linear in itself.
  np.testing.assert_allclose(errors[0], 1.0, atol=0.05)
  assert errors[-1] < 0.05


@pytest.mark.parametrize('name', _ALGORITHMS)
def test_the_cost_is_the_weight_and_touches_nothing_else(name):
  params, metrics = zip(*(_train(name, x) for x in (0.0, 0.5)), strict=True)
  losses = [float(x[0]['reconstruction_loss']) for x in metrics]
  assert losses[0] == 0.0
  # Nothing is drawn yet.
  np.testing.assert_allclose(losses[1], 0.5, rtol=0.05)
  totals = [float(x[0]['loss']) for x in metrics]
  np.testing.assert_allclose(
    np.subtract(totals, losses), totals[0], rtol=1e-4, atol=1e-5
  )
  np.testing.assert_array_equal(params[0]['draw'], 0.0)
  assert np.abs(params[1]['draw']).min() > 1e-3
  for part in ('policy', 'value'):
    np.testing.assert_allclose(
      params[1][part], params[0][part], rtol=1e-4, atol=1e-6
    )


def test_masked_transitions_are_not_drawn():
  """The row that leads to FIRST may show anything."""
  config, agent, devices = _config('vtrace', 1.0), _Drawing(), jax.devices()[:1]
  update = registry.get('vtrace').make_update(agent, config, devices)
  start = train_state.init_state(agent, config, jax.random.key(0))
  drawn = []
  for level in (0, 255):
    unroll = linear.make_unroll(0)
    unroll.timestep.observation[2, 0] = level
    state = train_state.replicate(start, devices)
    _, metrics = update(state, batching.shard(unroll, 1))
    drawn.append(float(metrics['reconstruction_loss']))
  assert unroll.timestep.step_type[3, 0] == types.StepType.FIRST
  np.testing.assert_allclose(drawn[0], drawn[1], rtol=1e-6)


def test_configs_of_other_algorithms_have_no_such_cost():
  for name in set(registry.ALGORITHMS) - set(_ALGORITHMS):
    section = registry.get(name).section_class
    fields = {x.name for x in dataclasses.fields(section)}
    assert 'reconstruction_cost' not in fields

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents.networks import factory
from configs import agents, schema
from tests.networks import tiny

_COLOUR = schema.EnvironmentConfig()
_VARIANTS = [
  {'attention': 'residual'},
  {'attention': 'residual_simple', 'lstm_size': 10},
]


def _param_shapes(config, num_actions):
  module = factory.make_network(config, num_actions)
  inputs = tiny.random_inputs(2, 1, config.environment)
  shapes = jax.eval_shape(
    module.init, jax.random.key(0), inputs, module.initial_state(1)
  )
  assert set(shapes) == {'params'}
  return shapes['params']


def _count(tree):
  return sum(leaf.size for leaf in jax.tree_util.tree_leaves(tree))


@pytest.mark.parametrize(
  ('agent', 'torso'),
  [
    ('impala_ff', 1_089_232),
    ('impala_large', 1_130_864),
    ('drarl', 1_135_632),
    ('drarl_simple', 1_135_632),
  ],
)
@pytest.mark.parametrize('num_actions', [4, 18])
def test_printed_parameter_counts(agent, torso, num_actions):
  params = _param_shapes(agents.make(agent, 'paper'), num_actions)
  assert _count(params.pop('baseline')) == 257
  assert _count(params) == torso + 257 * num_actions


@pytest.mark.parametrize(
  ('agent', 'environment', 'expected'),
  [
    ('impala_ff', None, 1_094_115),
    ('impala_lstm', None, 1_638_883),
    ('impala_ff', _COLOUR, 4_526_419),
    ('impala_lstm', _COLOUR, 5_071_187),
  ],
)
def test_s3ta_baselines_parameter_counts(agent, environment, expected):
  config = agents.make(agent, 's3ta_baseline')
  if environment is not None:
    config = dataclasses.replace(config, environment=environment)
  assert _count(_param_shapes(config, 18)) == expected


def test_parameter_count_per_layer():
  params = _param_shapes(agents.make('impala_lstm', 'paper'), 18)
  sections = [params.pop(f'section_{index}') for index in range(3)]
  assert [_count(s['conv']) for s in sections] == [592, 4_640, 9_248]
  blocks = [2 * 2_320, 2 * 9_248, 2 * 9_248]
  for section, expected in zip(sections, blocks, strict=True):
    assert set(section) == {'conv', 'block_0', 'block_1'}
    assert _count(section['block_0']) == expected
    assert _count(section['block_1']) == expected
  assert {name: _count(layer) for name, layer in params.items()} == {
    'hidden': 991_488,
    # 256 features, a reward, 18 actions and 256 of the state, to four gates.
    'lstm': (256 + 1 + 18 + 256 + 1) * 4 * 256,
    'policy': 257 * 18,
    'baseline': 257,
  }


@pytest.mark.parametrize('network', _VARIANTS)
def test_only_float32_and_no_rank_promotion(network):
  module, variables, inputs = tiny.make_resnet(rows=2, **network)
  state = module.initial_state(2)

  def loss(variables):
    outputs, last = module.apply(variables, inputs, state)
    return jnp.sum(outputs.policy_logits) + jnp.sum(outputs.baseline), last

  with jax.numpy_rank_promotion('raise'):
    shapes = jax.eval_shape(
      module.init_with_output, jax.random.key(0), inputs, state
    )
    gradient = jax.eval_shape(jax.grad(loss, has_aux=True), variables)
  for leaf in jax.tree_util.tree_leaves((shapes, gradient, state)):
    assert leaf.dtype == jnp.float32


def test_initial_state():
  module, _, _ = tiny.make_resnet(lstm_size=10)
  state = module.initial_state(4)
  for leaf in state:
    assert leaf.shape == (4, 10) and not np.any(leaf)
  feedforward, _, _ = tiny.make_resnet()
  assert feedforward.initial_state(4) == ()

"""Every agent's network against the same one in plain Flax and autodiff."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents.environments import registry as environments
from attn_agents.networks import factory
from attn_agents.networks.cpu_kernels import pixel_blocks
from benchmarks import plain
from configs import agents, overrides, schema
from tests.networks import tiny

# Images that are more than one chunk of `canonical`, and some over.
_ROWS, _BATCH = 5, 4
_FRAMES = schema.EnvironmentConfig(height=33, width=26)
# Even, and of few channels: the first layer goes through `pixel_blocks`.
_BLOCKS = (
  schema.EnvironmentConfig(height=34, width=26, grayscale=True),
  schema.EnvironmentConfig(height=34, width=26, grayscale=True, frame_stack=4),
)


def _config(
  agent: str, frames: schema.EnvironmentConfig, **options
) -> schema.Config:
  """The agent's paper preset, narrow, with the options that make the agent."""
  config = agents.make(agent, 'paper')
  quick = config.network.quick_settings
  config = overrides.apply(
    config, [x for x in quick if x.startswith('network.')]
  )
  # Narrower still: of many units, two may be so near that rounding decides
  # which of them is a window's maximum, and gradients differ.
  for name in ('channels', 'conv_channels'):
    if hasattr(config.network, name):
      options[name] = (3, 4)
  for name, size in (
    ('lstm_size', 7),
    ('hidden_size', 12),
    ('blocks_per_section', 1),
  ):
    if getattr(config.network, name, 0):
      options[name] = size
  return dataclasses.replace(
    config,
    network=dataclasses.replace(config.network, **options),
    environment=frames,
  )


def _mid_episode_state(module):
  return tiny.random_like(module.initial_state(_BATCH), 1)


def _inputs(config):
  """Rows with an episode's start in the middle, and at the first row."""
  inputs = tiny.random_inputs(_ROWS, _BATCH, config.environment)
  inputs.is_first[2, 0] = inputs.is_first[0, 1] = True
  inputs.reward[...] *= 3.0
  return inputs


def _assert_close(ours, theirs):
  """Each array to 1e-4 of its largest entry."""
  assert jax.tree.structure(ours) == jax.tree.structure(theirs)
  for (path, a), b in zip(
    jax.tree_util.tree_leaves_with_path(ours),
    jax.tree.leaves(theirs),
    strict=True,
  ):
    name, scale = jax.tree_util.keystr(path), np.max(np.abs(b))
    assert a.shape == b.shape, name
    assert scale > 0, name
    # What is as small is left of sums that cancel, as under a softmax.
    atol = 1e-4 * max(scale, 1e-2)
    np.testing.assert_allclose(a, b, rtol=0, atol=atol, err_msg=name)


# What S3TA's `small` adds to the published network.
_SEEING = {
  'coupled_gates': True,
  'feature_norm': 'cells',
  'answer_sees_queries': False,
  'head_sees_answer': True,
  'reconstruction_size': 3,
}
_MIRRORED = [
  agent for agent in agents.AGENTS if plain.form_of(agents.make(agent, 'paper'))
]
_RESIDUAL = [
  agent
  for agent in _MIRRORED
  if plain.form_of(agents.make(agent, 'paper')) == 'resnet'
]


@pytest.mark.parametrize(
  ('agent', 'frames', 'options'),
  [
    *((agent, _FRAMES, {}) for agent in _MIRRORED),
    pytest.param('s3ta', _FRAMES, {'remat': True}, marks=pytest.mark.slow),
    ('s3ta', _FRAMES, _SEEING),
    ('s3ta', _FRAMES, _SEEING | {'remat': True}),
    ('impala_ff', _FRAMES, {'pixel_block': 2}),
    *(
      pytest.param(
        agent,
        _BLOCKS[index % 2],
        {},
        # Two of them, with either number of channels, have all there is.
        marks=() if agent in ('impala_ff', 'drarl') else pytest.mark.slow,
      )
      for index, agent in enumerate(_RESIDUAL)
    ),
  ],
)
def test_values_and_gradients_are_those_of_plain_flax(
  monkeypatch, agent, frames, options
):
  blocks, convolve_and_pool = [], pixel_blocks.convolve_and_pool
  monkeypatch.setattr(
    pixel_blocks,
    'convolve_and_pool',
    lambda *args: blocks.append(args) or convolve_and_pool(*args),
  )
  config = _config(agent, frames, **options)
  fast = factory.make_network(config, tiny.NUM_ACTIONS)
  slow = plain.make_network(config, tiny.NUM_ACTIONS)
  shape = environments.spec(frames).observation_shape
  params, state = tiny.random_params(fast, shape), _mid_episode_state(fast)
  inputs = _inputs(config)
  rng = np.random.default_rng(2)
  weights = rng.normal(size=(_ROWS, _BATCH, tiny.NUM_ACTIONS + 1))

  def run(module):
    def loss(params):
      outputs, after = module.apply({'params': params}, inputs, state)
      joined = jnp.concatenate(
        [outputs.policy_logits, outputs.baseline[..., None]], axis=-1
      )
      # The state after must carry gradients too, as in a longer unroll.
      rest = sum(jnp.sum(x) for x in jax.tree.leaves((after, outputs.extras)))
      return jnp.sum(weights * jnp.sin(joined)) + 0.1 * rest, (outputs, after)

    # Each is run once, so that compiling is all the time it takes.
    gradient = jax.jit(jax.value_and_grad(loss, has_aux=True)).lower(params)
    options = {'xla_backend_optimization_level': 0}
    return gradient.compile(compiler_options=options)(params)

  (_, ours), our_gradient = run(fast)
  (_, theirs), their_gradient = run(slow)
  _assert_close(ours, theirs)
  _assert_close(our_gradient, their_gradient)
  assert bool(blocks) == (frames in _BLOCKS), 'another way than was meant'

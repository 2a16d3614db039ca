import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents.networks.layers import residual
from configs import errors, ranges
from configs.agents import impala_ff
from tests.networks import tiny
from tests.networks.layers import residual_reference


@pytest.mark.parametrize('attention', residual.ATTENTIONS)
def test_feedforward_equals_numpy(attention):
  module, variables, inputs = tiny.make_resnet(
    rows=2, batch=1, attention=attention
  )
  with jax.numpy_rank_promotion('raise'):
    outputs, state = jax.jit(module.apply)(variables, inputs, ())
  assert state == ()
  params = variables['params']
  hidden = residual_reference.torso(
    inputs.observation[:, 0], params, module.config
  )
  policy = residual_reference.dense(hidden, params['policy'])
  np.testing.assert_allclose(outputs.policy_logits[:, 0], policy, atol=1e-4)
  baseline = residual_reference.dense(hidden, params['baseline'])
  np.testing.assert_allclose(outputs.baseline, baseline, atol=1e-4)


def test_blocks_of_pixels_become_pixels_of_more_channels():
  module, variables, inputs = tiny.make_resnet(pixel_block=2)
  outputs, _ = jax.jit(module.apply)(variables, inputs, ())
  blocks = np.zeros((2, 17, 13, 12))
  for y, x in np.ndindex(33, 26):
    first = 3 * (2 * (y % 2) + x % 2)
    pixel = inputs.observation[0, :, y, x]
    blocks[:, y // 2, x // 2, first : first + 3] = pixel
  hidden = residual_reference.torso(blocks, variables['params'], module.config)
  policy = residual_reference.dense(hidden, variables['params']['policy'])
  np.testing.assert_allclose(outputs.policy_logits[0], policy, atol=1e-4)


def test_a_block_has_a_pixel():
  with pytest.raises(errors.ConfigError, match='pixel_block=0'):
    ranges.check_section(impala_ff.ResNetConfig(pixel_block=0))


@pytest.mark.parametrize('attention', residual.ATTENTIONS[1:])
def test_mask_of_zero_leaves_the_trunk_bit_for_bit(attention):
  module, variables, inputs = tiny.make_resnet(rows=2, attention=attention)
  plain, _, _ = tiny.make_resnet(attention='none')
  trunk = dict(variables['params'])
  silent = dict(variables['params'])
  for name in ('section_0', 'section_1'):
    section = dict(trunk[name])
    mask = dict(section.pop('mask_branch'))
    trunk[name] = section
    mask['conv_1'] = {
      'kernel': np.zeros_like(mask['conv_1']['kernel']),
      'bias': np.full_like(mask['conv_1']['bias'], -1e9),
    }
    silent[name] = section | {'mask_branch': mask}
  apply = jax.jit(module.apply)
  masked = apply({'params': silent}, inputs, ())
  expected = jax.jit(plain.apply)({'params': trunk}, inputs, ())
  jax.tree_util.tree_map(np.testing.assert_array_equal, masked, expected)
  attending, _ = apply(variables, inputs, ())
  difference = attending.policy_logits - expected[0].policy_logits
  assert np.max(np.abs(difference)) > 1e-3


def test_gradient_reaches_every_parameter():
  module, variables, inputs = tiny.make_resnet(
    rows=2, attention='residual', lstm_size=10
  )
  state = module.initial_state(2)

  def loss(variables):
    outputs, _ = module.apply(variables, inputs, state)
    return jnp.sum(jnp.sin(outputs.policy_logits)) + jnp.sum(outputs.baseline)

  gradients = jax.jit(jax.grad(loss))(variables)
  for path, leaf in jax.tree_util.tree_leaves_with_path(gradients):
    assert np.any(np.asarray(leaf) != 0.0), path


@pytest.mark.parametrize('attention', residual.ATTENTIONS)
def test_sows_maps_with_time_and_batch(attention):
  module, variables, inputs = tiny.make_resnet(
    rows=2, batch=3, attention=attention
  )
  apply = functools.partial(module.apply, mutable=['intermediates'])
  (outputs, _), sown = jax.jit(apply)(variables, inputs, ())
  sown = sown['intermediates']
  (last,) = sown.pop('last_map')
  # 33 x 26 pixels, halved twice, rounding up.
  assert last.shape == (2, 3, 9, 7, 4) and last.dtype == jnp.float32
  masks = {
    name: [(x[0].shape, x[0].dtype) for x in (maps['mask'], maps['trunk'])]
    for name, maps in sown.items()
  }
  shapes = [(2, 3, 17, 13, 3), (2, 3, 9, 7, 4)]
  assert masks == (
    {}
    if attention == 'none'
    else {
      f'section_{index}': [(shape, jnp.float32)] * 2
      for index, shape in enumerate(shapes)
    }
  )
  params = variables['params']
  # What was sown must be what was used.
  flat = residual_reference.relu(np.asarray(last)).reshape(6, -1)
  hidden = residual_reference.dense(flat, params['hidden'])
  policy = residual_reference.dense(
    residual_reference.relu(hidden), params['policy']
  )
  np.testing.assert_allclose(
    outputs.policy_logits.reshape(6, -1), policy, atol=1e-4
  )
  if attention != 'none':
    (mask,), (trunk,) = (sown['section_1'][name] for name in ('mask', 'trunk'))
    np.testing.assert_allclose(last, (1 + mask) * trunk, atol=1e-6)


def test_gradient_of_a_logit_reaches_the_last_map():
  """What Grad-CAM weighs maps by, against the chain rule written out."""
  module, variables, inputs = tiny.make_resnet(rows=1, batch=2)
  apply = functools.partial(module.apply, mutable=['intermediates'])
  (outputs, _), sown = jax.jit(apply)(variables, inputs, ())
  (last,) = sown['intermediates']['last_map']

  def logit(perturbation):
    perturbed = variables | {'perturbations': {'last_map': perturbation}}
    result, _ = module.apply(perturbed, inputs, ())
    return jnp.sum(result.policy_logits[..., 3]), result

  gradient, result = jax.jit(jax.grad(logit, has_aux=True))(
    jnp.zeros_like(last)
  )
  np.testing.assert_allclose(
    result.policy_logits, outputs.policy_logits, atol=1e-4
  )
  params = variables['params']
  flat = np.asarray(last).reshape(2, -1)
  active = residual_reference.dense(np.maximum(flat, 0), params['hidden']) > 0
  back = (active * params['policy']['kernel'][:, 3]) @ (
    params['hidden']['kernel'].T
  )
  expected = ((flat > 0) * back).reshape(last.shape)
  np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-7)
  assert np.std(expected) > 1e-3

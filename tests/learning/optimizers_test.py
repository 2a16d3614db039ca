"""The optimisers against TensorFlow 1's, written out in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from attn_agents.learning import optimizers
from configs import schema, small_presets

_STEPS = 20


def _make_grads(seed):
  """Gradients around norm 5, elements on both sides of 1."""
  rng = np.random.default_rng(seed)
  return [
    {
      'w': (scale * rng.normal(size=(3, 4))).astype(np.float32),
      'b': (scale * rng.normal(size=4)).astype(np.float32),
    }
    for scale in rng.uniform(0.2, 3.0, size=_STEPS)
  ]


def _clip(grads, kind, threshold):
  if kind == 'value':
    return {k: np.minimum(np.maximum(g, -threshold), threshold)
            for k, g in grads.items()}  # fmt: skip
  norm = np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in grads.values()))
  return {k: g * min(1.0, threshold / norm) for k, g in grads.items()}


def _tf1_rmsprop(params, all_grads, config, hyperparams):
  """training_ops.ApplyRMSProp, step by step."""
  params = {k: v.astype(np.float64) for k, v in params.items()}
  ms = {k: np.ones_like(v) for k, v in params.items()}
  mom = {k: np.zeros_like(v) for k, v in params.items()}
  for grads, (lr, epsilon, threshold) in zip(
    all_grads, hyperparams, strict=True
  ):
    for k, g in _clip(grads, config.clip, threshold).items():
      ms[k] += (1 - config.decay) * (g**2 - ms[k])
      mom[k] = config.momentum * mom[k] + lr * g / np.sqrt(ms[k] + epsilon)
      params[k] -= mom[k]
  return params


def _tf1_adam(params, all_grads, config, hyperparams):
  """training_ops.ApplyAdam, step by step."""
  beta1, beta2 = config.adam_beta1, config.adam_beta2
  params = {k: v.astype(np.float64) for k, v in params.items()}
  m, v = ({k: np.zeros_like(x) for k, x in params.items()} for _ in range(2))
  beta1_power, beta2_power = beta1, beta2
  for grads, (lr, epsilon, threshold) in zip(
    all_grads, hyperparams, strict=True
  ):
    alpha = lr * np.sqrt(1 - beta2_power) / (1 - beta1_power)
    for k, g in _clip(grads, config.clip, threshold).items():
      m[k] += (1 - beta1) * (g - m[k])
      v[k] += (1 - beta2) * (g**2 - v[k])
      params[k] -= alpha * m[k] / (np.sqrt(v[k]) + epsilon)
    beta1_power *= beta1
    beta2_power *= beta2
  return params


def _assert_equal_steps(reference, config, threshold):
  """Twenty steps; the learning rate, epsilon and clip change after ten."""
  all_grads = _make_grads(0)
  norms = np.array(
    [np.sqrt(sum((g**2).sum() for g in x.values())) for x in all_grads]
  )
  assert 3 < (norms > 5.0).sum() < _STEPS - 3
  first = (config.learning_rate, config.epsilon, threshold)
  hyperparams = [first] * 10
  hyperparams += [(0.01, 0.2, 0.5 * threshold)] * (_STEPS - 10)
  params = {'w': np.ones((3, 4), np.float32), 'b': np.zeros(4, np.float32)}
  expected = reference(params, all_grads, config, hyperparams)

  optimizer = optimizers.make_optimizer(config)
  state = optimizer.init(params)
  step = jax.jit(optimizer.update)
  for i, grads in enumerate(all_grads):
    # The first ten steps run on the values of the config.
    if i >= 10:
      state = optimizers.set_hyperparams(
        state, *(jnp.float32(x) for x in hyperparams[i])
      )
    updates, state = step(grads, state, params)
    params = jax.tree.map(np.add, params, jax.device_get(updates))
  for k, value in expected.items():
    np.testing.assert_allclose(params[k], value, rtol=1e-5, atol=1e-6)
  assert step._cache_size() == 1


_CLIPS = pytest.mark.parametrize(
  ('clip', 'threshold'), [('global_norm', 5.0), ('value', 1.0)]
)


@pytest.mark.parametrize('momentum', [0.0, 0.9])
@_CLIPS
def test_matches_tf1_rmsprop_while_hyperparameters_change(
  clip, threshold, momentum
):
  config = schema.OptimizerConfig(
    learning_rate=0.03,
    decay=0.9,
    epsilon=0.01,
    momentum=momentum,
    clip=clip,
    clip_threshold=threshold,
  )
  _assert_equal_steps(_tf1_rmsprop, config, threshold)


@pytest.mark.parametrize('epsilon', [1e-5, 0.1])
@_CLIPS
def test_matches_tf1_adam_while_hyperparameters_change(
  clip, threshold, epsilon
):
  config = schema.OptimizerConfig(
    name='adam',
    learning_rate=0.03,
    adam_beta1=0.8,
    adam_beta2=0.99,
    epsilon=epsilon,
    clip=clip,
    clip_threshold=threshold,
  )
  _assert_equal_steps(_tf1_adam, config, threshold)


def test_adams_epsilon_is_not_that_of_optax():
  """A first step from g = 1: m = 1 - beta1 and v = 1 - beta2, alone."""
  config = schema.OptimizerConfig(
    name='adam', learning_rate=1.0, epsilon=0.1, clip_threshold=1e9
  )
  params = jnp.zeros(1)

  def first_step(optimizer):
    return optimizer.update(jnp.ones(1), optimizer.init(params), params)[0]

  root = np.sqrt(1 - 0.999)
  ours = first_step(optimizers.make_optimizer(config))
  np.testing.assert_allclose(ours, [-root / (root + 0.1)], rtol=1e-4)
  theirs = first_step(optax.adam(1.0, eps=0.1))
  np.testing.assert_allclose(theirs, [-1 / 1.1], rtol=1e-5)


def test_first_step_of_the_paper_values():
  """ms = .99 + .01 g^2; at g = 1: 2e-4 / sqrt(1.01)."""
  optimizer = optimizers.make_optimizer(schema.OptimizerConfig())
  params = jnp.zeros(1)
  updates, _ = optimizer.update(jnp.ones(1), optimizer.init(params), params)
  np.testing.assert_allclose(updates, [-2e-4 / np.sqrt(1.01)], rtol=1e-6)


@pytest.mark.parametrize('name', ['rmsprop', 'adam'])
def test_hyperparameters_are_float32_arrays_of_the_state(name):
  state = optimizers.make_optimizer(schema.OptimizerConfig(name=name)).init(
    {'w': jnp.zeros(3)}
  )
  assert {k: float(v) for k, v in state.hyperparams.items()} == {
    'learning_rate': np.float32(2e-4),
    'epsilon': np.float32(0.01),
    'clip_threshold': 1280.0,
  }
  for value in state.hyperparams.values():
    assert isinstance(value, jax.Array)
    assert value.dtype == jnp.float32


def test_clip_fraction():
  grads = {'a': jnp.array([3.0, -4.0]), 'b': jnp.array([[0.0, 0.5]])}
  norm = np.sqrt(25.25)
  assert optimizers.clip_fraction(grads, 'global_norm', norm - 0.01) == 1.0
  assert optimizers.clip_fraction(grads, 'global_norm', norm + 0.01) == 0.0
  assert optimizers.clip_fraction(grads, 'value', 0.4) == 0.75
  assert optimizers.clip_fraction(grads, 'value', 3.5) == 0.25


def test_unknown_clip_is_refused():
  with pytest.raises(ValueError, match=r"'norm'.*global_norm, value"):
    optimizers.make_optimizer(schema.OptimizerConfig(clip='norm'))


def test_unknown_optimizer_is_refused():
  with pytest.raises(ValueError, match=r"'sgd'.*rmsprop, adam"):
    optimizers.make_optimizer(schema.OptimizerConfig(name='sgd'))


def test_early_gradients_of_vision_count_in_full_at_small():
  """Of 1e-6, as S3TA's are while others are of 1e-3 (see small_presets)."""
  optimizer = optimizers.make_optimizer(small_presets.optimizer())
  grads = {'vision': jnp.float32(1e-6), 'head': jnp.float32(1e-3)}

  def step(state, _):
    updates, state = optimizer.update(grads, state)
    return state, updates

  _, updates = jax.lax.scan(step, optimizer.init(grads), length=1000)
  # TensorFlow's form divides epsilon by the correction of early steps.
  np.testing.assert_allclose(
    updates['vision'][-1], updates['head'][-1], rtol=0.02
  )

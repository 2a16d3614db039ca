"""The optimiser against TensorFlow 1's RMSProp, written out in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents.learning import optimizers
from configs import schema

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


@pytest.mark.parametrize('momentum', [0.0, 0.9])
@pytest.mark.parametrize(
  ('clip', 'threshold'), [('global_norm', 5.0), ('value', 1.0)]
)
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
  all_grads = _make_grads(0)
  norms = np.array(
    [np.sqrt(sum((g**2).sum() for g in x.values())) for x in all_grads]
  )
  assert 3 < (norms > 5.0).sum() < _STEPS - 3
  hyperparams = [(0.03, 0.01, threshold)] * 10
  hyperparams += [(0.01, 0.2, 0.5 * threshold)] * (_STEPS - 10)
  params = {'w': np.ones((3, 4), np.float32), 'b': np.zeros(4, np.float32)}
  expected = _tf1_rmsprop(params, all_grads, config, hyperparams)

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


def test_first_step_of_the_paper_values():
  """ms = .99 + .01 g^2; at g = 1: 2e-4 / sqrt(1.01)."""
  optimizer = optimizers.make_optimizer(schema.OptimizerConfig())
  params = jnp.zeros(1)
  updates, _ = optimizer.update(jnp.ones(1), optimizer.init(params), params)
  np.testing.assert_allclose(updates, [-2e-4 / np.sqrt(1.01)], rtol=1e-6)


def test_hyperparameters_are_float32_arrays_of_the_state():
  state = optimizers.make_optimizer(schema.OptimizerConfig()).init(
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

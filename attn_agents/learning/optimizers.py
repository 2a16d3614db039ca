"""RMSProp and Adam in TensorFlow 1's form, behind one of two gradient clips.

TensorFlow 1 (and so the values that IMPALA, S3TA and OpenAI baselines publish)
differs from most libraries. RMSProp: the running mean of squares starts at 1,
epsilon is inside the square root, and the learning rate is inside the momentum:

    ms  <- decay ms + (1 - decay) g^2
    mom <- momentum mom + learning_rate g / sqrt(ms + epsilon)
    params <- params - mom

The centred form, of DQN's and DARQN's Lua code, divides by the deviation:

    mean <- decay mean + (1 - decay) g
    params <- params - learning_rate g / sqrt(ms - mean^2 + epsilon)

with both means from 0.

Adam, at step t = 1, 2, ...: the bias corrections are in the learning rate, so
that epsilon is added to the uncorrected root (the "epsilon hat" of Kingma & Ba
2015, end of section 2):

    m <- beta1 m + (1 - beta1) g
    v <- beta2 v + (1 - beta2) g^2
    params <- params - learning_rate sqrt(1 - beta2^t) / (1 - beta1^t)
                       m / (sqrt(v) + epsilon)

`optax.adam` adds epsilon to sqrt(v / (1 - beta2^t)) instead: at t = 1 and the
default betas its epsilon weighs 1/32 of what the same number does here.
"""

import jax
import jax.numpy as jnp
import optax
from jax import flatten_util

from attn_agents import types
from configs import schema

_CLIPS = {'global_norm': optax.clip_by_global_norm, 'value': optax.clip}


def make_optimizer(
  config: schema.OptimizerConfig,
) -> optax.GradientTransformationExtraArgs:
  """Makes a clipped RMSProp or Adam of the kinds above.

  `learning_rate`, `epsilon` and `clip_threshold` are float32 [] arrays in the
  state (see `set_hyperparams`), so that changing them never recompiles. Decays,
  momentum and the kind of clip are fixed.

  Args:
    config: the optimiser's section of the config.

  Returns:
    An optax transformation of float32 gradients.

  Raises:
    ValueError: `config.name` or `config.clip` is not a known kind.
  """
  if config.name not in _SCALINGS:
    raise ValueError(
      f'Unknown optimizer {config.name!r}; known: {", ".join(_SCALINGS)}.'
    )
  if config.clip not in _CLIPS:
    raise ValueError(
      f'Unknown clip {config.clip!r}; known: {", ".join(_CLIPS)}.'
    )

  def factory(
    learning_rate: float, epsilon: float, clip_threshold: float
  ) -> optax.GradientTransformation:
    return optax.chain(
      _CLIPS[config.clip](clip_threshold),
      _SCALINGS[config.name](config, learning_rate, epsilon),
    )

  return optax.inject_hyperparams(factory, hyperparam_dtype=jnp.float32)(
    learning_rate=config.learning_rate,
    epsilon=config.epsilon,
    clip_threshold=config.clip_threshold,
  )


def _rmsprop(
  config: schema.OptimizerConfig, learning_rate: float, epsilon: float
) -> optax.GradientTransformation:
  centred = config.name == 'centred_rmsprop'
  return optax.rmsprop(
    learning_rate,
    decay=config.decay,
    eps=epsilon,
    initial_scale=0.0 if centred else 1.0,
    eps_in_sqrt=True,
    centered=centred,
    # None spares the memory of a momentum that is always 0.
    momentum=config.momentum or None,
  )


def _adam(
  config: schema.OptimizerConfig, learning_rate: float, epsilon: float
) -> optax.GradientTransformation:
  def scale_by_adam(eps: types.Array) -> optax.GradientTransformation:
    return optax.scale_by_adam(config.adam_beta1, config.adam_beta2, eps)

  def update(
    grads: optax.Updates,
    state: optax.ScaleByAdamState,
    params: optax.Params | None = None,
  ) -> tuple[optax.Updates, optax.ScaleByAdamState]:
    # Optax divides the root by this correction but not epsilon; with epsilon
    # divided as well, the correction moves in front of the fraction.
    step = state.count + 1
    correction = jnp.sqrt(1.0 - config.adam_beta2**step)
    return scale_by_adam(epsilon / correction).update(grads, state, params)

  return optax.chain(
    optax.GradientTransformation(scale_by_adam(epsilon).init, update),
    optax.scale_by_learning_rate(learning_rate),
  )


_SCALINGS = {
  'rmsprop': _rmsprop,
  'centred_rmsprop': _rmsprop,
  'adam': _adam,
}


def set_hyperparams(
  opt_state: optax.OptState,
  learning_rate: types.Array,
  epsilon: types.Array,
  clip_threshold: types.Array,
) -> optax.OptState:
  """Returns a state of `make_optimizer` with other float32 [] values."""
  return opt_state._replace(
    hyperparams={
      'learning_rate': learning_rate,
      'epsilon': epsilon,
      'clip_threshold': clip_threshold,
    }
  )


def clip_fraction(
  grads: types.Nest, clip: str, clip_threshold: types.Array
) -> jax.Array:
  """Returns how much of a gradient the clip changes, float32 [] in 0..1.

  Args:
    grads: tree of float32 arrays, before the clip.
    clip: as in `schema.OptimizerConfig`.
    clip_threshold: float32 [].

  Returns:
    For 'global_norm' 1 if the gradient is scaled down, else 0; for 'value' the
    fraction of elements beyond the threshold.
  """
  if clip == 'global_norm':
    return (optax.global_norm(grads) > clip_threshold).astype(jnp.float32)
  flat, _ = flatten_util.ravel_pytree(grads)
  return jnp.mean(jnp.abs(flat) > clip_threshold)

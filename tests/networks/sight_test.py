"""`small` S3TA learns to see objects of two pixels; labels say where they are.

A label is far more of a hint than a reward: what takes long here takes longer
by playing.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from attn_agents import types
from attn_agents.networks import factory
from configs.agents import s3ta

_ROWS, _BATCH = 21, 8
_UPDATES = 450
_PADDLE_COLUMN = 74


def _play(rng, size):
  """Frames [T, B, h, w, 1] and where the ball is: 0 above, 2 below, 1 level.

  As Pong is drawn at that size: a ball of two pixels, a paddle of twelve, in
  front of even grey.
  """
  height, width = size
  rows = np.arange(_ROWS)[:, None]
  speed = rng.uniform(-1.5, 1.5, (2, _BATCH))
  path = rng.uniform(0, (height, width), (_BATCH, 2)).T[:, None]
  ball_y, ball_x = (path + speed[:, None] * rows) % [[[height - 2]], [[width]]]
  paddle = rng.integers(0, height - 6, _BATCH) + np.zeros_like(rows)
  frames = np.full((_ROWS, _BATCH, height, width, 1), 87, np.uint8)
  t, b = np.indices((_ROWS, _BATCH))
  for dy in range(6):
    frames[t, b, paddle + dy, _PADDLE_COLUMN : _PADDLE_COLUMN + 2] = 147
  for dy in range(2):
    frames[t, b, ball_y.astype(int) + dy, ball_x.astype(int)] = 236
  below = ball_y - paddle - 2
  return frames, np.where(below > 3, 2, np.where(below < -3, 0, 1))


def _learn(config):
  """Share of labels found, over the last fifty updates."""
  network = factory.make_network(config, 3)
  optimizer = optax.adam(config.optimizer.learning_rate, eps=1e-5)
  rng = np.random.default_rng(0)
  size = config.environment.height, config.environment.width

  def inputs(frames):
    return types.NetworkInput(
      observation=frames,
      reward=jnp.zeros((_ROWS, _BATCH)),
      prev_action=jnp.zeros((_ROWS, _BATCH), jnp.int32),
      is_first=jnp.zeros((_ROWS, _BATCH), bool),
    )

  @jax.jit
  def update(params, state, frames, labels):
    def loss(params):
      outputs, _ = network.apply(
        {'params': params}, inputs(frames), network.initial_state(_BATCH)
      )
      logits = outputs.policy_logits
      found = jnp.mean(jnp.argmax(logits, axis=-1) == labels)
      losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
      return jnp.mean(losses), found

    gradients, found = jax.grad(loss, has_aux=True)(params)
    updates, state = optimizer.update(gradients, state)
    return optax.apply_updates(params, updates), state, found

  params = jax.jit(network.init)(
    jax.random.key(0),
    inputs(_play(rng, size)[0]),
    network.initial_state(_BATCH),
  )['params']
  state = optimizer.init(params)
  found = []
  for _ in range(_UPDATES):
    params, state, share = update(params, state, *_play(rng, size))
    found.append(share)
  return np.mean(found[-50:])


@pytest.mark.slow
def test_small_objects_are_seen():
  assert _learn(s3ta.small()) > 0.7


@pytest.mark.slow
def test_from_the_published_start_they_are_not():
  config = s3ta.small()
  network = dataclasses.replace(
    config.network,
    vision_gain=1.0,
    vision_centred=False,
    query_spread=0.0,
    coupled_gates=False,
    feature_norm='none',
    answer_sees_queries=True,
    head_sees_answer=False,
  )
  assert _learn(dataclasses.replace(config, network=network)) < 0.6

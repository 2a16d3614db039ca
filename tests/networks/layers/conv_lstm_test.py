"""The ConvLSTM against Flax's cell, step by step, values and gradients."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from attn_agents.networks.layers import conv_lstm, recurrent
from tests.networks import tiny

_ROWS, _BATCH, _FEATURES = 5, 3, 4


def _problem(rows=_ROWS, coupled=False):
  rng = np.random.default_rng(0)
  inputs = rng.normal(size=(rows, _BATCH, 5, 4, 2)).astype(np.float32)
  is_first = np.zeros((rows, _BATCH), bool)
  is_first[0, 0] = True
  if rows > 1:
    is_first[2, 1] = is_first[3, 1] = is_first[4, 2] = True
  zeros = recurrent.zero_state((_BATCH, 5, 4, _FEATURES))
  params = jax.eval_shape(
    conv_lstm.ConvLSTM(_FEATURES, coupled=coupled).init,
    jax.random.key(0),
    inputs,
    is_first,
    zeros,
  )
  return (
    tiny.random_like(params, 2),
    inputs,
    is_first,
    tiny.random_like(zeros, 1),
  )


def _plain(params, inputs, is_first, state):
  """Flax's own cell in a Python loop, differentiated by JAX."""
  cell = nn.ConvLSTMCell(_FEATURES, (3, 3))
  ours = params['params']
  theirs = {'params': {'ih': ours['conv_x'], 'hh': ours['conv_h']}}
  carry = (state.cell, state.hidden)
  outputs = []
  for row, first in zip(inputs, is_first, strict=True):
    keep = 1.0 - first.astype(np.float32)[:, None, None, None]
    carry = tuple(keep * leaf for leaf in carry)
    carry, output = cell.apply(theirs, carry, row)
    outputs.append(output)
  return jnp.stack(outputs), recurrent.LSTMState(carry[1], carry[0])


def _plain_coupled(params, inputs, is_first, state):
  """Coupled gates in a Python loop, by Flax's convolutions."""
  conv = nn.Conv(3 * _FEATURES, (3, 3))
  ours, outputs = params['params'], []
  for row, first in zip(inputs, is_first, strict=True):
    keep = 1.0 - first.astype(np.float32)[:, None, None, None]
    hidden, cell = (keep * leaf for leaf in state)
    gates = conv.apply({'params': ours['conv_x']}, row)
    gates += conv.apply({'params': ours['conv_h']}, hidden)
    candidate, forget, out = jnp.split(gates, 3, axis=-1)
    kept = nn.sigmoid(forget + 1.0)
    cell = kept * cell + (1.0 - kept) * jnp.tanh(candidate)
    state = recurrent.LSTMState(nn.sigmoid(out) * jnp.tanh(cell), cell)
    outputs.append(state.hidden)
  return jnp.stack(outputs), state


def _value_and_grad(function, params, inputs, is_first, state):
  """Value, outputs, gradients of parameters, inputs and the first state."""

  def loss(params, inputs, state):
    outputs, last = function(params, inputs, is_first, state)
    value = (
      jnp.sum(jnp.sin(3.0 * outputs))
      + jnp.sum(last.cell**2)
      + jnp.sum(jnp.cos(last.hidden))
    )
    return value, (outputs, last)

  differentiated = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)
  return jax.jit(differentiated)(params, inputs, state)


@functools.cache
def _expected(rows, coupled):
  """The same of a loop, which the options of ours do not change."""
  plain = _plain_coupled if coupled else _plain
  return _value_and_grad(plain, *_problem(rows, coupled))


def _assert_near(actual, expected, tolerance):
  """Differences are small beside each array's largest entry."""

  def check(a, b):
    scale = np.max(np.abs(b))
    np.testing.assert_allclose(a, b, atol=tolerance * scale, rtol=0)

  jax.tree.map(check, actual, expected)


@pytest.mark.parametrize('rows', [1, _ROWS])
@pytest.mark.parametrize('method', ['lax', 'canonical'])
@pytest.mark.parametrize('remat', [False, True])
@pytest.mark.parametrize('coupled', [False, True])
def test_equals_flax_in_values_and_gradients(rows, method, remat, coupled):
  module = conv_lstm.ConvLSTM(_FEATURES, method, remat=remat, coupled=coupled)
  found = _value_and_grad(module.apply, *_problem(rows, coupled))
  _assert_near(found, _expected(rows, coupled), 1e-5)


def _primitives(jaxpr, loop=False):
  """(name of primitive, whether inside a scan), in all sub-jaxprs."""
  for equation in jaxpr.eqns:
    name = equation.primitive.name
    yield name, loop
    for value in equation.params.values():
      for item in value if isinstance(value, (tuple, list)) else (value,):
        inner = getattr(item, 'jaxpr', item)
        if hasattr(inner, 'eqns'):
          yield from _primitives(inner, loop or name == 'scan')


@pytest.mark.parametrize(
  ('remat', 'inside', 'outside'), [(False, 2, 4), (True, 8, 0)]
)
def test_the_loops_hold_what_they_must(remat, inside, outside):
  params, inputs, is_first, state = _problem()
  module = conv_lstm.ConvLSTM(_FEATURES, 'canonical', remat=remat)

  def loss(params, inputs):
    return jnp.sum(module.apply(params, inputs, is_first, state)[0])

  jaxpr = jax.make_jaxpr(jax.grad(loss, argnums=(0, 1)))(params, inputs).jaxpr
  convolutions = [
    loop for name, loop in _primitives(jaxpr) if name == 'conv_general_dilated'
  ]
  # Forwards the state's, backwards the state's gradient; outside, the inputs'
  # with its two gradients, and the gradient of the state's kernel.
  assert convolutions.count(True) == inside
  assert convolutions.count(False) == outside


def test_bfloat16_computes_near_float32_and_keeps_a_float32_state():
  problem = _problem()
  exact = _value_and_grad(conv_lstm.ConvLSTM(_FEATURES).apply, *problem)
  module = conv_lstm.ConvLSTM(_FEATURES, dtype=jnp.bfloat16)
  rounded = _value_and_grad(module.apply, *problem)
  assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(rounded))
  # bfloat16 has 8 bits: 1 / 256 for each of a few roundings.
  _assert_near(rounded[1], exact[1], 0.04)
  difference = jax.tree.map(
    lambda a, b: np.max(np.abs(a - b)), *jax.device_get((rounded[1], exact[1]))
  )
  assert max(jax.tree.leaves(difference)) > 1e-4, 'it computed in float32'


def test_parameters_do_not_depend_on_options():
  _, inputs, is_first, state = _problem()
  options = [
    (conv_lstm.ConvLSTM(_FEATURES, method, dtype, remat), rows)
    for method, dtype, remat, rows in itertools.product(
      ('lax', 'canonical'),
      (jnp.float32, jnp.bfloat16),
      (False, True),
      (1, _ROWS),
    )
  ]

  @jax.jit
  def initialise(key):
    return [
      module.init(key, inputs[:rows], is_first[:rows], state)
      for module, rows in options
    ]

  trees = initialise(jax.random.key(3))
  for tree in trees[1:]:
    jax.tree.map(np.testing.assert_array_equal, tree, trees[0])

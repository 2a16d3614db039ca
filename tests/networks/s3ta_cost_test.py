"""What S3TA compiles to: no loop in acting, no recording in training."""

import collections

import jax
import jax.numpy as jnp

from attn_agents.networks import factory
from tests.networks import tiny


def _primitives_and_shapes(jaxpr):
  """Counts primitives, and (primitive, output shape), in all sub-jaxprs."""
  names, shapes = collections.Counter(), collections.Counter()
  for equation in jaxpr.eqns:
    name = equation.primitive.name
    names[name] += 1
    for variable in equation.outvars:
      shapes[name, variable.aval.shape] += 1
    for value in equation.params.values():
      for item in value if isinstance(value, (tuple, list)) else (value,):
        inner = getattr(item, 'jaxpr', item)
        if hasattr(inner, 'eqns'):
          more_names, more_shapes = _primitives_and_shapes(inner)
          names.update(more_names)
          shapes.update(more_shapes)
  return names, shapes


def test_training_does_not_pay_for_intermediates():
  config = tiny.make_config()
  network = factory.make_network(config, 5)
  inputs = tiny.random_inputs(3, 2, config.environment)
  state = network.initial_state(2)
  params = {'params': tiny.random_params(network)}

  def recording_work(function):
    jaxpr = jax.make_jaxpr(function)(params).jaxpr
    _, shapes = _primitives_and_shapes(jaxpr)
    return {
      key
      for key in shapes
      # Keys and values at every cell; maps and queries stacked over T.
      if key[1][-3:] in {(5, 4, 72), (5, 4, 68)}
      or key[1] in {(3, 2, 2, 5, 4), (3, 2, 2, 20), (3, 2, 2, 72)}
    }

  def apply(params, **kwargs):
    return network.apply(params, inputs, state, **kwargs)

  def loss(params):
    return jnp.sum(apply(params)[0].policy_logits ** 2)

  assert not recording_work(apply)
  keys_and_values = {(5, 4, 72), (5, 4, 68)}
  assert not {
    key
    for key in recording_work(jax.grad(loss))
    if key[1][-3:] in keys_and_values
  }
  recorded = recording_work(lambda p: apply(p, mutable=['intermediates']))
  assert {shape[-3:] for _, shape in recorded} >= keys_and_values
  assert ('scan', (3, 2, 2, 5, 4)) in recorded


def test_acting_has_no_loop_and_learning_two():
  config = tiny.make_config(convolution='canonical')
  network = factory.make_network(config, 5)
  state = network.initial_state(2)
  params = {'params': tiny.random_params(network)}

  def loops(rows):
    inputs = tiny.random_inputs(rows, 2, config.environment)
    jaxpr = jax.make_jaxpr(network.apply)(params, inputs, state).jaxpr
    names, _ = _primitives_and_shapes(jaxpr)
    lowered = jax.jit(network.apply).lower(params, inputs, state).as_text()
    return names['scan'] + names['while'], 'stablehlo.while' in lowered

  assert loops(1) == (0, False)
  assert loops(2) == (2, True)

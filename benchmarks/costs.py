"""How much work an agent step is, whoever does it.

XLA's cost analysis of the plain network at one row, so that the figure is that
of the function and not of the form in which it is computed: multiplications
with padding, patches gathered twice and steps recomputed count for nothing.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import linen as nn

from attn_agents import types
from attn_agents.algorithms import registry
from attn_agents.networks import factory
from benchmarks import batches, plain
from configs import schema


@dataclasses.dataclass(frozen=True)
class Cost:
  """Of one row of one environment.

  Attributes:
    forward: GFLOP from pixels to policy and value.
    backward: GFLOP of the gradient beyond that.
    observation_bytes: as uint8.
    state_bytes: of the recurrent state.
  """

  forward: float
  backward: float
  observation_bytes: int
  state_bytes: int

  def unroll(self, length: int) -> float:
    """GFLOP forward per agent step: T steps take T + 1 rows."""
    return self.forward * (length + 1) / length

  def gradient(self, length: int) -> float:
    """GFLOP forward and back through all rows, per agent step."""
    return (self.forward + self.backward) * (length + 1) / length

  def update(self, config: schema.Config) -> float:
    """GFLOP per agent step of an update; the optimiser is not counted."""
    rows = registry.get(config.algorithm).network_rows(config)
    return self.forward * rows.forward + self.backward * rows.backward


def measure(config: schema.Config) -> Cost:
  """Lets XLA count; runs nothing."""
  network = _network(config)
  inputs = batches.network_input(batches.random_timestep(config, (1, 1)))
  state = network.initial_state(1)
  params = jax.eval_shape(network.init, jax.random.key(0), inputs, state)

  def forward(params: types.Nest) -> jax.Array:
    outputs, _ = network.apply(params, inputs, state)
    return jnp.stack([jnp.sum(x) for x in jax.tree.leaves(outputs)]).sum()

  def gflop(function: types.Nest) -> float:
    analysis = jax.jit(function).lower(params).cost_analysis() or {}
    return analysis['flops'] / 1e9

  once = gflop(forward)
  return Cost(
    forward=once,
    backward=gflop(jax.value_and_grad(forward)) - once,
    observation_bytes=inputs.observation.size,
    state_bytes=sum(x.nbytes for x in jax.tree.leaves(state)),
  )


def _network(config: schema.Config) -> nn.Module:
  """The plain form, or the network itself with XLA's own convolutions."""
  if plain.form_of(config):
    return plain.make_network(config, batches.NUM_ACTIONS)
  section = dataclasses.replace(config.network, convolution='lax')
  return factory.make_network(
    dataclasses.replace(config, network=section), batches.NUM_ACTIONS
  )

"""What an agent costs at its paper's sizes: parameters, work and memory.

JAX is imported inside functions, since only the doctor's child needs it.
"""

import dataclasses

from configs import agents, schema

# Of the full Atari action set, as in multi-level training.
NUM_ACTIONS = 18
TIMEOUT_SECONDS = 60.0

_COLUMNS = '{:>12} {:>12} {:>12} {:>14}'
HEADER = _COLUMNS.format(
  'observation', 'parameters', 'MFLOP/step', 'state bytes'
)


@dataclasses.dataclass(frozen=True)
class Cost:
  """Of one agent, for one environment.

  Attributes:
    observation: height, width and channels.
    num_params: policy and value heads included.
    flops_per_step: of one acting step, by XLA's cost analysis, which does not
      count multiplications with padding.
    state_bytes: of the recurrent state.
  """

  observation: tuple[int, int, int]
  num_params: int
  flops_per_step: float
  state_bytes: int


def cost(config: schema.Config, num_actions: int = NUM_ACTIONS) -> Cost:
  """Measures an agent without running it."""
  import jax
  import numpy as np

  from attn_agents import agent as agent_lib
  from attn_agents import types
  from attn_agents.environments import registry as environments
  from attn_agents.networks import factory

  # The form for CPU multiplies with zeros, which would count as work.
  network = dataclasses.replace(config.network, convolution='lax')
  config = dataclasses.replace(config, network=network)
  observation = environments.spec(config.environment).observation_shape
  agent = agent_lib.Agent(
    factory.make_network(config, num_actions), observation
  )
  key = jax.random.key(0)
  params = jax.eval_shape(agent.initial_params, key)
  state = jax.eval_shape(lambda: agent.initial_state(1))
  row = types.TimeStep(
    observation=jax.ShapeDtypeStruct((1, *observation), np.uint8),
    reward=jax.ShapeDtypeStruct((1,), np.float32),
    discount=jax.ShapeDtypeStruct((1,), np.float32),
    step_type=jax.ShapeDtypeStruct((1,), np.int8),
  )
  lowered = jax.jit(agent.step).lower(params, key, row, state)
  analysis = lowered.cost_analysis() or {}
  return Cost(
    observation=observation,
    num_params=sum(x.size for x in jax.tree.leaves(params)),
    flops_per_step=analysis['flops'],
    state_bytes=sum(
      x.size * x.dtype.itemsize for x in jax.tree.leaves(state.core_state)
    ),
  )


def describe(name: str) -> str:
  """One line of the table under `HEADER`, for the agent's paper sizes."""
  found = cost(agents.make(name, 'paper'))
  return _COLUMNS.format(
    'x'.join(map(str, found.observation)),
    f'{found.num_params:,}',
    f'{found.flops_per_step / 1e6:,.1f}',
    f'{found.state_bytes:,}',
  )

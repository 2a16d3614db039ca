"""Some steps of play with their outputs, by which others know the agent.

A machine, a version or a change of the network that plays otherwise is seen in
them. The network starts from its own first state, so that how it keeps that may
change.
"""

import pathlib
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import types
from attn_agents.environments import registry as environments
from attn_agents.evaluation import protocols
from attn_agents.interpretability.recordings import trained_agent
from attn_agents.runs import tensor_files
from configs import errors, schema

STEPS = 16
# How far outputs may be from the recorded ones, relative to 1 + the largest of
# those: compilers order sums otherwise, and recurrent state adds it up.
TOLERANCE = 1e-3
_SEED = 0
_TIMESTEP = types.TimeStep._fields
_OUTPUTS = ('policy_logits', 'baseline')
_ARRAYS = (*_TIMESTEP, 'action', *_OUTPUTS)


def record(agent: trained_agent.TrainedAgent) -> dict[str, np.ndarray]:
  """Plays the first steps of a game.

  Returns:
    The fields of `types.TimeStep`, [T, 1, ...]; action int32 [T, 1];
    policy_logits float32 [T, 1, num_actions]; baseline float32 [T, 1].
  """
  environment = environments.make_environment(
    protocols.apply(agent.config.environment, 'noop'),
    1,
    _SEED,
    1,
    evaluation=True,
  )
  state, key = agent.agent.initial_state(1), jax.random.key(_SEED)
  rows: dict[str, list[np.ndarray]] = {name: [] for name in _ARRAYS}
  try:
    timestep = environment.reset().timestep
    for step in range(STEPS):
      seen, state = agent.act(
        jax.random.fold_in(key, step), timestep, state, 'sampled'
      )
      row = timestep._asdict() | {
        'action': state.prev_action,
        **{name: getattr(seen.outputs, name) for name in _OUTPUTS},
      }
      for name, value in row.items():
        rows[name].append(np.array(value))
      timestep = environment.step(np.asarray(state.prev_action)).timestep
  finally:
    environment.close()
  return {name: np.stack(values) for name, values in rows.items()}


def deviation(
  agent: trained_agent.TrainedAgent, recorded: Mapping[str, np.ndarray]
) -> float:
  """How far the outputs are from those recorded, see `TOLERANCE`.

  Args:
    agent: is shown what was recorded, and takes the same actions.
    recorded: from `record`.
  """
  state, most = agent.agent.initial_state(1), 0.0
  scale = {name: 1 + np.abs(recorded[name]).max() for name in _OUTPUTS}
  for step, action in enumerate(recorded['action']):
    timestep = types.TimeStep(*(recorded[name][step] for name in _TIMESTEP))
    seen = agent.inspect(agent.params, timestep, state)
    state = types.AgentState(seen.core_state, jnp.asarray(action, jnp.int32))
    for name in _OUTPUTS:
      far = np.abs(getattr(seen.outputs, name) - recorded[name][step]).max()
      most = max(most, float(far / scale[name]))
  return most


def read(path: pathlib.Path, config: schema.Config) -> dict[str, np.ndarray]:
  """What `record` returned, from a file.

  Raises:
    ConfigError: it is missing, damaged, or of another agent.
  """
  game = environments.members(config.environment.game)[0]
  spec = environments.spec(config.environment.of_game(game))
  per_step = int(np.prod(spec.observation_shape)) + 8 * (spec.num_actions + 8)
  found = tensor_files.read(path, STEPS * per_step)
  shapes = {
    'observation': ('uint8', spec.observation_shape),
    'reward': ('float32', ()),
    'discount': ('float32', ()),
    'step_type': ('int8', ()),
    'action': ('int32', ()),
    'policy_logits': ('float32', (spec.num_actions,)),
    'baseline': ('float32', ()),
  }
  expected = {
    name: (dtype, (STEPS, 1, *shape)) for name, (dtype, shape) in shapes.items()
  }
  there = {name: (str(x.dtype), x.shape) for name, x in found.items()}
  if there != expected:
    wrong = sorted({name for name, _ in there.items() ^ expected.items()})
    raise errors.ConfigError(
      f'{path} is damaged or of another agent: expected {STEPS} steps of '
      f'{game}, and {", ".join(wrong)} differ'
    )
  return found

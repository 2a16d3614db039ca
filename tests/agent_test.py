import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents import types
from tests.networks import tiny

_FIRST, _MID, _LAST = types.StepType
# Episodes end at different rows, one right at the start, one at the end.
_STEP_TYPE = np.array(
  [
    [_FIRST, _MID, _LAST],
    [_MID, _MID, _FIRST],
    [_LAST, _MID, _MID],
    [_FIRST, _MID, _LAST],
    [_MID, _LAST, _FIRST],
    [_MID, _FIRST, _MID],
  ]
)


def _mid_episode_state(agent, seed=0):
  """A state such as an unroll in the middle of an episode starts from."""
  rng = np.random.default_rng(seed)
  zeros = agent.initial_state(_STEP_TYPE.shape[1])
  return types.AgentState(
    core_state=jax.tree_util.tree_map(
      lambda x: rng.normal(size=x.shape).astype(np.float32), zeros.core_state
    ),
    prev_action=jnp.array([3, 1, 2], jnp.int32),
  )


def _network_input(timestep, prev_action):
  return types.NetworkInput(
    observation=timestep.observation,
    reward=timestep.reward,
    prev_action=prev_action,
    is_first=timestep.step_type == _FIRST,
  )


def _steps(agent, params, timestep, state):
  outputs = []
  step = jax.jit(agent.step)
  for row, key in enumerate(jax.random.split(jax.random.key(7), 6)):
    one = jax.tree_util.tree_map(lambda x, row=row: x[row], timestep)
    output, state = step(params, key, one, state)
    outputs.append(output)
  stacked = jax.tree_util.tree_map(lambda *x: np.stack(x), *outputs)
  return stacked, state


@pytest.mark.parametrize(
  'options',
  [
    {'convolution': 'lax', 'remat': True},
    {'convolution': 'canonical', 'remat': True},
    {'queries': 'fixed'},
    {'queries': 'l2_norm', 'num_queries': 1},
  ],
  ids=['lax', 'canonical', 'fixed', 'l2_norm'],
)
def test_unroll_equals_single_steps_across_episodes(options):
  agent, network = tiny.make_agent(**options)
  params = tiny.random_params(network)
  timestep = tiny.random_timestep(np.random.default_rng(0), _STEP_TYPE)
  state = _mid_episode_state(agent)
  steps, last = _steps(agent, params, timestep, state)

  @jax.jit
  def run(prev_action):
    outputs = agent.unroll(params, timestep, steps.action[:-1], state)
    _, core_state = network.apply(
      {'params': params},
      _network_input(timestep, prev_action),
      state.core_state,
    )
    return outputs, core_state

  prev_action = np.concatenate([state.prev_action[None], steps.action[:-1]])
  unroll, core_state = run(prev_action)
  np.testing.assert_allclose(
    unroll.policy_logits, steps.policy_logits, atol=1e-5
  )
  np.testing.assert_allclose(unroll.baseline, steps.baseline, atol=1e-5)
  jax.tree_util.tree_map(
    lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5),
    core_state,
    last.core_state,
  )
  np.testing.assert_array_equal(last.prev_action, steps.action[-1])


def test_nothing_crosses_an_episode_border():
  agent, network = tiny.make_agent()
  params = tiny.random_params(network)
  unroll = jax.jit(agent.unroll)

  def outputs(seed):
    """Everything before the border of environment 1 depends on the seed.

    So do the reward and the action that arrive with its FIRST row.
    """
    timestep = tiny.random_timestep(np.random.default_rng(0), _STEP_TYPE)
    other = tiny.random_timestep(np.random.default_rng(seed), _STEP_TYPE)
    timestep.observation[:5, 1] = other.observation[:5, 1]
    timestep.reward[:6, 1] = other.reward[:6, 1]
    action = np.zeros((5, 3), np.int32)
    action[:, 1] = seed
    return unroll(params, timestep, action, _mid_episode_state(agent, seed))

  one, two = outputs(1), outputs(2)
  for a, b in zip(one[:2], two[:2], strict=True):
    np.testing.assert_array_equal(a[5, 1], b[5, 1])
    assert np.all(np.abs(a[4, 1] - b[4, 1]) > 1e-6)


def test_state_matters_within_an_episode():
  agent, network = tiny.make_agent()
  params = tiny.random_params(network)
  timestep = tiny.random_timestep(np.random.default_rng(0), _STEP_TYPE)
  state = _mid_episode_state(agent)
  action = np.zeros((5, 3), np.int32)
  unroll = jax.jit(agent.unroll)
  a = unroll(params, timestep, action, state).baseline
  leaves, structure = jax.tree_util.tree_flatten(state.core_state)
  assert len(leaves) == 4
  for index in range(4):
    changed = list(leaves)
    changed[index] = np.zeros_like(leaves[index])
    other = state._replace(core_state=structure.unflatten(changed))
    b = unroll(params, timestep, action, other).baseline
    # Environment 0 starts an episode at row 0, environment 2 at row 1.
    np.testing.assert_array_equal(a[:, 0], b[:, 0])
    assert np.all(np.abs(a[:5, 1] - b[:5, 1]) > 1e-7)
    np.testing.assert_array_equal(a[1:, 2], b[1:, 2])


def test_previous_action_is_that_of_the_row_before():
  agent, network = tiny.make_agent()
  params = tiny.random_params(network)
  timestep = tiny.random_timestep(np.random.default_rng(0), _STEP_TYPE)
  state = _mid_episode_state(agent)
  action = np.arange(15, dtype=np.int32).reshape(5, 3) % tiny.NUM_ACTIONS
  prev_action = np.zeros((6, 3), np.int32)
  prev_action[0] = [3, 1, 2]
  for row in range(5):
    prev_action[row + 1] = action[row]
  expected, _ = jax.jit(network.apply)(
    {'params': params}, _network_input(timestep, prev_action), state.core_state
  )
  actual = jax.jit(agent.unroll)(params, timestep, action, state)
  np.testing.assert_array_equal(actual.policy_logits, expected.policy_logits)


def test_initial_params_are_scaled_to_their_inputs():
  agent, _ = tiny.make_agent()
  initial_params = jax.jit(agent.initial_params)
  params = initial_params(jax.random.key(0))
  for path, leaf in jax.tree_util.tree_leaves_with_path(params):
    assert leaf.dtype == jnp.float32
    if path[-1].key == 'bias':
      np.testing.assert_array_equal(leaf, np.zeros(leaf.shape))
    else:
      scale = np.std(leaf) * np.prod(leaf.shape[:-1]) ** 0.5
      assert 0.5 < scale < 1.5, path
  other = initial_params(jax.random.key(1))
  assert np.any(params['head']['kernel'] != other['head']['kernel'])


def test_initial_state_is_zero():
  agent, _ = tiny.make_agent()
  state = agent.initial_state(4)
  assert state.prev_action.shape == (4,)
  assert state.prev_action.dtype == jnp.int32
  for leaf in jax.tree_util.tree_leaves(state):
    assert leaf.shape[0] == 4 and not np.any(leaf)


def test_actions_are_sampled_from_the_policy():
  agent, network = tiny.make_agent()
  params = tiny.random_params(network)
  bias = jnp.log(jnp.array([0.5, 0.25, 0.125, 0.1, 0.025]))
  params['policy'] = {
    'kernel': jnp.zeros_like(params['policy']['kernel']),
    'bias': bias,
  }
  timestep = tiny.random_timestep(np.random.default_rng(0), np.full((1,), _MID))
  state = agent.initial_state(1)
  sample = jax.jit(
    jax.vmap(lambda key: agent.step(params, key, timestep, state)[0].action)
  )
  action = sample(jax.random.split(jax.random.key(1), 4000))
  assert action.dtype == jnp.int32
  frequency = np.bincount(np.ravel(action), minlength=5) / 4000
  # Four standard deviations of the largest, sqrt(0.25 / 4000).
  np.testing.assert_allclose(frequency, np.exp(bias), atol=0.032)


def test_step_and_unroll_are_pure():
  agent, network = tiny.make_agent()
  params = tiny.random_params(network)
  timestep = tiny.random_timestep(np.random.default_rng(0), _STEP_TYPE[0])
  state = _mid_episode_state(agent)
  before = jax.tree_util.tree_map(np.array, (params, state))
  key = jax.random.key(3)
  step = jax.jit(agent.step)
  one, two = (step(params, key, timestep, state) for _ in range(2))
  jax.tree_util.tree_map(np.testing.assert_array_equal, one, two)
  jax.tree_util.tree_map(np.testing.assert_array_equal, before, (params, state))


def test_step_has_no_loop():
  agent, network = tiny.make_agent()
  params = tiny.random_params(network)
  timestep = tiny.random_timestep(np.random.default_rng(0), _STEP_TYPE[0])
  jaxpr = str(
    jax.make_jaxpr(agent.step)(
      params, jax.random.key(0), timestep, agent.initial_state(3)
    )
  )
  assert 'scan[' not in jaxpr and 'while[' not in jaxpr

"""What is measured of agents whose outputs, maps and cells are known."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents import agent as agent_lib
from attn_agents import types
from attn_agents.learning import sight
from attn_agents.networks import factory
from attn_agents.networks.layers import recurrent
from configs import agents
from tests.learning import known
from tests.networks import tiny


def _screens(rows):
  return rows[0].observation[..., 0, 0, 0].ravel() / 255.0


def _by_hand(logits):
  """The deviation, a state and an action at a time."""
  num_states, num_actions = logits.shape
  centred = [[x - sum(row) / num_actions for x in row] for row in logits]
  variances = []
  for action in range(num_actions):
    values = [row[action] for row in centred]
    mean = sum(values) / num_states
    variances.append(sum((x - mean) ** 2 for x in values) / num_states)
  return (sum(variances) / num_actions) ** 0.5


def test_deviations_are_those_computed_by_hand():
  rows = known.make_rows()
  found = sight.measure(known.Agent(known.seeing), known.PARAMS, rows)
  screens = _screens(rows)
  logits = known.CONSTANT + screens[:, None] * known.SLOPES
  expected = _by_hand(logits)
  assert expected > 0.3
  np.testing.assert_allclose(found['logits_deviation'], expected, rtol=1e-5)
  np.testing.assert_allclose(
    found['value_deviation'], 5.0 * np.std(screens), rtol=1e-5
  )
  # All variance but that between the actions' means.
  centred = logits - logits.mean(axis=1, keepdims=True)
  between = np.square(centred.mean(axis=0)).mean()
  np.testing.assert_allclose(
    found['logits_deviation_share'],
    expected / np.sqrt(expected**2 + between),
    rtol=1e-5,
  )
  assert set(found) == {
    'logits_deviation', 'logits_deviation_share', 'value_deviation',
  }  # fmt: skip
  assert set(found) < set(sight.COLUMNS)


def test_who_ignores_the_screen_deviates_by_nothing():
  blind = known.Agent(
    lambda screen, _: (known.constant(screen), 0.7 + 0.0 * screen)
  )
  found = sight.measure(blind, known.PARAMS, known.make_rows())
  np.testing.assert_allclose(list(found.values()), 0.0, atol=1e-6)


def test_a_shift_of_all_logits_is_no_deviation_but_one_of_the_value():
  def shifted(screen, _):
    return known.constant(screen) + 10.0 * screen[:, None], 10.0 * screen

  found = sight.measure(known.Agent(shifted), known.PARAMS, known.make_rows())
  np.testing.assert_allclose(found['logits_deviation'], 0.0, atol=1e-5)
  assert found['value_deviation'] > 1.0


def test_the_share_does_not_depend_on_the_scale():
  rows = known.make_rows()
  one = sight.measure(known.Agent(known.seeing), known.PARAMS, rows)
  ten = sight.measure(
    known.Agent(known.seeing), {'scale': np.float32(10.0)}, rows
  )
  np.testing.assert_allclose(
    ten['logits_deviation'], 10 * one['logits_deviation'], rtol=1e-5
  )
  np.testing.assert_allclose(
    ten['logits_deviation_share'], one['logits_deviation_share'], rtol=1e-5
  )


def test_actions_are_those_that_led_to_the_rows():
  def repeats(screen, prev_action):
    return jax.nn.one_hot(prev_action, known.A), screen

  rows = known.make_rows()
  prev = np.concatenate([rows[2].prev_action[None], rows[1]]).ravel()
  found = sight.measure(known.Agent(repeats), known.PARAMS, rows)
  np.testing.assert_allclose(
    found['logits_deviation'], _by_hand(np.eye(known.A)[prev]), rtol=1e-5
  )


def _in_cell(cell):
  """A map of 2 x 2 cells for one head, all in one of them."""
  return jax.nn.one_hot(cell, 4).reshape(-1, 1, 2, 2)


def _attention(maps, rows=None):
  found = sight.measure(
    known.Agent(known.seeing, maps), known.PARAMS, rows or known.make_rows()
  )
  return float(found['attention_deviation'])


def test_attention_that_never_moves_is_0():
  spread = np.array([0.5, 0.25, 0.25, 0.0]).reshape(1, 1, 2, 2)
  maps = lambda screen: jnp.broadcast_to(spread, (len(screen), 1, 2, 2))  # noqa: E731
  assert _attention(maps) == 0.0


def test_attention_that_jumps_between_two_cells_is_a_half():
  timestep, action, before = known.make_rows()
  levels = np.resize([0, 255], (known.T, known.B))[..., None, None, None]
  observation = np.broadcast_to(levels, timestep.observation.shape)
  rows = (timestep._replace(observation=observation), action, before)
  maps = lambda screen: _in_cell(jnp.where(screen > 0.5, 3, 0))  # noqa: E731
  assert _attention(maps, rows) == 0.5
  # Of two heads, one of which stays, the mean.
  both = lambda screen: jnp.concatenate(  # noqa: E731
    [maps(screen), _in_cell(0 * screen.astype(int))], axis=1
  )
  assert _attention(both, rows) == 0.25


def test_attention_always_elsewhere_nears_1():
  maps = np.eye(100, dtype=np.float32).reshape(100, 1, 10, 10)
  np.testing.assert_allclose(sight.of_attention(maps), 0.99, rtol=1e-5)


class _TwoCores(NamedTuple):
  vision: recurrent.LSTMState
  policy: recurrent.LSTMState


def _core(cells):
  cells = np.asarray(cells, np.float32)
  # No hidden state lies beyond 1, so that these would be noticed.
  return recurrent.LSTMState(hidden=np.full_like(cells, 9.0), cell=cells)


def test_cells_beyond_a_tanh_of_099_are_counted():
  assert np.tanh(2.6) < 0.99 < np.tanh(2.66)
  found = sight.of_cores(
    _TwoCores(_core([[[0.0, 2.6], [-2.66, 9.0]]]), _core([[3.0, 1, -1, 2]]))
  )
  assert {name: float(x) for name, x in found.items()} == {
    'vision_core_saturated': 0.5, 'policy_core_saturated': 0.25,
  }  # fmt: skip
  # A core without a name of its own is the one before the heads.
  (alone,) = sight.of_cores(_core([[0.0, 5.0]])).items()
  assert alone == ('policy_core_saturated', 0.5)
  assert sight.of_cores(()) == sight.of_cores(np.full((1, 2), 9.0)) == {}


def test_cells_are_those_after_each_row():
  # `known.Agent` adds 1 at each row: -1 becomes 0, 1, 2, 3, and 2 is 3 at once.
  start = _core(np.tile([[-1.0, 2.0]], (known.B, 1)))
  found = sight.measure(
    known.Agent(known.seeing), known.PARAMS, known.make_rows(core_state=start)
  )
  assert found['policy_core_saturated'] == (1 + 4) / 8


@pytest.mark.parametrize(
  ('config', 'names'),
  [
    (tiny.make_config(), {'attention_deviation', 'vision_core_saturated',
                          'policy_core_saturated'}),
    (tiny.make_resnet_config(attention='residual'), set()),
    (tiny.make_resnet_config(lstm_size=9), {'policy_core_saturated'}),
    (agents.make('darqn_hard', 'small'), {'attention_deviation',
                                          'policy_core_saturated'}),
  ],
  ids=lambda x: getattr(x, 'agent', None),
)  # fmt: skip
def test_networks_are_measured_at_the_states_of_an_unroll(config, names):
  network = factory.make_network(config, tiny.NUM_ACTIONS)
  inputs = tiny.random_inputs(known.T, 2, config.environment)
  agent = agent_lib.Agent(network, inputs.observation.shape[2:])
  params = tiny.random_params(network, inputs.observation.shape[2:])
  step_type = np.ones((known.T, 2), np.int8)
  step_type[2, 0] = types.StepType.FIRST
  timestep = types.TimeStep(
    inputs.observation, inputs.reward, np.ones_like(inputs.reward), step_type
  )
  rows = (timestep, inputs.prev_action[1:], agent.initial_state(2))

  @jax.jit
  def measure(params):
    outputs = agent.unroll(params, *rows)
    return (
      sight.measure(agent, params, rows),
      sight.of_outputs(outputs.policy_logits, outputs.baseline),
    )

  found, expected = measure(params)
  assert set(found) == names | set(expected)
  for name, value in expected.items():
    np.testing.assert_allclose(found[name], value, rtol=1e-3, err_msg=name)
    assert value > 0
  if 'attention_deviation' in names:
    assert 0 < found['attention_deviation'] < 1

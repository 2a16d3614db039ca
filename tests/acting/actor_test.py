"""The actor's bookkeeping, with a policy and a world that count."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents import types
from attn_agents.acting import action_selection, actor
from tests import counting_environment

LENGTHS = (3, 5)
T = 7
NUM_ACTIONS = 3


class CountingAgent:
  """Counts the rows it has seen in each environment; acts by that count."""

  def __init__(self):
    self.traces = 0

  def initial_state(self, batch_size):
    return types.AgentState(
      core_state=jnp.zeros((batch_size,), jnp.float32),
      prev_action=jnp.zeros((batch_size,), jnp.int32),
    )

  def step(self, params, key, timestep, agent_state, select):
    self.traces += 1
    count = agent_state.core_state + 1
    action = (count.astype(jnp.int32) + params['shift']) % NUM_ACTIONS
    logits = jnp.stack([count, count * 10, count * 100], axis=-1)
    output = types.AgentOutput(action, logits, count)
    return output, types.AgentState(count, action)


class Variables:
  """Hands out what a test puts in, once."""

  def __init__(self):
    self.newest = (0, np.zeros(1, np.float32))
    self.looks = 0
    self.waits = 0

  def take(self):
    self.looks += 1
    newest, self.newest = self.newest, None
    return newest

  def wait(self, timeout):
    self.waits += 1
    return self.newest is not None


class Sink:
  def __init__(self):
    self.items = []

  def insert(self, trajectory):
    self.items.append(trajectory)
    return 0.25


def _policy(agent):
  return actor.Policy(
    agent,
    lambda flat: action_selection.Variables(
      {'shift': flat[0].astype(jnp.int32)}
    ),
  )


@pytest.fixture(name='parts')
def _parts():
  environment = counting_environment.CountingEnvironment(
    LENGTHS, height=2, width=2
  )
  agent, variables, sink = CountingAgent(), Variables(), Sink()
  made = actor.Actor(
    environment,
    _policy(agent),
    variables,
    sink,
    unroll_length=T,
    policy_seed=1,
    actor_id=5,
  )
  return made, environment, agent, variables, sink


def test_shapes_and_dtypes(parts):
  made, _, _, _, sink = parts
  made.run_unroll()
  unroll, report = sink.items[0]
  rows, steps = (T + 1, 2), (T, 2)
  assert unroll.timestep.observation.shape == (*rows, 2, 2, 1)
  assert unroll.timestep.observation.dtype == np.uint8
  assert unroll.timestep.step_type.dtype == np.int8
  assert unroll.timestep.reward.shape == unroll.timestep.discount.shape == rows
  assert unroll.action.shape == steps
  assert unroll.action.dtype == np.int32
  assert unroll.behaviour_logits.shape == (*steps, NUM_ACTIONS)
  assert unroll.agent_state.core_state.shape == (2,)
  assert report.game_end.game_return.shape == steps
  assert report.actor_id == 5


def test_the_last_row_is_the_next_first_row_and_state_continues(parts):
  made, _, _, _, sink = parts
  for _ in range(3):
    made.run_unroll()
  for before, after in itertools.pairwise(sink.items):
    for a, b in zip(before.unroll.timestep, after.unroll.timestep, strict=True):
      np.testing.assert_array_equal(a[-1], b[0])
  # The state stored with unroll k is the one before its row 0: the policy has
  # seen T rows per unroll, the shared row only once.
  for k, item in enumerate(sink.items):
    np.testing.assert_array_equal(item.unroll.agent_state.core_state, k * T)
    # Logits say which row of the whole stream they were made at.
    np.testing.assert_array_equal(
      item.unroll.behaviour_logits[:, 0, 0], k * T + 1 + np.arange(T)
    )
  previous = sink.items[0].unroll.action[-1]
  np.testing.assert_array_equal(
    sink.items[1].unroll.agent_state.prev_action, previous
  )
  np.testing.assert_array_equal(
    sink.items[0].unroll.agent_state.prev_action, [0, 0]
  )


def test_actions_in_the_unroll_are_those_the_environment_got(parts):
  made, environment, _, _, sink = parts
  for _ in range(4):
    made.run_unroll()
  step_type = np.concatenate(
    [i.unroll.timestep.step_type[:-1] for i in sink.items]
  )
  actions = np.concatenate([i.unroll.action for i in sink.items])
  for row in range(2):
    # The action at a LAST row only triggers the reset.
    moved = step_type[:, row] != types.StepType.LAST
    assert actions[moved, row].tolist() == environment.actions[row]


def test_counted_agent_steps_are_the_environments_own(parts):
  made, environment, _, _, sink = parts
  for _ in range(4):
    made.run_unroll()
  counted = sum(
    types.num_agent_steps(i.unroll.timestep.step_type) for i in sink.items
  )
  assert counted == environment.env_steps.sum()
  assert counted < 4 * T * 2, 'no reset row was met: the test shows nothing'


def test_each_game_is_reported_exactly_once(parts):
  made, _, _, _, sink = parts
  for _ in range(6):
    made.run_unroll()
  ends = [i.report.game_end for i in sink.items]
  lengths = np.concatenate([e.game_length for e in ends])
  returns = np.concatenate([e.game_return for e in ends])
  for row, length in enumerate(LENGTHS):
    # An episode and its reset row take length + 1 transitions.
    games = (6 * T + 1) // (length + 1)
    ended = lengths[:, row] > 0
    assert ended.sum() == games
    assert set(lengths[ended, row]) == {length}
    np.testing.assert_array_equal(returns[ended, row], length)
    assert np.isnan(returns[~ended, row]).all()


def test_parameters_are_looked_for_once_per_unroll_and_may_be_missing(parts):
  made, _, _, variables, sink = parts
  made.run_unroll()
  made.run_unroll()
  variables.newest = (9, np.ones(1, np.float32))
  made.run_unroll()
  assert variables.looks == 3
  versions = [int(i.report.params_version) for i in sink.items]
  assert versions == [0, 0, 9]
  # The new parameters shift every action by one.
  np.testing.assert_array_equal(
    sink.items[2].unroll.action[:, 0], (2 * T + 2 + np.arange(T)) % NUM_ACTIONS
  )


def test_the_policy_step_compiles_once(parts):
  made, _, agent, variables, _ = parts
  for version in range(4):
    variables.newest = (version, np.zeros(1, np.float32))
    made.run_unroll()
  assert agent.traces == 1


def test_no_parameters_at_all_is_an_error(parts):
  made, _, _, variables, _ = parts
  variables.newest = None
  with pytest.raises(RuntimeError, match='before any parameters'):
    made.run_unroll()


def test_the_wait_for_the_queue_is_reported_with_the_next_unroll(parts):
  made, _, _, _, sink = parts
  made.run_unroll()
  made.run_unroll()
  assert sink.items[0].report.queue_seconds == 0
  assert sink.items[1].report.queue_seconds == 0.25
  report = sink.items[1].report
  assert report.total_seconds >= report.env_seconds + report.inference_seconds


def test_the_actors_key_differs_from_step_to_step():
  class RandomAgent(CountingAgent):
    def step(self, params, key, timestep, agent_state, select):
      action = jax.random.randint(key, (2,), 0, 2**30)
      return types.AgentOutput(
        action, jnp.zeros((2, NUM_ACTIONS)), jnp.zeros(2)
      ), agent_state

  def actions(seed):
    sink = Sink()
    made = actor.Actor(
      counting_environment.CountingEnvironment(LENGTHS),
      _policy(RandomAgent()), Variables(), sink,
      unroll_length=T, policy_seed=seed,
    )  # fmt: skip
    made.run_unroll()
    made.run_unroll()
    return np.concatenate([i.unroll.action for i in sink.items]).ravel()

  first = actions(1)
  assert len(set(first.tolist())) == first.size
  np.testing.assert_array_equal(first, actions(1))
  assert not np.intersect1d(first, actions(2)).size


def _make(max_policy_lag):
  variables, sink = Variables(), Sink()
  made = actor.Actor(
    counting_environment.CountingEnvironment(LENGTHS, height=2, width=2),
    _policy(CountingAgent()),
    variables,
    sink,
    unroll_length=T,
    policy_seed=1,
    max_policy_lag=max_policy_lag,
  )
  return made, variables, sink


@pytest.mark.parametrize('lag', [0, 1, 2])
@pytest.mark.parametrize('start', [0, 7])
def test_an_actor_in_turns_is_so_far_ahead_and_no_further(lag, start):
  """With 0, one unroll of each version; `start` is after a restart."""
  made, variables, sink = _make(max_policy_lag=lag)

  variables.newest = (start, np.zeros(1, np.float32))
  published = []

  def should_stop():
    # A new version only after the actor has looked in vain three times.
    if variables.waits == 3 * (len(published) + 1):
      variables.newest = (start + 1 + len(published), np.zeros(1, np.float32))
      published.append(len(sink.items))
    return variables.waits >= 20

  made.run(should_stop)
  versions = [int(item.report.params_version) for item in sink.items]
  assert versions == [start] * lag + [
    start + i for i in range(len(published) + 1)
  ]
  # How many there were when each version came.
  assert published == [lag + 1 + i for i in range(len(published))]
  assert len(published) == 6


def test_an_asynchronous_actor_does_not_wait():
  made, variables, sink = _make(max_policy_lag=None)
  made.run(lambda: len(sink.items) == 4)
  assert variables.waits == 0
  assert [int(item.report.params_version) for item in sink.items] == [0] * 4


def test_seconds_are_those_that_each_part_took(parts, monkeypatch):
  """With a clock that only the parts move."""
  made, environment, _, variables, sink = parts
  now = [100.0]
  monkeypatch.setattr(actor.time, 'monotonic', lambda: now[0])

  def slowed(call, seconds):
    def wrapped(*args):
      now[0] += seconds
      return call(*args)

    return wrapped

  clock = actor._Clock
  monkeypatch.setattr(actor, '_Clock', lambda: clock(start=now[0]))
  made._clock = actor._Clock()
  monkeypatch.setattr(environment, 'reset', slowed(environment.reset, 5.0))
  monkeypatch.setattr(environment, 'step', slowed(environment.step, 2.0))
  policy = made._policy
  monkeypatch.setattr(policy, 'step', slowed(policy.step, 3.0))
  monkeypatch.setattr(variables, 'wait', slowed(variables.wait, 0.5))
  made.run_unroll()
  made._max_policy_lag = 0
  made._turn = 1
  # Twice in vain.
  assert not made._may_play() and not made._may_play()
  now[0] += 0.125
  made.run_unroll()
  first, second = ([float(x) for x in item.report[-4:]] for item in sink.items)
  # Environments, inference, queue and all: T steps, and a reset.
  assert first == [2.0 * T + 5.0, 3.0 * T, 0.0, 5.0 * T + 5.0]
  # The sink took 0.25 seconds of no clock.
  assert second == [2.0 * T, 3.0 * T, 0.25 + 2 * 0.5, 5.0 * T + 2 * 0.5 + 0.125]


def test_an_actor_waits_in_short_pieces(monkeypatch):
  made, variables, _ = _make(max_policy_lag=0)
  waited = []
  monkeypatch.setattr(variables, 'wait', lambda x: waited.append(x) and False)
  variables.newest = None
  made.run(lambda: len(waited) == 3)
  # So that it stops in time.
  assert waited == [actor._WAIT_SECONDS] * 3
  assert 0.1 <= actor._WAIT_SECONDS <= 1.0

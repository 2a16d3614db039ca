import jax.numpy as jnp
import numpy as np

from attn_agents import types
from attn_agents.acting import action_selection, actor
from attn_agents.environments import mixed, registry
from configs import schema
from tests.environments import played

_LENGTHS = {'a': 5, 'b': 10**9, 'c': 17}
_GAMES = tuple(_LENGTHS)


class _Counter:
  """An agent whose state counts the rows that it has seen of an environment."""

  def initial_state(self, batch_size):
    # Two arrays, since both are donated.
    return types.AgentState(*(jnp.zeros(batch_size, jnp.int32) for _ in '12'))

  def step(self, params, key, timestep, agent_state, select):
    del params, key, select
    zeros = jnp.zeros_like(agent_state.prev_action)
    output = types.AgentOutput(zeros, zeros[:, None] * 1.0, zeros * 1.0)
    return output, types.AgentState(agent_state.core_state + 1, zeros)


class _Variables:
  def take(self):
    return 0, jnp.zeros(0)


class _Sink:
  def __init__(self):
    self.items = []

  def insert(self, trajectory):
    self.items.append(trajectory)
    return 0.0


def _unrolls(monkeypatch, count, keep_on_device):
  monkeypatch.setattr(
    registry,
    'make_environment',
    lambda config, num_envs, *_: played.Counting(
      _LENGTHS[config.game], num_envs
    ),
  )
  spec = played.Counting(1, 1).spec
  configs = [schema.EnvironmentConfig(game=game) for game in _GAMES]
  env = mixed.MixedEnvironment(configs, spec, 4, seed=1, num_threads=1)
  sink = _Sink()
  policy = actor.Policy(_Counter(), action_selection.Variables)
  player = actor.Actor(
    env, policy, _Variables(), sink,
    unroll_length=7, policy_seed=0, keep_on_device=keep_on_device,
  )  # fmt: skip
  for _ in range(count):
    player.run_unroll()
  player.close()
  return sink.items


def test_state_and_episode_go_on_where_their_game_stopped(monkeypatch):
  for on_device in (False, True):
    items = _unrolls(monkeypatch, 30, on_device)
    seen = set()
    for item in items:
      unroll = item.unroll
      counted = np.asarray(unroll.timestep.observation)[..., 0, 0, 0]
      # The environment counts its rows, and so does the agent's state.
      np.testing.assert_array_equal(
        unroll.agent_state.core_state, counted[0].astype(int)
      )
      np.testing.assert_array_equal(np.diff(counted, axis=0), 1)
      seen |= {
        (int(g), int(c))
        for g, c in zip(item.report.games, counted[0], strict=True)
      }
    # No row but those at the start is where two turns of a game begin.
    assert len(seen) > 40


def test_a_report_says_which_game_each_return_is_of(monkeypatch):
  ends = {0: 0, 1: 0, 2: 0}
  for item in _unrolls(monkeypatch, 30, keep_on_device=False):
    lengths = item.report.game_end.game_length
    assert item.report.games.shape == (4,)
    for game, column in zip(item.report.games, lengths.T, strict=True):
      assert set(column[column > 0]) <= {_LENGTHS[_GAMES[game]]}
      ends[int(game)] += np.count_nonzero(column)
  assert ends[1] == 0 < ends[2] < ends[0]


def test_shares_of_rows_follow_from_shares_of_steps(monkeypatch):
  rows = np.zeros(3)
  for item in _unrolls(monkeypatch, 200, keep_on_device=False):
    np.add.at(rows, item.report.games, 1)
  # Of six rows of `a` five are steps; of eighteen of `c`, seventeen.
  needed = np.array([6 / 5, 1, 18 / 17])
  np.testing.assert_allclose(
    rows / rows.sum(), needed / needed.sum(), atol=0.01
  )

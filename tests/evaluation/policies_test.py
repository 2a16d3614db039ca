import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attn_agents import types
from attn_agents.acting import action_selection, actor
from attn_agents.evaluation import evaluator, policies
from configs import agents

_ENVS = 1000


class _Agent:
  """Prefers the sum of what it sees and what it did, modulo 3; see `Agent`."""

  def initial_state(self, batch_size):
    return types.AgentState(
      jnp.zeros((batch_size,), jnp.int32), jnp.zeros((batch_size,), jnp.int32)
    )

  def step(self, params, key, timestep, state, select):
    preferred = (timestep.observation + state.prev_action) % 3
    logits = params * jax.nn.one_hot(preferred, 3)
    action = select(key, logits)
    steps = state.core_state + 1
    return (
      types.AgentOutput(action, logits, steps.astype(jnp.float32)),
      types.AgentState(steps, action),
    )


def _policy(select, params, num_envs, seed):
  compiled = actor.Policy(_Agent(), lambda flat: flat, select)
  variables = action_selection.Variables(params)
  return policies.AgentPolicy(compiled, variables, num_envs, seed)


def _row(shown):
  shown = np.asarray(shown, np.int32)
  zeros = np.zeros(shown.shape, np.float32)
  return types.TimeStep(shown, zeros, zeros, zeros.astype(np.int8))


def test_greedy_takes_the_likeliest_and_remembers_it():
  # So little preferred that sampling would soon do otherwise.
  policy = _policy(action_selection.greedy, 0.1, 3, seed=1)
  shown = np.random.default_rng(0).integers(0, 3, (20, 3))
  done = np.zeros(3, np.int64)
  for row in shown:
    done = (row + done) % 3
    np.testing.assert_array_equal(policy.act(_row(row)), done)


def test_sampled_actions_follow_the_policy_and_the_seed():
  def sample(seed):
    policy = _policy(action_selection.sampled, 1.5, _ENVS, seed)
    first = policy.act(_row([2] * _ENVS))
    return first, policy.act(_row([0] * _ENVS))

  first, second = sample(1)
  likely = np.exp(1.5) / (np.exp(1.5) + 2)
  error = np.sqrt(likely * (1 - likely) / _ENVS)
  assert abs(np.mean(first == 2) - likely) < 4 * error
  # Seeing 0 it prefers what it did before, whatever that was.
  assert abs(np.mean(second == first) - likely) < 4 * error
  np.testing.assert_array_equal(first, sample(1)[0])
  assert (first != sample(2)[0]).any()


def test_the_random_policy_is_uniform():
  policy = policies.RandomPolicy(6, 4, seed=2)
  drawn = np.concatenate([policy.act(_row([0] * 4)) for _ in range(3000)])
  counts = np.bincount(drawn, minlength=6) / drawn.size
  assert counts.size == 6 and drawn.dtype == np.int32
  assert abs(counts - 1 / 6).max() < 4 * np.sqrt(5 / 36 / drawn.size)


@pytest.mark.parametrize(
  ('algorithm', 'opening'), [('ppo', 'each life'), ('auto', 'none')]
)
def test_an_evaluation_opens_as_training_did_and_says_so(algorithm, opening):
  config = agents.make('impala_ff', 'paper', algorithm)
  environment = dataclasses.replace(config.environment, game='breakout')
  config = dataclasses.replace(config, environment=environment)
  scorer = evaluator.Evaluator(config, evaluator.Plan())
  assert scorer.facts()['opening'] == opening
  assert scorer.environment.fire_after_lost_life == (opening == 'each life')

import jax
import numpy as np

from attn_agents import experiment, types
from attn_agents.evaluation import policies
from tests import in_process

_ENVS = 400


def _parts():
  return experiment.Experiment(in_process.catch_config(agent='impala_lstm'))


def _first(parts, num_envs, seed=0):
  env = parts.config.environment
  rng = np.random.default_rng(seed)
  shape = (env.height, env.width, env.channels)
  frame = rng.integers(0, 256, shape, dtype=np.uint8)
  return types.TimeStep(
    observation=np.broadcast_to(frame, (num_envs, *shape)),
    reward=np.zeros(num_envs, np.float32),
    discount=np.ones(num_envs, np.float32),
    step_type=np.zeros(num_envs, np.int8),
  )


def _sharper(params):
  """Logits far enough apart for a likeliest action."""
  return jax.tree.map(lambda x: 3 * x, params)


def _logits(parts, params, rows, actions):
  """The policy at the last of some rows [B], after these actions."""
  stacked = jax.tree.map(lambda *x: np.stack(x), *rows)
  output = parts.agent.unroll(
    params, stacked, np.stack(actions),
    parts.agent.initial_state(rows[0].reward.shape[0]),
  )  # fmt: skip
  return np.asarray(output.policy_logits[-1])


def test_greedy_takes_the_likeliest_and_remembers_it():
  parts = _parts()
  params = _sharper(parts.agent.initial_params(jax.random.key(3)))
  policy = policies.AgentPolicy(parts.agent, params, 5, seed=1, greedy=True)
  rows, actions = [], []
  for t in range(4):
    row = _first(parts, 5, seed=t)
    if t:
      row = row._replace(step_type=np.ones(5, np.int8))
    rows.append(row)
    taken = policy.act(row)
    # With the former greedy actions as previous ones, from the whole unroll.
    past = np.stack(actions) if actions else np.zeros((0, 5), np.int32)
    expected = _logits(parts, params, rows, list(past) or [past[:0]][:0])
    np.testing.assert_array_equal(taken, expected.argmax(-1))
    actions.append(taken)


def test_sampled_actions_follow_the_policy_and_the_seed():
  parts = _parts()
  params = _sharper(parts.agent.initial_params(jax.random.key(3)))
  row = _first(parts, _ENVS)
  output, _ = parts.agent.step(
    params, jax.random.key(0), row, parts.agent.initial_state(_ENVS)
  )
  expected = jax.nn.softmax(output.policy_logits[0])

  def sample(seed):
    return policies.AgentPolicy(parts.agent, params, _ENVS, seed).act(row)

  counts = np.bincount(sample(1), minlength=3) / _ENVS
  error = np.sqrt(expected * (1 - expected) / _ENVS)
  assert (abs(counts - expected) < 4 * error + 1e-6).all()
  np.testing.assert_array_equal(sample(1), sample(1))
  assert (sample(1) != sample(2)).any()


def test_the_random_policy_is_uniform():
  policy = policies.RandomPolicy(6, 4, seed=2)
  row = _first(_parts(), 4)
  drawn = np.concatenate([policy.act(row) for _ in range(3000)])
  counts = np.bincount(drawn, minlength=6) / drawn.size
  assert counts.size == 6
  assert abs(counts - 1 / 6).max() < 4 * np.sqrt(5 / 36 / drawn.size)

"""A2C and PPO through real actors and Reverb: whose data, made by whom."""

import itertools

import jax
import numpy as np
import pytest

from attn_agents import types
from attn_agents.learning import learner, synchronous_batches
from tests import in_process


def _config(algorithm, *settings):
  return in_process.catch_config(
    *in_process.NARROWEST, 'learning.unroll_length=6',
    'learning.batch_size=8', 'runtime.num_actors=2',
    'runtime.envs_per_actor=4', *settings,
    agent='impala_lstm', algorithm=algorithm,
  )  # fmt: skip


def _run(algorithm):
  config = _config(algorithm)
  like = in_process.compiled(in_process.InProcess, config)
  return in_process.InProcess(config, like=like)


def _train(algorithm, num_updates):
  """Runs with actors in threads; all batches and the parameters before each."""
  run = _run(algorithm)
  config = run.parts.config
  seen, params = [], []
  batches = synchronous_batches.group(
    run.source.batches(), config.runtime.num_actors
  )
  try:
    with run.actor_threads(config.runtime.num_actors):
      for _ in range(num_updates):
        params.append(run.learner.snapshot().state.params)
        seen.append(next(batches))
        _, lags = run.learner.step(*in_process.sharded(seen[-1]))
        assert not lags.any()
    return run, seen, [*params, run.learner.snapshot().state.params]
  finally:
    run.close()


@pytest.mark.parametrize(
  'algorithm', ['a2c', pytest.param('ppo', marks=pytest.mark.slow)]
)
def test_every_update_learns_from_exactly_what_its_parameters_made(algorithm):
  run, seen, params = _train(algorithm, 4)
  unroll_again = jax.jit(run.parts.agent.unroll)
  for version, batch in enumerate(seen):
    assert [int(t.report.params_version) for t in batch] == [version] * 2
    assert [int(t.report.actor_id) for t in batch] == [0, 1]
    for trajectory in batch:
      unroll = trajectory.unroll
      outputs = unroll_again(
        params[version], unroll.timestep, unroll.action, unroll.agent_state
      )
      np.testing.assert_allclose(
        outputs.policy_logits[:-1], unroll.behaviour_logits, atol=1e-5
      )
  # No row is left out or used twice: each unroll begins where the last ended.
  for actor in range(2):
    for before, after in itertools.pairwise(seen):
      for a, b in zip(
        before[actor].unroll.timestep, after[actor].unroll.timestep, strict=True
      ):
        np.testing.assert_array_equal(a[-1], b[0])
  moved = [
    not np.array_equal(jax.tree.leaves(a)[0], jax.tree.leaves(b)[0])
    for a, b in itertools.pairwise(params)
  ]
  assert all(moved)


@pytest.mark.parametrize(
  'algorithm', [pytest.param('a2c', marks=pytest.mark.slow), 'ppo']
)
def test_a_synchronous_run_is_reproducible_to_the_bit(algorithm):
  """Whatever the threads' order: nothing depends on who came first."""
  a, b = (_train(algorithm, 3)[2][-1] for _ in range(2))
  jax.tree.map(np.testing.assert_array_equal, a, b)


def test_unrolls_of_older_parameters_are_refused():
  run = _run('a2c')
  try:
    actors = [run.make_actor(i) for i in range(2)]
    stale = []
    for actor in actors:
      actor.run_unroll()
      stale += next(run.source.batches())
    run.learner.step(*in_process.sharded(stale))
    assert types.num_agent_steps(stale[0].unroll.timestep.step_type) > 0
    with pytest.raises(learner.StaleDataError, match=r'update 1 .* \[0\]'):
      run.learner.step(*in_process.sharded(stale))
    assert run.learner.counters.learner_steps == 1
  finally:
    run.close()

"""The real graph in one thread, stepped by hand: time, versions, restarts."""

import time

import jax
import numpy as np
import pytest

from attn_agents import types
from attn_agents.runs import checkpoints
from tests import in_process

CONFIG = in_process.catch_config(
  *in_process.NARROWEST,
  # One step of each batch, so that ratios are those to what acted.
  'learning.num_epochs=1',
  'learning.num_minibatches=1',
  'learning.batch_size=8',
  'learning.unroll_length=12',
  agent='impala_lstm',
)


@pytest.fixture(name='run')
def _run():
  like = in_process.compiled(in_process.InProcess, CONFIG)
  run = in_process.InProcess(CONFIG, like=like)
  yield run
  run.close()


def _next_batch(run, actor):
  actor.run_unroll()
  return next(run.source.batches())


def _wait_for_version(run, poller_fetches, actor):
  """Waits until the actor's poller has fetched once more."""
  deadline = time.monotonic() + 10
  while actor._variables.fetches <= poller_fetches:
    assert time.monotonic() < deadline, 'no new parameters arrived'
    time.sleep(0.01)


def test_one_round_after_another(run):
  actor = run.make_actor()
  params = jax.tree.map(np.asarray, run.parts.initial_snapshot().state.params)
  unroll_again = jax.jit(run.parts.agent.unroll)
  agent_steps, last_row = 0, None
  for version in range(3):
    trajectories = _next_batch(run, actor)
    (trajectory,) = trajectories
    unroll = trajectory.unroll
    # The unroll was made by exactly the parameters it claims.
    assert trajectory.report.params_version == version
    outputs = unroll_again(
      params, unroll.timestep, unroll.action, unroll.agent_state
    )
    np.testing.assert_allclose(
      outputs.policy_logits[:-1], unroll.behaviour_logits, atol=1e-4
    )
    # It begins with the row the last one ended with.
    if last_row is not None:
      for a, b in zip(last_row, unroll.timestep, strict=True):
        np.testing.assert_array_equal(a, b[0])
    last_row = jax.tree.map(lambda x: x[-1], unroll.timestep)
    agent_steps += types.num_agent_steps(unroll.timestep.step_type)

    fetches = actor._variables.fetches
    metrics, lags = run.learner.step(*in_process.sharded(trajectories))
    # On policy, and so with ratios of one.
    assert lags.tolist() == [0]
    np.testing.assert_allclose(metrics['rho_mean'], 1.0, atol=1e-4)
    _wait_for_version(run, fetches, actor)
    params = run.learner.snapshot().state.params
  counters = run.learner.counters
  assert counters.learner_steps == 3
  assert counters.agent_steps == agent_steps
  assert counters.frames == 4 * agent_steps


def test_data_made_before_an_update_is_counted_as_lagging(run):
  actor = run.make_actor()
  batches = [_next_batch(run, actor) for _ in range(3)]
  lags = [
    run.learner.step(*in_process.sharded(batch))[1].tolist()
    for batch in batches
  ]
  assert lags == [[0], [1], [2]]


def test_a_continued_run_makes_the_very_same_updates(run, tmp_path):
  actor = run.make_actor()
  batches = [_next_batch(run, actor) for _ in range(4)]
  for batch in batches[:2]:
    run.learner.step(*in_process.sharded(batch))
  saved = run.learner.snapshot([1.0], [2.0])
  checkpointer = checkpoints.Checkpointer(tmp_path)
  checkpointer.save(saved)

  restored = checkpointer.restore(run.parts.state_spec())
  assert restored.counters == saved.counters
  again = in_process.InProcess(CONFIG, start=restored, like=run)
  try:
    for batch in batches[2:]:
      expected, _ = run.learner.step(*in_process.sharded(batch))
      got, _ = again.learner.step(*in_process.sharded(batch))
      for name, value in expected.items():
        assert float(got[name]) == float(value), name
    old = jax.tree.leaves(run.learner.snapshot().state)
    new = jax.tree.leaves(again.learner.snapshot().state)
    assert len(old) == len(new) > 20
    for a, b in zip(old, new, strict=True):
      np.testing.assert_array_equal(a, b)
    moved = jax.tree.leaves(saved.state.params)
    assert not np.array_equal(
      moved[0], jax.tree.leaves(run.learner.snapshot().state.params)[0]
    )
    # What the actors would get is what was restored and trained on.
    assert again.learner.counters.learner_steps == 4
  finally:
    again.close()


def test_the_feeder_hands_on_what_was_sent_in_order(run):
  actor = run.make_actor()
  feeder = run.feeder()
  for _ in range(3):
    actor.run_unroll()
    unroll, info = feeder.get(timeout=30)
    assert unroll.action.shape == (1, 12, 8)
    assert info.agent_steps > 0
  assert feeder.get(timeout=0.2) is None

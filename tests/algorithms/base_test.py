"""What algorithms say of themselves, worked out by hand."""

import dataclasses

import pytest

from attn_agents.algorithms import appo, base, ppo, q_learning, registry, vtrace
from attn_agents.algorithms import replay as replay_lib
from configs import agents, errors


def _config(algorithm, agent='s3ta', **learning):
  made = agents.make(agent, 'small', algorithm)
  section = registry.get(algorithm).section_class
  return dataclasses.replace(made, learning=section(**learning))


@pytest.mark.parametrize(
  ('algorithm', 'lag', 'how', 'waits'),
  [
    ('vtrace', None, 'policy lag not bounded', None),
    ('vtrace', 0, 'synchronous', 'learning.max_policy_lag=0'),
    (
      'vtrace', 1, 'policy lag of at most 1 update',
      'learning.max_policy_lag=1',
    ),
    (
      'appo', 2, 'policy lag of at most 2 updates',
      'learning.max_policy_lag=2',
    ),
    ('ppo', 0, 'synchronous', 'ppo'),
    ('a2c', 0, 'synchronous', 'a2c'),
  ],
)  # fmt: skip
def test_how_it_runs_and_why_actors_wait(algorithm, lag, how, waits):
  config = _config(
    algorithm, unroll_length=20, batch_size=16, max_policy_lag=lag
  )
  found = registry.get(algorithm)
  assert found.describe(config) == how
  assert found.why_actors_wait(config) == waits
  assert config.learning.lock_step == (lag == 0)
  assert found.describe_batch(config) == 'batches of 16 unrolls x 20 steps'
  assert found.replay(config) is None


def test_rows_of_the_network_per_transition():
  """The last row of an unroll is computed for its value only."""
  v_trace = _config('vtrace', unroll_length=20)
  assert vtrace.ALGORITHM.network_rows(v_trace) == base.NetworkRows(1.05, 1.0)
  several = _config('ppo', unroll_length=4, num_epochs=3)
  # One pass for the targets, then three of them.
  assert ppo.ALGORITHM.network_rows(several) == base.NetworkRows(4.25, 3)
  # Two networks, of which one learns.
  config = _config('q_learning', 'drqn')
  rows = q_learning.ALGORITHM.network_rows(config)
  assert rows == base.NetworkRows(2.0, 1.0)


def _q_learning(agent, **learning):
  config = _config(
    'q_learning', agent, batch_size=32, steps_per_update=4, **learning
  )
  return dataclasses.replace(
    config,
    runtime=dataclasses.replace(config.runtime, num_actors=3, envs_per_actor=8),
    queue=dataclasses.replace(config.queue, prefetch_batches=1),
  )


@pytest.mark.parametrize(('agent', 'stack'), [('drqn', 1), ('dqn', 4)])
def test_the_replay_of_a_run(agent, stack):
  """A frame is 84 x 84 bytes, and 30 are kept beside it."""
  config = _q_learning(
    agent, sequence_length=5, unroll_length=10, replay_capacity=1000,
    replay_min_size=300,
  )  # fmt: skip
  config = dataclasses.replace(
    config,
    environment=dataclasses.replace(config.environment, height=84, width=84),
  )
  found = q_learning.ALGORITHM.replay(config)
  assert found == replay_lib.Replay(
    capacity=1000,
    min_size=300,
    batch_size=32,
    sequence_length=5,
    # T + 1, and those that only the first stack shows.
    rows_per_item=6 + (stack if stack > 1 else 0),
    samples_per_insert=8.0,
    # 8 samples of each of 240 steps that actors send at a time, twice, and two
    # batches that wait for the learner.
    tolerance=2 * 240 * 8.0 + 64,
    checkpoint_seconds=600.0,
    num_bytes=1000 * (84 * 84 + 30),
  )
  assert q_learning.ALGORITHM.describe(config) == 'from a replay'
  assert q_learning.ALGORITHM.describe_batch(config) == (
    'batches of 32 sequences x 5 steps'
  )
  assert q_learning.ALGORITHM.why_actors_wait(config) is None
  assert not config.learning.lock_step


def test_a_replay_holds_a_sequence_beside_what_is_written():
  """Of 3 x 8 environments, 6 and 10 rows each: 384."""
  sizes = {'sequence_length': 5, 'unroll_length': 10, 'replay_min_size': 300}
  fits = _q_learning('drqn', replay_capacity=384, **sizes)
  fits = dataclasses.replace(fits, max_frames=0)
  q_learning.ALGORITHM.validate(fits)
  small = _q_learning('drqn', replay_capacity=383, **sizes)
  with pytest.raises(errors.ConfigError, match=r'at least 384: .* 3 x 8 en'):
    q_learning.ALGORITHM.validate(small)
  # Learning starts at 1,200 frames: one more is enough.
  q_learning.ALGORITHM.validate(dataclasses.replace(fits, max_frames=1201))
  with pytest.raises(errors.ConfigError, match='=300 steps, 1200 frames'):
    q_learning.ALGORITHM.validate(dataclasses.replace(fits, max_frames=1200))


def test_openings_are_not_in_a_replay_of_stacks():
  for agent, fits in (('drqn', True), ('dqn', False)):
    config = dataclasses.replace(_q_learning(agent), max_frames=0)
    q_learning.ALGORITHM.validate(config)
    environment = dataclasses.replace(config.environment, fire_reset=True)
    config = dataclasses.replace(config, environment=environment)
    if fits:
      q_learning.ALGORITHM.validate(config)
      continue
    with pytest.raises(errors.ConfigError, match=r'False with .*frame_stack=4'):
      q_learning.ALGORITHM.validate(config)


def test_a_section_takes_over_what_both_have():
  learning = appo.APPOConfig(
    unroll_length=7, clip_rho_threshold=2.0, num_epochs=9, baseline_cost=0.25
  )
  made = base.convert(learning, vtrace.VTraceConfig, batch_size=5)
  assert made == vtrace.VTraceConfig(
    unroll_length=7,
    clip_rho_threshold=2.0,
    baseline_cost=0.25,
    batch_size=5,
    loss_reduction=learning.loss_reduction,
    max_policy_lag=learning.max_policy_lag,
  )

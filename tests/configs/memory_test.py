"""What a run is said to keep, against the arrays that its parts exchange."""

import re

import jax
import numpy as np
import pytest

from attn_agents import experiment
from attn_agents.environments import registry as environments
from configs import errors, memory, resolution, validation


def _resolve(*settings, **wishes):
  return resolution.resolve(
    resolution.Request(settings=settings, **wishes), 'cpu', 1, cores=8
  )


def _unroll_bytes(config):
  """Of one actor's unroll, but for the network's state and the report."""
  unroll = experiment.Experiment(config).trajectory_spec().unroll
  return sum(
    int(np.prod(x.shape)) * x.dtype.itemsize
    for x in jax.tree.leaves(unroll._replace(agent_state=()))
  )


def _parts(config):
  return {part.name: part.num_bytes for part in memory.parts(config)}


@pytest.mark.parametrize('lag', ['none', '0', '1', '3'])
def test_unrolls_queue_and_batch_are_those_of_the_trajectories(lag):
  config = _resolve(
    f'learning.max_policy_lag={lag}', 'queue.capacity_batches=2', game='pong'
  )
  unroll, runtime = _unroll_bytes(config), config.runtime
  batch = unroll * config.learning.batch_size // runtime.envs_per_actor
  waiting = 2 if lag == 'none' else min(2, int(lag))
  # Row T has neither action nor logits.
  assert _parts(config) == {
    'environments': environments.num_bytes(
      config.environment, runtime.num_actors * runtime.envs_per_actor
    ),
    'unrolls of actors': pytest.approx(runtime.num_actors * unroll, rel=0.001),
    'the queue': pytest.approx(waiting * batch, rel=0.001),
    'a batch': pytest.approx(batch, rel=0.001),
  }


@pytest.mark.parametrize(
  ('game', 'num_envs', 'emulators'),
  [
    ('pong', 16, 16),
    ('catch', 16, 0),
    # Of 16 rows, each game has one; of 64, two.
    ('all57', 16, 57),
    ('all57', 64, 114),
    ('boxing,pong', 16, 32),
    ('catch,pong', 16, 16),
  ],
)
def test_all_emulators_that_actors_hold_count(game, num_envs, emulators):
  config = _resolve(
    'learning.max_policy_lag=none', 'runtime.num_actors=3',
    f'runtime.envs_per_actor={num_envs}', game=game,
  )  # fmt: skip
  each = 700_000 + 12 * 84 * 84
  assert _parts(config)['environments'] == 3 * emulators * each


def test_a_run_whose_emulators_do_not_fit_is_refused():
  config = _resolve(
    'learning.max_policy_lag=none', 'runtime.num_actors=256', game='all57'
  )
  with pytest.raises(errors.ConfigError, match=r'\(environments 11\.\d GB, '):
    validation.validate_memory(config, 11_000_000_000)


def test_a_replay_counts_beside_its_batch():
  config = _resolve(agent='dqn', preset='paper')
  unroll, parts = _unroll_bytes(config), _parts(config)
  assert parts['unrolls of actors'] == pytest.approx(
    config.runtime.num_actors * unroll, rel=0.001
  )
  # 32 sequences of two rows of four screens.
  assert parts['a batch'] == pytest.approx(32 * 2 * 4 * 84 * 84, rel=0.01)
  assert parts['the replay'] == pytest.approx(500_000 * 84 * 84, rel=0.01)


def test_a_run_that_does_not_fit_is_refused_with_what_would():
  config = _resolve(
    'learning.unroll_length=9000', 'learning.batch_size=4096',
    'runtime.envs_per_actor=128',
  )  # fmt: skip
  memory_bytes = 24_000_000_000
  with pytest.raises(errors.ConfigError) as caught:
    validation.validate_memory(config, memory_bytes)
  line = str(caught.value)
  assert line.startswith('learning.unroll_length=9000: this run keeps at least')
  assert 'this machine has 24.0 GB' in line and '\n' not in line
  fits = int(re.search(r'at most (\d+) fits in', line)[1])

  def total(length):
    other = _resolve(
      f'learning.unroll_length={length}', 'learning.batch_size=4096',
      'runtime.envs_per_actor=128',
    )  # fmt: skip
    return sum(_parts(other).values())

  assert total(fits) <= memory_bytes < total(fits + 1)


def test_where_no_unroll_is_short_enough_other_settings_are_named():
  config = _resolve('learning.batch_size=4096', 'runtime.envs_per_actor=128')
  with pytest.raises(errors.ConfigError, match=r'smaller learning\.batch_size'):
    validation.validate_memory(config, 1_000_000)


def test_presets_fit_into_a_small_machine():
  for preset in ('paper', 'small'):
    validation.validate_memory(_resolve(preset=preset), 2_000_000_000)

"""What a complete config is refused for, and what is just accepted."""

import dataclasses

import pytest

from configs import errors, memory, resolution, validation


def _resolve(*settings, **wishes):
  return resolution.resolve(
    resolution.Request(settings=settings, **wishes), 'cpu', 1, cores=8
  )


@pytest.mark.parametrize(
  ('section', 'fields', 'words'),
  [
    ('runtime', {'kind': 'auto'}, "unknown value of runtime.kind 'auto'"),
    (
      'runtime',
      {'num_actors': 0},
      'runtime.num_actors=0: expected at least 1',
    ),
    ('runtime', {'env_threads': 0}, 'runtime.env_threads=0: expected at least'),
    ('environment', {'height': 0}, 'environment.height=0: expected 1 to 1024'),
    ('optimizer', {'anneal_to': 0.0}, 'max_frames=0: the learning rate reache'),
  ],
)
def test_a_config_from_a_file_is_checked_as_one_from_flags(
  section, fields, words
):
  config = _resolve()
  changed = dataclasses.replace(getattr(config, section), **fields)
  config = dataclasses.replace(config, **{section: changed})
  with pytest.raises(errors.ConfigError) as caught:
    validation.validate(config, 1)
  assert str(caught.value).startswith(words)


def test_a_game_is_cut_after_a_step_at_the_earliest():
  for frames in (4, 2**31 - 1):
    validation.check_cap('--flag', frames, 4)
  for frames in (3, 2**31):
    with pytest.raises(
      errors.ConfigError,
      match=rf'^--flag={frames}: expected 4 \(one step\) to 2147483647;',
    ):
      validation.check_cap('--flag', frames, 4)


@pytest.mark.parametrize(
  ('settings', 'wishes'),
  [
    ((), {'num_actors': 1, 'envs_per_actor': 64}),
    (
      ('environment.action_repeat=3', 'optimizer.anneal_frames=0'),
      {'max_frames': 6_000_000_000},
    ),
    (('optimizer.anneal_to=0',), {'max_frames': 1}),
    (('optimizer.anneal_to=0',), {'max_frames': 8_000_000}),
    # Each server may have a port, and one of them alone.
    (('queue.queue_port=99', 'queue.variables_port=98'), {}),
    (('queue.variables_port=99',), {}),
    (('queue.packing=on', 'queue.unpack_on=device'), {}),
  ],
)
def test_the_last_values_that_fit_are_accepted(settings, wishes):
  _resolve(*settings, runtime='launchpad', **wishes)


@pytest.mark.parametrize(
  ('settings', 'wishes', 'words'),
  [
    (
      ('learning.batch_size=4096',),
      {'num_actors': 1},
      'runtime.envs_per_actor=4096: expected 0 to 255; the nearest is 255',
    ),
    (
      (),
      {'num_actors': 100},
      '100 actors x 1 environments: under learning.max_policy_lag=1 actors',
    ),
    (
      (),
      {'envs_per_actor': 128},
      '1 actors x 128 environments: under learning.max_policy_lag=1 actors',
    ),
    (
      ('learning.max_policy_lag=none',),
      {'envs_per_actor': 128},
      'runtime.envs_per_actor=128 does not divide learning.batch_size=64',
    ),
    (
      ('environment.width=7', 'environment.height=90'),
      {'agent': 'impala_shallow'},
      'network.conv_kernels=(8, 4): expected at most 7 in layer 0, which sees '
      '90 x 7',
    ),
  ],
)
def test_what_does_not_go_together_is_refused(settings, wishes, words):
  with pytest.raises(errors.ConfigError) as caught:
    _resolve(*settings, **wishes)
  assert str(caught.value).startswith(words)


def _bytes(config):
  return sum(part.num_bytes for part in memory.parts(config))


def test_the_most_that_fits_in_memory_is_named_to_the_last_row():
  def of(length):
    return _resolve(f'learning.unroll_length={length}')

  config = of(64)
  validation.validate_memory(config, _bytes(config))
  with pytest.raises(errors.ConfigError, match=r'; at most 1 fits in$'):
    validation.validate_memory(config, _bytes(of(1)))
  with pytest.raises(errors.ConfigError, match=r'smaller learning\.batch_size'):
    validation.validate_memory(config, _bytes(of(1)) - 1)


@pytest.mark.parametrize(
  ('share', 'named'),
  [(0.4, 'learning.unroll_length='), (0.6, 'learning.replay_capacity=')],
)
def test_the_larger_one_of_replay_and_games_is_named(share, named):
  def of(capacity, length=50):
    return _resolve(
      f'learning.replay_capacity={capacity}', 'learning.replay_min_size=1000',
      f'learning.unroll_length={length}',
      agent='dqn', num_actors=8, envs_per_actor=128,
    )  # fmt: skip

  others = sum(
    part.num_bytes
    for part in memory.parts(of(100_000))
    if part.name != 'the replay'
  )
  each = 84 * 84 + 30
  config = of(int(others * share / (1 - share) / each))
  have = _bytes(config) - 20_000_000
  with pytest.raises(errors.ConfigError) as caught:
    validation.validate_memory(config, have)
  words = str(caught.value)
  assert words.startswith(named)
  fits = int(words.rpartition('at most ')[2].partition(' ')[0])
  if share < 0.5:
    capacity = config.learning.replay_capacity
    assert _bytes(of(capacity, fits)) <= have < _bytes(of(capacity, fits + 1))
  else:
    assert _bytes(of(fits)) <= have < _bytes(of(fits + 1))

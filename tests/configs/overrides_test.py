import dataclasses
import json

import pytest

from configs import agents, errors, overrides


@pytest.fixture(name='config')
def _config():
  return agents.make('s3ta', 'paper')


def test_each_kind_of_value_is_read(config):
  changed = overrides.apply(
    config,
    [
      'learning.batch_size=8',
      'optimizer.learning_rate=1e-3',
      'environment.grayscale=true',
      'network.conv_channels=4,8',
      'optimizer.clip=value',
      'max_frames=1_000_000',
    ],
  )
  assert changed.learning.batch_size == 8
  assert changed.optimizer.learning_rate == 1e-3
  assert changed.environment.grayscale is True
  assert changed.network.conv_channels == (4, 8)
  assert changed.optimizer.clip == 'value'
  assert changed.max_frames == 1_000_000
  # Nothing else moved.
  assert changed.learning.unroll_length == config.learning.unroll_length
  assert dataclasses.replace(changed.environment, grayscale=False) == (
    config.environment
  )


@pytest.mark.parametrize(
  ('setting', 'words'),
  [
    ('learning.batchsize=8', "did you mean 'batch_size'"),
    ('lerning.batch_size=8', "did you mean 'learning'"),
    ('learning.batch_size=3.5', 'expected an integer, like 32'),
    ('optimizer.learning_rate=fast', 'expected a number'),
    ('environment.grayscale=maybe', 'expected true or false'),
    ('network.conv_channels=a,b', 'integers separated by commas'),
    ('learning=3', 'is a section'),
    ('seed.x=3', 'has no fields'),
    ('learning.batch_size', "expected 'section.field=value'"),
    ('learning.max_policy_lag=many', 'expected an integer or none, like None'),
  ],
)
def test_a_wrong_setting_is_refused_in_one_line(config, setting, words):
  with pytest.raises(errors.ConfigError) as caught:
    overrides.apply(config, [setting])
  assert words in str(caught.value)
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize('lag', [None, 0, 2])
def test_json_round_trip_gives_the_same_config(config, lag):
  config = overrides.apply(
    config,
    [
      'network.conv_strides=2,1',
      'seed=7',
      f'learning.max_policy_lag={lag}',
    ],
  )
  assert config.learning.max_policy_lag == lag
  text = json.dumps(overrides.to_dict(config))
  template = agents.make('s3ta', 'small', 'vtrace')
  assert overrides.from_dict(template, json.loads(text)) == config


def test_json_with_a_strange_or_missing_field_is_refused(config):
  values = overrides.to_dict(config)
  with pytest.raises(errors.ConfigError, match="did you mean 'learning'"):
    overrides.from_dict(config, {**values, 'learnin': {}})
  del values['seed']
  with pytest.raises(errors.ConfigError, match="'seed' is missing"):
    overrides.from_dict(config, values)


@pytest.mark.parametrize(
  ('section', 'name', 'value', 'words'),
  [
    ('learning', 'unroll_length', 'ten', "unroll_length='ten': expected an in"),
    ('learning', 'unroll_length', 2.5, 'expected an integer, like'),
    ('learning', 'unroll_length', True, 'expected an integer, like'),
    ('optimizer', 'learning_rate', None, 'expected a number, like'),
    ('optimizer', 'clip', 3, 'expected a text, like'),
    ('environment', 'grayscale', 1, 'expected true or false, like'),
    ('network', 'conv_channels', 8, 'expected a list of integers, like'),
    ('network', 'conv_channels', [8, 'a'], 'expected a list of integers'),
    ('learning', 'max_policy_lag', 'x', 'expected an integer or null, like'),
  ],
)
def test_json_of_another_type_is_refused(config, section, name, value, words):
  values = overrides.to_dict(config)
  values[section][name] = value
  with pytest.raises(errors.ConfigError) as caught:
    overrides.from_dict(config, values)
  assert f'{section}.{name}={value!r}: ' in str(caught.value)
  assert words in str(caught.value)


@pytest.mark.parametrize('value', [None, 3, []])
def test_json_without_a_section_is_refused(config, value):
  values = {**overrides.to_dict(config), 'network': value}
  with pytest.raises(errors.ConfigError, match=r'network=.*object in braces'):
    overrides.from_dict(config, values)


def test_differences_name_what_computes_and_leave_out_what_may_change(config):
  other = overrides.apply(
    config,
    [
      'learning.discount=0.5',
      'runtime.num_actors=7',
      'queue.capacity_batches=3',
      'max_frames=5',
    ],
  )
  # As after a round trip through JSON, where tuples become lists.
  old = json.loads(json.dumps(overrides.to_dict(config)))
  rows = overrides.differences(old, overrides.to_dict(other))
  assert rows == [('learning.discount', 0.99, 0.5)]


def test_a_run_from_before_a_field_of_runtime_is_read():
  config = overrides.apply(
    agents.make('s3ta', 'small'), ['runtime.stall_seconds=7']
  )
  values = overrides.to_dict(config)
  del values['runtime']['evaluate_every_frames'], values['max_frames']
  template = agents.make('s3ta', 'small')
  # The fields after it are those of the run.
  assert overrides.from_dict(template, values) == config


def test_a_run_from_before_a_field_that_computes_has_what_it_did():
  now = agents.make('s3ta', 'small')
  values = overrides.to_dict(now)
  for path in overrides.YOUNGER:
    section, name = path.split('.')
    # What it did without is the class's default, not the preset's value.
    made = type(getattr(now, section))()
    assert getattr(made, name) == overrides.YOUNGER[path], path
    del values[section][name]
  read = overrides.from_dict(now, values)
  assert not read.network.coupled_gates and now.network.coupled_gates
  assert read.network.feature_norm == 'none' and read.network.num_queries == 8
  assert overrides.differences(values, overrides.to_dict(read)) == []
  named = [
    row[0] for row in overrides.differences(values, overrides.to_dict(now))
  ]
  assert named == [
    'network.answer_sees_queries',
    'network.coupled_gates',
    'network.feature_norm',
    'network.head_sees_answer',
    'network.reconstruction_size',
  ]

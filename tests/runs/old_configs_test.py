"""Configs of commit 02cacd7 in today's form."""

import copy
import json

import pytest

from attn_agents.runs import old_configs, run_directory
from configs import agents, errors, overrides
from tests.runs import old_runs


def _old(name='appo', **learning):
  values = copy.deepcopy(old_runs.config(name))
  values['learning'].update(learning)
  return values


def _today(values):
  return run_directory.to_config(
    old_configs.convert(old_configs.complete(values))
  )


def test_v_trace_under_the_clip_is_appo():
  values = _old(max_policy_lag=2, clip_epsilon=0.2, num_epochs=5)
  config = _today(values)
  assert config.algorithm == 'appo'
  learning = config.learning
  assert type(learning).__name__ == 'APPOConfig'
  assert (learning.max_policy_lag, learning.num_epochs) == (2, 5)
  old = values.pop('learning')
  today = json.loads(json.dumps(overrides.to_dict(config)))
  for path, value in overrides.YOUNGER.items():
    section, field = path.split('.')
    if field in today[section]:
      assert today[section].pop(field) == value
  assert today['learning'] == old
  # Younger too, and free to change.
  assert today['queue'].pop('packing') == 'auto'
  assert today['queue'].pop('unpack_on') == 'host'
  assert today['runtime'].pop('evaluation_max_episode_frames') == 108_000
  assert today['runtime'].pop('profile_updates') == ''
  # Nothing else is another.
  for name in values:
    assert today[name] == ('appo' if name == 'algorithm' else values[name])


def test_v_trace_without_the_clip_loses_the_fields_of_ppo():
  values = _old(
    clip_epsilon=0.0, num_epochs=1, num_minibatches=1, max_policy_lag=0,
    normalize_advantages=False,
  )  # fmt: skip
  config = _today(values)
  assert config.algorithm == 'vtrace'
  assert type(config.learning).__name__ == 'VTraceConfig'
  assert config.learning.max_policy_lag is None
  assert not hasattr(config.learning, 'clip_epsilon')
  assert config.learning.vtrace_lambda == values['learning']['vtrace_lambda']


@pytest.mark.parametrize('steps', [(3, 1), (1, 4), (2, 1)])
def test_v_trace_with_several_steps_and_no_clip_is_refused(steps):
  values = _old(clip_epsilon=0.0, num_epochs=steps[0], num_minibatches=steps[1])
  with pytest.raises(errors.ConfigError, match='which no algorithm does'):
    _today(values)


def test_v_trace_from_before_all_of_these_took_one_step():
  values = _old()
  learning = {
    name: value
    for name, value in values['learning'].items()
    if name
    not in (
      *('num_epochs', 'num_minibatches', 'clip_epsilon'),
      *('normalize_advantages', 'max_policy_lag'),
    )
  }
  values['learning'] = learning
  completed = old_configs.complete(values)
  assert completed['learning'] == {
    **learning, 'num_epochs': 1, 'num_minibatches': 1, 'clip_epsilon': 0.0,
    'normalize_advantages': False, 'max_policy_lag': 0,
  }  # fmt: skip
  assert _today(values).algorithm == 'vtrace'
  # The same of a section that nobody has completed.
  assert old_configs.convert(values)['algorithm'] == 'vtrace'


def test_a_lag_of_0_was_no_bound():
  assert _today(_old(max_policy_lag=0)).learning.max_policy_lag is None


@pytest.mark.parametrize('algorithm', ['a2c', 'ppo'])
def test_synchronous_algorithms_say_that_they_are_in_lock_step(algorithm):
  config = overrides.to_dict(agents.make('impala_shallow', 'small'))
  learning = {'unroll_length': 5}
  made = old_configs.convert(
    {**config, 'algorithm': algorithm, 'learning': learning}
  )
  assert made['learning'] == {'unroll_length': 5, 'max_policy_lag': 0}


def test_q_learning_stays_as_it_was():
  values = _old('dqn')
  assert old_configs.convert(values) == values


def test_a_run_from_before_a_field_does_what_it_did_then():
  small = agents.make('s3ta', 'small')
  assert small.environment.zero_discount_on_life_loss
  values = json.loads(json.dumps(overrides.to_dict(small)))
  del values['environment']['zero_discount_on_life_loss']
  values['environment']['episodic_life'] = True
  completed = old_configs.complete(values)
  assert 'zero_discount_on_life_loss' not in values['environment']
  environment = overrides.from_dict(small, completed).environment
  assert environment.episodic_life
  assert not environment.zero_discount_on_life_loss
  now = overrides.to_dict(small)
  assert old_configs.complete(now) == now


def test_a_run_from_before_a_falling_rate_could_stop_fell_to_0():
  values = _old()
  assert values['optimizer'].pop('anneal_to') == 0.25
  assert _today(values).optimizer.anneal_to == 0.0


def test_a_residual_network_from_before_pixel_blocks_has_none():
  small = agents.make('impala_ff', 'small')
  values = overrides.to_dict(small)
  assert values['network'].pop('pixel_block') == 2
  completed = old_configs.complete(values)
  assert overrides.from_dict(small, completed).network.pixel_block == 1

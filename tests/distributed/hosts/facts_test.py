"""What hosts compare."""

import dataclasses

import pytest

from attn_agents.distributed.hosts import facts
from attn_agents.runs import run_directory
from attn_agents.utils import machine
from configs import resolution


def _config(algorithm, *settings):
  request = resolution.Request(
    agent='impala_ff', game='catch', preset='small', algorithm=algorithm,
    num_actors=2, envs_per_actor=4,
    settings=['learning.batch_size=8', *settings],
  )  # fmt: skip
  return resolution.resolve(request, 'cpu', 1, 2)


@pytest.mark.parametrize(
  ('setting', 'name', 'values'),
  [
    ('network.hidden_size=32', 'network.hidden_size', '256 a and 32 b'),
    ('runtime.log_every_seconds=9', '', ''),
    ('optimizer.learning_rate=0.1', '', ''),
  ],
)
def test_an_actor_host_must_play_the_same_and_no_more(setting, name, values):
  here, there = (
    facts.of_play(_config('vtrace', *more)) for more in ((), (setting,))
  )
  found = facts.differences({'a': here, 'b': there})
  assert found == (f'{name} is {values}' if name else '')


def test_the_number_of_actors_counts_where_all_of_them_are_waited_for():
  unbound = facts.of_play(_config('vtrace', 'learning.max_policy_lag=none'))
  assert 'runtime.num_actors' not in unbound
  assert facts.of_play(_config('a2c'))['runtime.num_actors'] == '2'


def test_few_of_many_differences_are_listed():
  values = [dict.fromkeys('abcde', x) for x in '12']
  assert facts.differences({'here': values[0], 'there': values[1]}) == (
    'a is 1 here and 2 there; b is 1 here and 2 there; c is 1 here and 2 '
    'there; and 2 more'
  )
  assert facts.differences({'x': {'a': '1'}, 'y': {}}) == (
    'a is 1 x and not set y'
  )
  # Of three, the last is another one.
  assert facts.differences(
    {'x': {'a': '1'}, 'y': {'a': '1'}, 'z': {'a': '2'}}
  ) == ('a is 1 x and 2 z')


def test_learner_hosts_share_all_but_what_each_fits_to_itself():
  devices = machine.Devices('gpu', 4, 'NVIDIA H200')
  config = _config('vtrace')
  found = facts.of(config, devices)
  assert found['the device'] == '4 x NVIDIA H200'
  assert found['learning.batch_size'] == '8'
  assert 'jax (version)' in found
  assert found['the commit'] == (run_directory.git_commit() or 'unknown')
  own = {'num_actors', 'envs_per_actor', 'env_threads'}
  runtime = {f'runtime.{x.name}' for x in dataclasses.fields(config.runtime)}
  assert runtime - {*found} == {f'runtime.{name}' for name in own}


def test_a_program_without_a_commit_says_so(monkeypatch):
  monkeypatch.setattr(run_directory, 'git_commit', lambda: None)
  found = facts.of_play(_config('vtrace'))
  assert found['the commit'] == 'unknown'


def test_as_many_differences_as_are_listed_leave_none():
  values = [dict.fromkeys('abc', x) for x in '12']
  assert facts.differences({'x': values[0], 'y': values[1]}) == (
    'a is 1 x and 2 y; b is 1 x and 2 y; c is 1 x and 2 y'
  )
  values = [dict.fromkeys('abcd', x) for x in '12']
  assert facts.differences({'x': values[0], 'y': values[1]}).endswith(
    '; c is 1 x and 2 y; and 1 more'
  )

"""How runs are fitted to machines, and why they are as they are."""

import pytest

from configs import agents, errors, resolution

_FREE = 'learning.max_policy_lag=none'


def _resolve(*settings, platform='cpu', cores=2, devices=1, hosts=1, **wishes):
  return resolution.resolve(
    resolution.Request(settings=settings, **wishes),
    platform, devices, cores, num_hosts=hosts,
  )  # fmt: skip


def _found(*settings, **wishes):
  """Actors, environments of each, threads of each."""
  runtime = _resolve(*settings, runtime='launchpad', **wishes).runtime
  return runtime.num_actors, runtime.envs_per_actor, runtime.env_threads


@pytest.mark.parametrize(
  ('batch', 'cores', 'expected'),
  [
    # The divisor nearest to 16; of two, the larger.
    (255, 2, (1, 17, 1)),
    (266, 2, (1, 14, 1)),
    (8, 2, (1, 8, 1)),
    # Together at most 8 batches, and 256 actors.
    (16, 224, (8, 16, 14)),
    (32, 224, (16, 16, 7)),
    (32, 24, (12, 16, 1)),
    (4096, 2000, (256, 16, 3)),
  ],
)
def test_actors_that_wait_for_nobody_make_few_batches(batch, cores, expected):
  size = f'learning.batch_size={batch}'
  minibatches = 'learning.num_minibatches=1'
  assert _found(_FREE, size, minibatches, cores=cores) == expected


def test_an_accelerator_leaves_all_cores_but_two_to_actors():
  assert _found(_FREE, platform='gpu', cores=8)[0] == 6
  assert _found(_FREE, platform='gpu', cores=2)[0] == 1


def test_what_users_say_is_kept_and_the_rest_fitted():
  assert _found(_FREE, num_actors=3, cores=8) == (3, 16, 1)
  assert _found(_FREE, num_actors=1, cores=8) == (1, 16, 4)
  assert _found('runtime.env_threads=3', num_actors=1, cores=8) == (1, 64, 3)
  # As many threads as there are environments at most.
  assert _found(_FREE, num_actors=1, envs_per_actor=2, cores=8) == (1, 2, 2)
  assert _found(algorithm='a2c', num_actors=16) == (16, 1, 1)
  assert _found(algorithm='a2c', envs_per_actor=16, cores=8) == (1, 16, 8)


@pytest.mark.parametrize(
  ('cores', 'expected'), [(2, (1, 8, 1)), (6, (3, 8, 1)), (224, (4, 8, 8))]
)
def test_a_replay_has_four_actors_at_most(cores, expected):
  assert _found(agent='dqn', cores=cores) == expected


@pytest.mark.parametrize(('cores', 'actors'), [(1, 1), (2, 2), (3, 2), (8, 4)])
def test_actors_in_threads_are_two_where_there_are_two_cores(cores, actors):
  runtime = _resolve(runtime='threads', cores=cores).runtime
  assert runtime.num_actors == actors


def test_the_largest_batch_that_the_message_names_can_be_shared():
  def of(batch):
    size = f'learning.batch_size={batch}'
    return _found(size, 'learning.num_minibatches=1')[:2]

  with pytest.raises(errors.ConfigError, match='; 32768 is one') as caught:
    of(65_536)
  assert 'at most 256 actors and 255 environments each' in str(caught.value)
  assert of(32_768) == (256, 128)


def test_hosts_share_a_batch_and_each_is_fitted_to_its_share():
  config = _resolve(preset='paper', hosts=4, devices=2, cores=8)
  assert config.learning.batch_size == 32
  assert config.runtime.envs_per_actor == 8
  with pytest.raises(errors.ConfigError) as caught:
    _resolve(preset='paper', hosts=3, devices=2)
  assert str(caught.value) == (
    'learning.batch_size=32 cannot be shared evenly by 3 hosts of 2 devices '
    'each; the nearest that can is 30'
  )
  with pytest.raises(errors.ConfigError) as caught:
    _resolve(preset='paper', hosts=4, envs_per_actor=16)
  assert str(caught.value).startswith('runtime.envs_per_actor=16 does not ')
  assert str(caught.value).endswith(
    ' (each of 4 hosts has learning.batch_size=8 of 32)'
  )


def test_choices_have_their_reasons():
  assert resolution.choose_preset('small', 'gpu') == ('small', 'asked for')
  preset, why = resolution.choose_preset('auto', 'cpu')
  assert preset == 'small' and why.startswith('no accelerator found')
  assert resolution.choose_preset('auto', 'tpu') == (
    'paper', 'found an accelerator (tpu)'
  )  # fmt: skip
  config = agents.make('s3ta', 'paper')
  own = resolution.choose_algorithm(resolution.Request(), config)
  assert own == 'what preset paper of s3ta is made for'
  asked = resolution.Request(algorithm='appo')
  assert resolution.choose_algorithm(asked, config) == 'asked for'
  with pytest.raises(errors.ConfigError, match="unknown runtime 'thread'; did"):
    resolution.check_names(resolution.Request(runtime='thread'))

import dataclasses

import pytest

from attn_agents.algorithms import registry
from attn_agents.environments import registry as environments
from configs import (
  agents,
  errors,
  games,
  overrides,
  resolution,
  validation,
)


def _resolve(**kwargs):
  machine = {'platform': 'cpu', 'num_devices': 1, 'cores': 2}
  machine |= {k: kwargs.pop(k) for k in list(kwargs) if k in machine}
  return resolution.resolve(resolution.Request(**kwargs), **machine)


def test_auto_takes_small_on_cpu_and_paper_on_an_accelerator():
  assert _resolve().preset == 'small'
  assert _resolve(platform='gpu').preset == 'paper'
  assert _resolve(preset='paper').preset == 'paper'


def test_paper_preset_is_the_published_one():
  config = _resolve(preset='paper')
  learning, optimizer = config.learning, config.optimizer
  assert (learning.unroll_length, learning.batch_size) == (50, 32)
  assert (learning.discount, learning.entropy_cost) == (0.99, 0.01)
  assert learning.baseline_cost == 0.5
  assert learning.max_abs_reward == 1.0
  assert (optimizer.learning_rate, optimizer.decay) == (2e-4, 0.99)
  assert (optimizer.epsilon, optimizer.momentum) == (0.01, 0.0)
  assert (optimizer.clip, optimizer.clip_threshold) == ('global_norm', 1280.0)
  env = config.environment
  assert environments.spec(env).observation_shape == (210, 160, 3)
  assert (env.action_repeat, env.noop_max) == (4, 30)
  assert env.sticky_action_probability == 0
  assert env.max_pool and env.episodic_life and not env.fire_reset
  assert env.max_episode_frames == 108_000
  network = config.network
  assert network.vision_channels == 128
  assert network.query_hidden == (256, 128)


@pytest.mark.parametrize(
  ('agent', 'preset', 'algorithm'),
  [
    (agent, preset, algorithm)
    for agent, algorithm in agents.pairs()
    for preset in agents.AGENTS[agent]
  ],
)
@pytest.mark.parametrize('cores', [1, 2, 3, 8, 224])
@pytest.mark.parametrize('platform', ['cpu', 'gpu'])
def test_every_preset_fits_every_machine(
  agent, preset, algorithm, cores, platform
):
  own = agents.make(agent, preset).algorithm
  if preset not in ('paper', 'small') and algorithm != own:
    pytest.skip('refused; see below')
  config = _resolve(
    agent=agent, preset=preset, algorithm=algorithm, cores=cores,
    platform=platform,
  )  # fmt: skip
  assert (config.agent, config.preset) == (agent, preset)
  assert config.algorithm == algorithm
  runtime = config.runtime
  together = runtime.num_actors * runtime.envs_per_actor
  if config.learning.max_policy_lag is not None:
    assert together == config.learning.batch_size
  assert runtime.num_actors >= 1
  assert 1 <= runtime.env_threads <= runtime.envs_per_actor
  if registry.get(algorithm).replay(config) is None:
    assert config.learning.batch_size % runtime.envs_per_actor == 0
  # Processes that compute: they must not outnumber the cores by much.
  assert runtime.num_actors <= max(1, cores)


@pytest.mark.parametrize(
  ('runtime', 'algorithm', 'cores', 'actors', 'threads'),
  [
    ('launchpad', 'vtrace', 2, 1, 1),
    ('threads', 'vtrace', 2, 2, 1),
    ('threads', 'vtrace', 1, 1, 1),
    ('threads', 'vtrace', 8, 4, 1),
    ('launchpad', 'a2c', 2, 1, 2),
    ('threads', 'a2c', 2, 1, 2),
    ('threads', 'a2c', 8, 4, 2),
  ],
)
def test_cores_are_shared_among_learner_actors_and_environments(
  runtime, algorithm, cores, actors, threads
):
  found = _resolve(
    preset='small', runtime=runtime, algorithm=algorithm, cores=cores
  ).runtime
  assert (found.num_actors, found.env_threads) == (actors, threads)


def test_impala_is_that_of_its_table_g1():
  config = _resolve(agent='impala_ff', preset='paper')
  learning, optimizer, env = (
    config.learning, config.optimizer, config.environment,
  )  # fmt: skip
  assert (learning.unroll_length, learning.batch_size) == (20, 32)
  assert (learning.discount, learning.entropy_cost) == (0.99, 0.01)
  assert learning.baseline_cost == 0.5
  assert (optimizer.learning_rate, optimizer.epsilon) == (6e-4, 0.01)
  assert (optimizer.momentum, optimizer.clip_threshold) == (0.0, 40.0)
  assert optimizer.anneal_frames == config.max_frames == 200_000_000
  assert environments.spec(env).observation_shape == (84, 84, 4)
  assert env.grayscale and env.episodic_life and not env.fire_reset


@pytest.mark.parametrize('agent', agents.AGENTS)
def test_small_presets_share_an_environment(agent):
  environment = _resolve(agent=agent, preset='small').environment
  assert (environment.height, environment.width) == (84, 84)
  assert environment.zero_discount_on_life_loss
  assert not environment.episodic_life
  assert environments.spec(environment).observation_shape[2] == (
    environment.frame_stack
  )
  assert environment.frame_stack in (1, 4)


def test_darqn_is_that_of_its_released_code():
  config = _resolve(agent='darqn_soft', preset='paper')
  assert config.algorithm == 'q_learning'
  learning, optimizer, env = (
    config.learning, config.optimizer, config.environment,
  )  # fmt: skip
  assert (learning.sequence_length, learning.batch_size) == (4, 32)
  assert (learning.discount, learning.max_abs_reward) == (0.99, 1.0)
  assert learning.loss_reduction == 'sum'
  assert (learning.replay_capacity, learning.replay_min_size) == (
    500_000, 25_000,
  )  # fmt: skip
  assert (learning.steps_per_update, learning.target_update_steps) == (
    4, 10_000,
  )  # fmt: skip
  assert learning.samples_per_insert == 8
  assert learning.max_abs_td_error == 1.0
  assert (
    learning.epsilon_start, learning.epsilon_end, learning.epsilon_steps,
    learning.evaluation_epsilon,
  ) == (1.0, 0.1, 1_000_000, 0.05)  # fmt: skip
  assert (optimizer.name, optimizer.decay) == ('centred_rmsprop', 0.95)
  assert (optimizer.clip, optimizer.clip_threshold) == ('value', 5.0)
  assert optimizer.epsilon == 0.01
  assert (
    optimizer.learning_rate, learning.final_learning_rate,
    learning.learning_rate_steps,
  ) == (0.01, 0.00025, 1_000_000)  # fmt: skip
  assert config.max_frames == 4 * 5_000_000
  assert config.runtime.evaluate_every_frames == 4 * 50_000
  assert config.runtime.evaluation_steps == 25_000
  assert environments.spec(env).observation_shape == (84, 84, 1)
  assert (env.action_repeat, env.noop_max) == (4, 30)
  assert env.episodic_life and env.max_pool
  assert (learning.reinforce_cost, learning.legacy_sign) == (0.1, False)
  hard = _resolve(agent='darqn_hard', preset='paper')
  assert hard.optimizer.learning_rate == 0.001
  assert hard.learning == learning
  assert (hard.network.attention, hard.network.soft_share) == ('hard', 0.5)
  dqn = _resolve(agent='dqn', preset='paper')
  assert environments.spec(dqn.environment).observation_shape[2] == 4
  assert dqn.learning.sequence_length == 1


def test_a_replay_takes_each_frame_once_and_must_fit_the_machine():
  each = 84 * 84 + 30
  for agent in ('dqn', 'darqn_soft'):
    config = _resolve(agent=agent, preset='paper')
    replay = registry.get(config.algorithm).replay(config)
    assert replay.num_bytes == 500_000 * each
  # Beside it lie 8 x 5 rows that are being played, a batch of 32 x 5, and the 8
  # environments.
  others = (8 * 5 + 32 * 5) * (84 * 84 + 13 + 4 * 9)
  others += environments.num_bytes(config.environment, 8)
  validation.validate_memory(config, 500_000 * each + others)
  for memory_bytes in (3_000_000_000, 500_000 * each + others - 1):
    with pytest.raises(errors.ConfigError) as caught:
      validation.validate_memory(config, memory_bytes)
    words = str(caught.value)
    fits = (memory_bytes - others) // each
    assert words.startswith('learning.replay_capacity=500000: ')
    assert f'this machine has {memory_bytes / 1e9:,.1f} GB' in words
    assert f'at most {fits} fits in' in words
    assert '\n' not in words


def test_s3ta_baselines_learn_as_s3ta_does():
  s3ta = _resolve(preset='paper')
  for agent in ('impala_ff', 'impala_lstm'):
    config = _resolve(agent=agent, preset='s3ta_baseline')
    assert config.learning == s3ta.learning
    assert config.optimizer == s3ta.optimizer


def test_a2c_is_that_of_baselines():
  config = _resolve(agent='drarl', algorithm='a2c', preset='paper')
  learning, optimizer = config.learning, config.optimizer
  assert learning.lock_step and learning.loss_reduction == 'mean'
  assert (learning.unroll_length, learning.batch_size) == (5, 16)
  assert (learning.discount, learning.entropy_cost) == (0.99, 0.01)
  assert learning.baseline_cost == 0.5
  assert (optimizer.name, optimizer.learning_rate) == ('rmsprop', 7e-4)
  assert (optimizer.decay, optimizer.epsilon) == (0.99, 1e-5)
  assert (optimizer.clip, optimizer.clip_threshold) == ('global_norm', 0.5)
  # The network's view is the agent's, the rest baselines' wrappers'.
  env = config.environment
  assert environments.spec(env).observation_shape == (84, 84, 4)
  assert (env.noop_max, env.action_repeat) == (30, 4)
  assert env.fire_reset and env.episodic_life and env.max_pool


def test_ppo_is_that_of_baselines():
  config = _resolve(agent='impala_ff', algorithm='ppo', preset='paper')
  learning, optimizer = config.learning, config.optimizer
  assert learning.lock_step and learning.loss_reduction == 'mean'
  assert (learning.unroll_length, learning.batch_size) == (128, 8)
  assert (learning.num_epochs, learning.num_minibatches) == (4, 4)
  assert (learning.gae_lambda, learning.discount) == (0.95, 0.99)
  assert (learning.clip_epsilon, learning.entropy_cost) == (0.1, 0.01)
  assert learning.baseline_cost == 0.5 and learning.normalize_advantages
  assert (optimizer.name, optimizer.learning_rate) == ('adam', 2.5e-4)
  assert (optimizer.epsilon, optimizer.clip_threshold) == (1e-5, 0.5)
  # Annealed to the end of the run, which it gives.
  assert optimizer.anneal_frames == config.max_frames == 40_000_000


def test_an_algorithm_leaves_network_and_screen_to_the_agent():
  for agent in agents.AGENTS:
    plain = _resolve(agent=agent)
    for algorithm in registry.names_for(plain.network.head):
      config = _resolve(agent=agent, algorithm=algorithm)
      assert config.network == plain.network
      seen, expected = (
        environments.spec(c.environment).observation_shape
        for c in (config, plain)
      )
      assert seen == expected


def test_synchronous_actors_share_the_batch():
  config = _resolve(algorithm='a2c', num_actors=4)
  assert config.runtime.envs_per_actor == 4
  config = _resolve(algorithm='a2c', envs_per_actor=2)
  assert config.runtime.num_actors == 8


def test_what_the_user_says_wins_over_the_machine():
  config = _resolve(
    num_actors=2, envs_per_actor=32, seed=5, max_frames=99, cores=1
  )
  assert config.runtime.num_actors == 2
  assert config.runtime.envs_per_actor == 32
  assert (config.seed, config.max_frames) == (5, 99)


@pytest.mark.parametrize(
  ('wishes', 'words'),
  [
    ({'game': 'pacman'}, "unknown game 'pacman'; did you mean 'ms_pacman'?"),
    ({'agent': 's3t'}, "unknown agent 's3t'; did you mean 's3ta'?"),
    (
      {'preset': 'papr'},
      "unknown preset of s3ta 'papr'; did you mean 'paper'?",
    ),
    ({'preset': 's3ta_baseline'}, 'unknown preset of s3ta'),
    ({'algorithm': 'pp0'}, "unknown algorithm 'pp0'; did you mean 'ppo'?"),
    ({'settings': ['algorithm=ppo']}, 'use --algorithm instead'),
    (
      {'algorithm': 'a2c', 'num_actors': 3},
      '--num_actors=4 --envs_per_actor=4, or learning.batch_size=15',
    ),
    (
      {'algorithm': 'a2c', 'num_actors': 2, 'envs_per_actor': 4},
      '2 actors x 4 environments: under a2c actors wait for every update',
    ),
    (
      {'algorithm': 'a2c', 'settings': ['runtime.publish_every_updates=2']},
      'wait for every update',
    ),
    (
      {
        'preset': 'paper',
        'algorithm': 'ppo',
        'settings': ['learning.num_minibatches=3'],
      },
      'a divisor of the 8 environments on each device, which a recurrent',
    ),
    (
      {'agent': 'drarl', 'settings': ['learning.part_length=16']},
      'part_length=16: expected 0: a network without state',
    ),
    (
      {'settings': ['learning.part_length=5']},
      'part_length=5: expected a divisor of unroll_length = 32',
    ),
    ({'settings': ['learning.part_length=-1']}, 'part_length=-1'),
    (
      {
        'settings': [
          'learning.part_length=16',
          'learning.num_minibatches=3',
        ]
      },
      'a divisor of the 128 sequences on each device, which a recurrent',
    ),
    (
      {
        'agent': 'drarl',
        'preset': 'paper',
        'algorithm': 'ppo',
        'settings': ['learning.num_minibatches=3'],
      },
      'a divisor of the 1024 transitions on each device',
    ),
    (
      {'algorithm': 'ppo', 'settings': ['learning.clip_rho_threshold=1']},
      'clip_rho_threshold',
    ),
    (
      {'preset': 'paper', 'algorithm': 'ppo', 'max_frames': 50_000_000},
      'the nearest valid max_frames is 40000000',
    ),
    (
      {
        'agent': 'drarl',
        'preset': 'paper',
        'algorithm': 'ppo',
        'settings': ['learning.num_minibatches=1024'],
      },
      'at least 2 transitions',
    ),
    ({'algorithm': 'ppo', 'max_frames': -1}, 'max_frames=-1: expected 0'),
    ({'settings': ['learning.loss_reduction=avg']}, 'value of learning.loss'),
    ({'settings': ['optimizer.name=adm']}, "did you mean 'adam'"),
    ({'agent': 'drarl', 'settings': ['network.attention=soft']}, 'residual'),
    ({'agent': 'drarl', 'settings': ['network.channels=']}, 'at least one'),
    ({'settings': ['network.queries=fix']}, "did you mean 'fixed'"),
    ({'settings': ['learning.unroll_length=0']}, 'unroll_length=0'),
    ({'settings': ['queue.capacity_batches=0']}, 'deadlocks'),
    ({'num_devices': 3}, 'the nearest that can is 63'),
    (
      {'preset': 'paper', 'envs_per_actor': 5},
      'the nearest that does is 4',
    ),
    ({'settings': ['optimizer.clip=norm']}, "did you mean 'global_norm'"),
    ({'settings': ['network.basis=one']}, "did you mean 'one_to_four'"),
    ({'settings': ['network.key_channels=32']}, 'vision_channels - 1'),
    ({'settings': ['network.conv_strides=4']}, 'as many entries'),
    ({'settings': ['learning.discount=1.5']}, 'discount=1.5'),
    ({'settings': ['environment.sticky_action_probability=1']}, 'below 1'),
    ({'max_frames': -1}, 'max_frames=-1'),
    ({'seed': -1}, 'seed=-1'),
    ({'settings': ['agent=foo']}, 'use --agent instead'),
    ({'settings': ['preset=paper']}, 'use --preset instead'),
    ({'settings': ['environment.game=pong']}, 'use --game instead'),
    ({'settings': ['network.conv_strides=4,0']}, '(4, 0): expected 1 to 64'),
    ({'settings': ['network.head_hidden=0']}, '0: expected 1 to 8192'),
    ({'settings': ['environment.height=8']}, '10 to 1024'),
    ({'settings': ['optimizer.learning_rate=inf']}, 'the nearest is 100'),
    ({'settings': ['learning.discount=nan']}, 'learning.discount=nan'),
    ({'settings': ['queue.capacity_batches=1000']}, '1 to 64'),
    (
      {'preset': 'small', 'settings': ['learning.batch_size=65536']},
      'learning.batch_size=65536: expected a product',
    ),
    ({'settings': ['environment.max_pool=false']}, 'EnvPool pools'),
    (
      {'settings': ['environment.fire_after_lost_life=true']},
      'or environment.fire_reset=true with it',
    ),
    ({'settings': ['runtime.max_actor_restarts=5000']}, '0 to 1000'),
    (
      {'settings': ['environment.max_episode_frames=3']},
      'environment.max_episode_frames=3: expected 4 (one step) to 2147483647',
    ),
    (
      {'settings': ['runtime.evaluation_max_episode_frames=3']},
      'expected 4 (one step) to 2147483647',
    ),
    (
      {'settings': ['queue.packing=yes']},
      "unknown value of queue.packing 'yes'",
    ),
    (
      {'runtime': 'threads', 'settings': ['queue.packing=on']},
      'queue.packing=on: expected auto or off: under --runtime=threads',
    ),
    (
      {'settings': ['queue.unpack_on=gpu']},
      "unknown value of queue.unpack_on 'gpu'",
    ),
    (
      {'runtime': 'threads', 'settings': ['queue.unpack_on=device']},
      'queue.unpack_on=device: expected host: nothing is packed with '
      'queue.packing=auto under --runtime=threads',
    ),
    (
      {
        'runtime': 'launchpad',
        'settings': ['queue.unpack_on=device', 'queue.packing=off'],
      },
      'queue.unpack_on=device: expected host: nothing is packed with '
      'queue.packing=off under --runtime=launchpad',
    ),
    (
      {
        'runtime': 'launchpad',
        'agent': 'drqn',
        'settings': ['queue.unpack_on=device'],
      },
      'queue.unpack_on=device: expected host: q_learning has a replay, whose '
      'frames the host unpacks',
    ),
    (
      {'settings': ['queue.queue_port=99', 'queue.variables_port=99']},
      'two servers on one port',
    ),
    (
      {'agent': 'dqn', 'algorithm': 'ppo'},
      '--algorithm=ppo: dqn learns by q_learning',
    ),
    (
      {'algorithm': 'q_learning'},
      'learns by appo or vtrace or a2c or ppo',
    ),
    (
      {'agent': 'dqn', 'max_frames': 8000},
      'max_frames=8000: learning starts after learning.replay_min_size=2000',
    ),
    (
      {'agent': 'dqn', 'settings': ['learning.replay_capacity=1000']},
      'at least replay_min_size=2000',
    ),
    (
      {'agent': 'dqn', 'settings': ['optimizer.anneal_frames=9']},
      'learning.final_learning_rate',
    ),
    (
      {'settings': ['environment.episodic_life=true']},
      'zero_discount_on_life_loss=True: expected False with '
      'environment.episodic_life=True',
    ),
    ({'agent': 'dqn', 'settings': ['learning.epsilon_end=2']}, 'epsilon_end=2'),
    (
      {'agent': 'dqn', 'settings': ['learning.epsilon_start=0.05']},
      'epsilon_end=0.1: expected at most epsilon_start=0.05',
    ),
    (
      {'agent': 'dqn', 'settings': ['optimizer.learning_rate=1e-4']},
      'at most optimizer.learning_rate=0.0001',
    ),
    (
      {
        'agent': 'dqn',
        'game': 'breakout',
        'settings': ['environment.fire_reset=true'],
      },
      'fire_reset=True: expected False with environment.frame_stack=4',
    ),
    (
      {
        'agent': 'darqn_soft',
        'settings': [
          'learning.replay_capacity=30',
          'learning.replay_min_size=20',
        ],
      },
      'learning.replay_capacity=30: expected at least',
    ),
    (
      {'agent': 'dqn', 'settings': ['learning.sequence_length=0']},
      'sequence_length=0',
    ),
    (
      {'runtime': 'threads', 'settings': ['queue.variables_port=99']},
      'queue.variables_port=99: expected 0: --runtime=threads opens no ports',
    ),
  ],
)
def test_bad_input_is_refused_in_one_line(wishes, words):
  with pytest.raises(errors.ConfigError) as caught:
    _resolve(**wishes)
  assert words in str(caught.value)
  assert '\n' not in str(caught.value)


def test_names_are_refused_before_the_machine_is_looked_at():
  with pytest.raises(errors.ConfigError):
    resolution.check_names(resolution.Request(game='pacman'))
  with pytest.raises(errors.ConfigError):
    resolution.check_names(resolution.Request(settings=['x=1']))
  resolution.check_names(resolution.Request())


def test_there_are_57_games_and_catch():
  assert len(set(games.ATARI_GAMES)) == 57
  assert 'catch' in games.names()


def test_nearest_divisor():
  assert errors.nearest_divisor(32, 16) == 16
  assert errors.nearest_divisor(32, 11) == 8
  assert errors.nearest_divisor(7, 3) == 1
  assert errors.nearest_divisor(32, 3, least=5) == 8


@pytest.mark.parametrize('algorithm', ['a2c', 'ppo'])
@pytest.mark.parametrize('batch', [255, 512, 1024, 4096])
def test_large_synchronous_batches_are_shared_out(algorithm, batch):
  settings = [f'learning.batch_size={batch}', 'learning.unroll_length=8']
  runtime = _resolve(
    agent='impala_ff', algorithm=algorithm, settings=settings
  ).runtime
  assert runtime.num_actors * runtime.envs_per_actor == batch


def test_a_preset_of_an_optimiser_does_not_go_with_another():
  for algorithm in ('a2c', 'ppo'):
    with pytest.raises(errors.ConfigError, match='about how V-trace learns'):
      _resolve(agent='impala_ff', preset='s3ta_baseline', algorithm=algorithm)


def test_recurrent_ppo_on_many_devices_names_what_would_fit():
  def message(num_devices, *settings):
    with pytest.raises(errors.ConfigError) as caught:
      _resolve(
        preset='paper', algorithm='ppo', num_devices=num_devices,
        settings=settings,
      )  # fmt: skip
    return str(caught.value)

  assert 'the nearest is 2' in message(4)
  assert 'cannot be shared evenly by 3 devices' in message(3)
  _resolve(
    preset='paper', algorithm='ppo', num_devices=4,
    settings=['learning.num_minibatches=2'],
  )  # fmt: skip


def test_minibatches_of_appo_share_its_unrolls():
  settings = ['learning.batch_size=12', 'learning.num_minibatches=4']
  assert _resolve(settings=settings).learning.num_minibatches == 4
  settings = ['learning.batch_size=12', 'learning.num_minibatches=5']
  with pytest.raises(
    errors.ConfigError, match=r'12 environments .* nearest is 6'
  ):
    _resolve(settings=settings)


def test_a_bounded_lag_shares_the_batch_among_actors():
  def found(runtime, cores, *settings):
    runtime = _resolve(
      preset='small', runtime=runtime, cores=cores,
      settings=['learning.batch_size=64', *settings],
    ).runtime  # fmt: skip
    return runtime.num_actors, runtime.envs_per_actor, runtime.env_threads

  one = 'learning.max_policy_lag=1'
  assert found('launchpad', 2, one) == (1, 64, 1)
  assert found('threads', 2, one) == (2, 32, 1)
  assert found('launchpad', 8, one) == (4, 16, 1)
  with pytest.raises(errors.ConfigError, match=r'max_policy_lag=1 actors wait'):
    found('launchpad', 2, one, 'runtime.envs_per_actor=5')
  with pytest.raises(errors.ConfigError, match='0 to 1000, or none'):
    found('launchpad', 2, 'learning.max_policy_lag=-1')


@pytest.mark.parametrize('value', ['0', '1'])
def test_the_clip_is_between_0_and_1(value):
  with pytest.raises(errors.ConfigError, match='a number between 0 and 1'):
    _resolve(settings=[f'learning.clip_epsilon={value}'])


def test_small_is_for_appo_and_vtrace_is_one_pass_over_the_same_batch():
  appo, vtrace = _resolve(), _resolve(algorithm='vtrace')
  assert (appo.algorithm, appo.preset) == ('appo', 'small')
  assert (appo.learning.num_epochs, appo.learning.num_minibatches) == (3, 8)
  shared = dataclasses.asdict(vtrace.learning)
  assert 'clip_epsilon' not in shared
  assert shared.items() <= dataclasses.asdict(appo.learning).items()
  assert vtrace.learning.max_policy_lag == 1
  same = dataclasses.replace(vtrace, algorithm='appo', learning=appo.learning)
  assert same == appo


def test_appo_with_the_paper_preset_keeps_its_batches():
  config = _resolve(preset='paper', algorithm='appo')
  learning = config.learning
  assert (learning.unroll_length, learning.batch_size) == (50, 32)
  assert learning.clip_epsilon == 0.1
  assert config.optimizer.name == 'adam'


@pytest.mark.parametrize(
  ('algorithm', 'setting', 'words'),
  [
    ('vtrace', 'clip_epsilon=0.1', "vtrace has no 'clip_epsilon'; it belongs "
     'to --algorithm=appo or --algorithm=ppo'),
    ('vtrace', 'num_epochs=2', '--algorithm=appo or'),
    ('ppo', 'vtrace_lambda=0.9', '--algorithm=appo or --algorithm=vtrace'),
    ('vtrace', 'num_epoch=2', 'unknown setting learning.num_epoch'),
    ('a2c', 'max_policy_lag=1', 'max_policy_lag=1: expected 0'),
    ('ppo', 'max_policy_lag=none', 'max_policy_lag=None: expected 0'),
    ('vtrace', 'max_policy_lag=-1', '0 to 1000, or none'),
  ],
)  # fmt: skip
def test_a_setting_of_another_algorithm_is_refused_with_its_name(
  algorithm, setting, words
):
  with pytest.raises(errors.ConfigError) as caught:
    _resolve(algorithm=algorithm, settings=[f'learning.{setting}'])
  assert words in str(caught.value)


@pytest.mark.parametrize('algorithm', ['appo', 'vtrace'])
def test_lock_step_and_an_unbounded_lag_can_be_set(algorithm):
  def lag(value):
    settings = [f'learning.max_policy_lag={value}', 'runtime.envs_per_actor=8']
    learning = _resolve(algorithm=algorithm, settings=settings).learning
    return learning.max_policy_lag, learning.lock_step

  assert lag('none') == (None, False)
  assert lag('0') == (0, True)
  assert lag('3') == (3, False)


def test_small_has_ppo_of_its_own():
  config = _resolve(preset='small', algorithm='ppo')
  learning = config.learning
  assert (learning.unroll_length, learning.batch_size) == (32, 64)
  assert (learning.num_epochs, learning.num_minibatches) == (3, 4)
  assert config.optimizer == _resolve(preset='small').optimizer
  assert config.max_frames == 0
  assert config.environment.fire_reset
  assert config.environment.zero_discount_on_life_loss


def test_a_learning_rate_that_stays_above_0_leaves_a_run_its_length():
  config = _resolve(preset='small')
  assert config.optimizer.anneal_to == 0.25
  assert config.optimizer.anneal_frames == 8_000_000
  assert config.max_frames == 0
  longer = _resolve(preset='small', max_frames=9_000_000)
  assert longer.max_frames == 9_000_000
  ended = _resolve(preset='small', settings=['optimizer.anneal_to=0'])
  assert ended.max_frames == 8_000_000


@pytest.mark.parametrize('share', [-0.1, 1.5])
def test_the_learning_rate_falls_to_a_share_of_itself(share):
  with pytest.raises(errors.ConfigError, match='a share of the learning rate'):
    _resolve(settings=[f'optimizer.anneal_to={share}'])


@pytest.mark.parametrize(
  ('asked', 'missing', 'expected'),
  [
    ('auto', (), 'launchpad'),
    ('auto', ('Reverb',), 'threads'),
    ('threads', (), 'threads'),
    ('threads', ('Launchpad', 'Reverb'), 'threads'),
    ('launchpad', (), 'launchpad'),
  ],
)
def test_launchpad_is_the_default_where_it_is_installed(
  asked, missing, expected
):
  config = resolution.resolve(
    resolution.Request(runtime=asked), 'cpu', 1, cores=2, missing=missing
  )
  assert config.runtime.kind == expected
  runtime, why = resolution.choose_runtime(asked, missing)
  assert runtime == expected
  if asked == 'auto' and missing:
    assert why == 'Reverb not installed'


def test_launchpad_is_refused_where_it_is_not_installed():
  with pytest.raises(
    errors.ConfigError,
    match=r'Launchpad and Reverb not installed.*--runtime=threads',
  ):
    resolution.resolve(
      resolution.Request(runtime='launchpad'), 'cpu', 1, cores=2,
      missing=('Launchpad', 'Reverb'),
    )  # fmt: skip


@pytest.mark.parametrize(
  'text, message',
  [
    ('5:5', 'profile_updates=5:5: expected first:end, .* as 5:6$'),
    ('7:2', 'as 7:8$'),
    ('0:5000', 'at most 1000 updates, as 0:1000$'),
    ('some', 'as 10:15$'),
    ('-1:4', 'as 10:15$'),
  ],
)
def test_updates_to_profile_are_two_numbers(text, message):
  with pytest.raises(errors.ConfigError, match=message):
    resolution.resolve(
      resolution.Request(preset='small', profile_updates=text), 'cpu', 1, 2
    )


def test_hours_and_profiles_may_change_when_a_run_is_continued():
  def made(**wishes):
    request = resolution.Request(preset='small', **wishes)
    return resolution.resolve(request, 'cpu', 1, 2)

  config = made(max_hours=0.5, profile_updates='3:9')
  assert config.max_hours == 0.5
  assert config.runtime.updates_to_profile() == (3, 9)
  values = overrides.to_dict(config)
  assert not overrides.differences(values, overrides.to_dict(made()))
  # Runs from before there were any.
  del values['max_hours'], values['runtime']['profile_updates']
  assert overrides.from_dict(made(), values) == made()
  with pytest.raises(errors.ConfigError, match=r'max_hours=-1\.0: expected'):
    made(max_hours=-1.0)

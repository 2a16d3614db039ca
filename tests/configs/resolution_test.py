import pytest

from configs import agents, errors, games, resolution, validation


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
  assert (env.height, env.width, env.channels) == (210, 160, 3)
  assert (env.action_repeat, env.noop_max) == (4, 30)
  assert env.sticky_action_probability == 0
  assert env.max_pool and env.episodic_life and not env.fire_reset
  assert env.max_episode_frames == 108_000
  network = config.network
  assert network.vision_channels == 128
  assert network.query_hidden == (256, 128)


@pytest.mark.parametrize('preset', resolution.PRESETS)
@pytest.mark.parametrize('agent', agents.AGENTS)
@pytest.mark.parametrize('cores', [1, 2, 3, 8, 224])
@pytest.mark.parametrize('platform', ['cpu', 'gpu'])
def test_every_preset_fits_every_machine(agent, preset, cores, platform):
  config = _resolve(agent=agent, preset=preset, cores=cores, platform=platform)
  runtime = config.runtime
  assert runtime.num_actors >= 1
  assert 1 <= runtime.env_threads <= runtime.envs_per_actor
  assert config.learning.batch_size % runtime.envs_per_actor == 0
  # Processes that compute: they must not outnumber the cores by much.
  assert runtime.num_actors <= max(1, cores)


def test_what_the_user_says_wins_over_the_machine():
  config = _resolve(num_actors=3, envs_per_actor=8, seed=5, max_frames=99)
  assert config.runtime.num_actors == 3
  assert config.runtime.envs_per_actor == 8
  assert (config.seed, config.max_frames) == (5, 99)


@pytest.mark.parametrize(
  ('wishes', 'words'),
  [
    ({'game': 'pacman'}, "unknown game 'pacman'; did you mean 'ms_pacman'?"),
    ({'agent': 's3t'}, "unknown agent 's3t'; did you mean 's3ta'?"),
    ({'preset': 'papr'}, "unknown preset 'papr'; did you mean 'paper'?"),
    ({'settings': ['learning.unroll_length=0']}, 'unroll_length=0'),
    ({'settings': ['queue.capacity_batches=0']}, 'deadlocks'),
    ({'num_devices': 3}, 'the nearest that can is 33'),
    ({'envs_per_actor': 5}, 'the nearest that does is 4'),
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
    ({'settings': ['network.conv_strides=4,0']}, 'at least 1 everywhere'),
    ({'settings': ['network.head_hidden=0']}, 'at least 1 everywhere'),
    ({'settings': ['environment.height=8']}, '10 to 1024'),
    ({'settings': ['optimizer.learning_rate=inf']}, 'a finite number'),
    ({'settings': ['queue.capacity_batches=1000']}, '1 to 64'),
    ({'settings': ['environment.max_pool=false']}, 'EnvPool 0.8.4 pools'),
    ({'settings': ['runtime.max_actor_restarts=5000']}, '0 to 1000'),
    (
      {'settings': ['queue.queue_port=99', 'queue.variables_port=99']},
      'two servers on one port',
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
  assert 'catch' in games.ALL_GAMES


def test_nearest_divisor():
  assert validation.nearest_divisor(32, 16) == 16
  assert validation.nearest_divisor(32, 11) == 8
  assert validation.nearest_divisor(7, 3) == 1

"""Refuses configs that are wrong, would deadlock or would waste data."""

import math

from attn_agents.algorithms import registry
from attn_agents.environments import registry as environments
from configs import errors, schema

MAX_ACTORS = 256
MAX_ENVS_PER_ACTOR = 255
RUNTIMES = ('launchpad', 'threads')


def validate(config: schema.Config, num_devices: int = 1) -> None:
  """Checks a resolved config (no automatic zeros left in `runtime`).

  Args:
    config: the whole run.
    num_devices: local learner devices that share each batch.

  Raises:
    ConfigError: with the field, its value, what was expected and why.
  """
  _validate_numbers(config)
  _validate_environment(config.environment)
  config.network.validate()
  height, width, _ = environments.spec(config.environment).observation_shape
  config.network.validate_frames(height, width)
  _validate_split(config.learning.batch_size, num_devices)
  config.learning.validate(num_devices, config.network.recurrent)
  _validate_optimizer(config)
  _validate_flow(config)
  check_cap(
    'runtime.evaluation_max_episode_frames',
    config.runtime.evaluation_max_episode_frames,
    config.environment.action_repeat,
  )


def check_cap(name: str, frames: int, action_repeat: int) -> None:
  """Checks after how many frames games are cut while scoring.

  Args:
    name: of the flag or field.
    frames: emulator frames of a game, at most.
    action_repeat: frames per agent step.

  Raises:
    ConfigError: no step fits in, or EnvPool cannot count so far.
  """
  errors.require(
    action_repeat <= frames < 2**31,
    name,
    frames,
    f'{action_repeat} (one step) to {2**31 - 1}; papers have 108000',
  )


def _validate_numbers(config: schema.Config) -> None:
  """Refuses infinity and NaN, which parse as numbers."""
  for section in ('learning', 'optimizer', 'runtime'):
    for name, value in vars(getattr(config, section)).items():
      if isinstance(value, float):
        errors.require(
          math.isfinite(value), f'{section}.{name}', value, 'a finite number'
        )


def _validate_environment(env: schema.EnvironmentConfig) -> None:
  environments.suite_of(env.game).validate(env)
  errors.require(
    not (env.zero_discount_on_life_loss and env.episodic_life),
    'environment.zero_discount_on_life_loss',
    env.zero_discount_on_life_loss,
    'False with environment.episodic_life=True, where a lost life ends the '
    'episode already',
  )
  for name in ('frame_stack', 'action_repeat', 'noop_max'):
    value = getattr(env, name)
    errors.require(value >= 1, f'environment.{name}', value, 'at least 1')
  sticky = env.sticky_action_probability
  errors.require(
    0 <= sticky < 1,
    'environment.sticky_action_probability',
    sticky,
    'a probability below 1',
  )
  errors.require(
    env.max_episode_frames >= env.action_repeat,
    'environment.max_episode_frames',
    env.max_episode_frames,
    f'at least one step of {env.action_repeat} frames',
  )


def _validate_split(batch: int, num_devices: int) -> None:
  if batch % num_devices:
    raise errors.ConfigError(
      f'learning.batch_size={batch} cannot be shared evenly by {num_devices} '
      f'devices; the nearest that can is '
      f'{errors.nearest_multiple(batch, num_devices)}'
    )


def _validate_optimizer(config: schema.Config) -> None:
  optimizer = config.optimizer
  errors.choice(
    'optimizer.name', optimizer.name, ('rmsprop', 'adam', 'centred_rmsprop')
  )
  errors.choice('optimizer.clip', optimizer.clip, ('global_norm', 'value'))
  for name in ('learning_rate', 'epsilon', 'clip_threshold'):
    value = getattr(optimizer, name)
    errors.require(value > 0, f'optimizer.{name}', value, 'a number above 0')
  for name in ('decay', 'momentum', 'adam_beta1', 'adam_beta2'):
    value = getattr(optimizer, name)
    errors.require(
      0 <= value < 1, f'optimizer.{name}', value, 'a number in [0, 1)'
    )
  anneal = optimizer.anneal_frames
  errors.require(anneal >= 0, 'optimizer.anneal_frames', anneal, '0 or more')
  errors.require(
    0 <= optimizer.anneal_to <= 1,
    'optimizer.anneal_to',
    optimizer.anneal_to,
    'a share of the learning rate, 0 to 1',
  )
  most = config.max_frames
  errors.require(most >= 0, 'max_frames', most, '0 or more')
  if optimizer.ends_run and not 0 < config.max_frames <= anneal:
    raise errors.ConfigError(
      f'max_frames={config.max_frames}: the learning rate reaches 0 after '
      f'optimizer.anneal_frames={anneal}, so nothing would be learned beyond; '
      f'the nearest valid max_frames is {anneal} (a new run may set '
      f'optimizer.anneal_frames instead)'
    )


def _validate_flow(config: schema.Config) -> None:
  """Checks that data can flow from actors through the queue to devices."""
  errors.require(
    0 <= config.seed < 2**31, 'seed', config.seed, '0 to 2**31 - 1'
  )
  _validate_runtime(config.runtime)
  _validate_waiting(config)
  algorithm = registry.get(config.algorithm)
  algorithm.validate(config)
  batch, envs = config.learning.batch_size, config.runtime.envs_per_actor
  if algorithm.replay(config) is None and batch % envs:
    raise errors.ConfigError(
      f'runtime.envs_per_actor={envs} does not divide '
      f'learning.batch_size={batch}, so no number of actors fills a batch '
      f'exactly; the nearest that does is '
      f'{errors.nearest_divisor(batch, envs)}'
    )
  _validate_queue(config.queue, config.runtime.kind)


def _validate_runtime(runtime: schema.RuntimeConfig) -> None:
  errors.choice('runtime.kind', runtime.kind, RUNTIMES)
  # The most are what the seeds of actors and environments are dealt out for.
  for name, low, most in (
    ('num_actors', 1, MAX_ACTORS),
    ('envs_per_actor', 1, MAX_ENVS_PER_ACTOR),
    ('evaluation_envs', 1, MAX_ENVS_PER_ACTOR),
    ('max_actor_restarts', 0, 1000),
  ):
    value = getattr(runtime, name)
    errors.require(
      low <= value <= most, f'runtime.{name}', value, f'{low} to {most}'
    )
  for name, low in (
    ('env_threads', 1),
    ('publish_every_updates', 1),
    ('checkpoints_kept', 1),
    ('evaluate_every_frames', 0),
    ('evaluation_episodes', 1),
    ('evaluation_steps', 0),
  ):
    value = getattr(runtime, name)
    errors.require(value >= low, f'runtime.{name}', value, f'{low} or more')
  for name in (
    'checkpoint_every_seconds',
    'log_every_seconds',
    'stall_seconds',
  ):
    value = getattr(runtime, name)
    errors.require(value > 0, f'runtime.{name}', value, 'seconds above 0')


def _validate_queue(queue: schema.QueueConfig, runtime: str) -> None:
  for name in ('capacity_batches', 'prefetch_batches'):
    value = getattr(queue, name)
    errors.require(
      1 <= value <= 64,
      f'queue.{name}',
      value,
      '1 to 64: 0 deadlocks, and each waiting batch makes data older',
    )
  for name in ('queue_port', 'variables_port'):
    value = getattr(queue, name)
    errors.require(
      0 <= value < 65536, f'queue.{name}', value, 'a port, or 0 for any'
    )
    errors.require(
      not value or runtime == 'launchpad',
      f'queue.{name}',
      value,
      f'0: --runtime={runtime} opens no ports',
    )
  if queue.queue_port and queue.queue_port == queue.variables_port:
    raise errors.ConfigError(
      f'queue.queue_port and queue.variables_port are both '
      f'{queue.queue_port}: two servers on one port start silently and take '
      'half of the clients each; give them different ports'
    )


def validate_memory(config: schema.Config, memory_bytes: int) -> None:
  """Refuses a replay that this machine cannot hold.

  Args:
    config: the whole run.
    memory_bytes: of the machine.

  Raises:
    ConfigError: with the largest replay that fits in.
  """
  replay = registry.get(config.algorithm).replay(config)
  if replay is None or replay.num_bytes <= memory_bytes:
    return
  each = replay.num_bytes // replay.capacity
  raise errors.ConfigError(
    f'learning.replay_capacity={replay.capacity} transitions take '
    f'{replay.num_bytes / 1e9:.1f} GB, this machine has '
    f'{memory_bytes / 1e9:.1f} GB; at most {memory_bytes // each} fit in, and '
    'the rest of the run needs its own'
  )


def _validate_waiting(config: schema.Config) -> None:
  """Checks that one unroll of every actor makes a batch, if actors wait."""
  reason = registry.get(config.algorithm).why_actors_wait(config)
  if reason is None:
    return
  runtime, batch = config.runtime, config.learning.batch_size
  why = f'under {reason} actors wait for every update'
  together = runtime.num_actors * runtime.envs_per_actor
  if together != batch:
    actors = errors.nearest_divisor(batch, runtime.num_actors)
    raise errors.ConfigError(
      f'{runtime.num_actors} actors x {runtime.envs_per_actor} environments: '
      f'{why}, so together they must be '
      f'learning.batch_size={batch}; the nearest that fit are '
      f'--num_actors={actors} --envs_per_actor={batch // actors}, or '
      f'learning.batch_size={together}'
    )
  errors.require(
    runtime.publish_every_updates == 1,
    'runtime.publish_every_updates',
    runtime.publish_every_updates,
    f'1: {why}',
  )

"""Refuses configs that are wrong, would deadlock or would waste data."""

from attn_agents.algorithms import registry
from attn_agents.environments import registry as environments
from configs import errors, memory, ranges, schema

RUNTIMES = ('launchpad', 'threads')


def validate(config: schema.Config, num_devices: int) -> None:
  """Checks a resolved config (no automatic zeros left in `runtime`).

  Args:
    config: the whole run.
    num_devices: local learner devices that share each batch.

  Raises:
    ConfigError: with the field, its value, what was expected and why.
  """
  ranges.check(config)
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
  """Checks after how many frames games are cut, while learning or scoring.

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


def _validate_environment(env: schema.EnvironmentConfig) -> None:
  environments.suite_of(env.game).validate(env)
  errors.require(
    not (env.zero_discount_on_life_loss and env.episodic_life),
    'environment.zero_discount_on_life_loss',
    env.zero_discount_on_life_loss,
    'False with environment.episodic_life=True, where a lost life ends the '
    'episode already',
  )
  check_cap(
    'environment.max_episode_frames', env.max_episode_frames, env.action_repeat
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
  anneal = optimizer.anneal_frames
  if optimizer.ends_run and not 0 < config.max_frames <= anneal:
    raise errors.ConfigError(
      f'max_frames={config.max_frames}: the learning rate reaches 0 after '
      f'optimizer.anneal_frames={anneal}, so nothing would be learned beyond; '
      f'the nearest valid max_frames is {anneal} (a new run may set '
      f'optimizer.anneal_frames instead)'
    )


def _validate_flow(config: schema.Config) -> None:
  """Checks that data can flow from actors through the queue to devices."""
  repeat = environments.spec(config.environment).action_repeat
  most = ranges.MAX_STEPS * repeat
  errors.require(
    config.max_frames <= most,
    'max_frames',
    config.max_frames,
    f'at most {most}, {ranges.MAX_STEPS} agent steps of {repeat} frames',
  )
  _validate_runtime(config.runtime)
  _validate_waiting(config)
  algorithm = registry.get(config.algorithm)
  algorithm.validate(config)
  members = environments.members(config.environment.game)
  if algorithm.replay(config) is not None and len(members) > 1:
    raise errors.ConfigError(
      f'game={config.environment.game}: expected one game with '
      f'{config.algorithm}, whose replay takes the rows of an environment for '
      f'one stream, as --game={members[0]}'
    )
  batch, envs = config.learning.batch_size, config.runtime.envs_per_actor
  if algorithm.replay(config) is None and batch % envs:
    raise errors.ConfigError(
      f'runtime.envs_per_actor={envs} does not divide '
      f'learning.batch_size={batch}, so no number of actors fills a batch '
      f'exactly; the nearest that does is '
      f'{errors.nearest_divisor(batch, envs)}'
    )
  _validate_queue(config.queue, config.runtime.kind)
  _validate_packing(config)


def _validate_runtime(runtime: schema.RuntimeConfig) -> None:
  errors.choice('runtime.kind', runtime.kind, RUNTIMES)
  runtime.updates_to_profile()
  # 0 leaves the number to the machine, which is decided by now.
  for name in ('num_actors', 'envs_per_actor', 'env_threads'):
    value = getattr(runtime, name)
    errors.require(value >= 1, f'runtime.{name}', value, 'at least 1')


def _validate_queue(queue: schema.QueueConfig, runtime: str) -> None:
  for name in ('queue_port', 'variables_port'):
    value = getattr(queue, name)
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


def _validate_packing(config: schema.Config) -> None:
  packing, runtime = config.queue.packing, config.runtime.kind
  errors.choice('queue.packing', packing, ('auto', 'on', 'off'))
  errors.require(
    packing != 'on' or runtime == 'launchpad',
    'queue.packing',
    packing,
    f'auto or off: under --runtime={runtime} trajectories are not sent',
  )
  unpack_on = config.queue.unpack_on
  errors.choice('queue.unpack_on', unpack_on, ('host', 'device'))
  errors.require(
    unpack_on == 'host' or (runtime == 'launchpad' and packing != 'off'),
    'queue.unpack_on',
    unpack_on,
    f'host: nothing is packed with queue.packing={packing} under '
    f'--runtime={runtime}',
  )
  errors.require(
    unpack_on == 'host'
    or registry.get(config.algorithm).replay(config) is None,
    'queue.unpack_on',
    unpack_on,
    f'host: {config.algorithm} has a replay, whose frames the host unpacks',
  )


def validate_memory(config: schema.Config, memory_bytes: int) -> None:
  """Refuses a run whose data this machine cannot hold.

  Args:
    config: the whole run, complete.
    memory_bytes: of the machine, or its container's limit if that is smaller.

  Raises:
    ConfigError: with the setting that takes most, and the most that fits in.
  """
  found = memory.parts(config)
  total = sum(part.num_bytes for part in found)
  if total <= memory_bytes:
    return
  needs = (
    f'this run keeps at least {_gigabytes(total)} in memory ('
    + ', '.join(f'{part.name} {_gigabytes(part.num_bytes)}' for part in found)
    + f'), and this machine has {_gigabytes(memory_bytes)}'
  )
  replay = registry.get(config.algorithm).replay(config)
  if replay is not None and 2 * replay.num_bytes >= total:
    name, value = 'learning.replay_capacity', replay.capacity
    left = memory_bytes - (total - replay.num_bytes)
    fits = left // (replay.num_bytes // replay.capacity)
  else:
    name, value = 'learning.unroll_length', config.learning.unroll_length
    rows = sum(part.num_bytes for part in found if part.per_row)
    left = memory_bytes - (total - rows)
    fits = left // (rows // (value + 1)) - 1
  advice = f'at most {fits} fits in'
  if fits < 1:
    advice = (
      'fewer actors or environments, smaller frames or a smaller '
      'learning.batch_size are needed'
    )
  raise errors.ConfigError(f'{name}={value}: {needs}; {advice}')


def _gigabytes(num_bytes: int) -> str:
  return f'{num_bytes / 1e9:,.1f} GB'


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

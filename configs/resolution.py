"""Turns a user's request into a complete config for this machine."""

import dataclasses
import os.path
from collections.abc import Sequence

from attn_agents.algorithms import registry
from configs import (
  agents,
  errors,
  games,
  overrides,
  ranges,
  schema,
  validation,
)

_MAX_ENVS_PER_ACTOR = 16
# Each actor is making an unroll. Together they make at most this many batches,
# since an unroll is that many updates old when it is used.
_MAX_BATCHES_IN_ACTORS = 8
# For a replay, where updates and not actors set the pace.
_MAX_REPLAY_ACTORS = 4
_REPLAY_ENVS_PER_ACTOR = 8
# Presets that say how large a network is; others say how it learns.
_ANY_ALGORITHM = ('paper', 'small')
# Other settings follow from these, so that `--set` comes too late for them.
_FLAG_ONLY = {
  'agent': 'agent',
  'preset': 'preset',
  'algorithm': 'algorithm',
  'environment.game': 'game',
  'runtime.kind': 'runtime',
}


@dataclasses.dataclass(frozen=True)
class Request:
  """What the command line says; None leaves the preset's value.

  Attributes:
    agent, game, preset, algorithm, runtime: names; the last three may be
      'auto'.
    seed, max_frames, max_hours, num_actors, envs_per_actor: see `schema`.
    evaluate_every: `runtime.evaluate_every_frames`.
    profile_updates: see `schema`.
    init_from: `runtime.init_from`; may be relative, or begin with `~`.
    settings: 'section.field=value' strings, applied last.
  """

  agent: str = 's3ta'
  game: str = 'ms_pacman'
  preset: str = 'auto'
  algorithm: str = agents.AUTO
  runtime: str = 'auto'
  seed: int | None = None
  max_frames: int | None = None
  max_hours: float | None = None
  num_actors: int | None = None
  envs_per_actor: int | None = None
  evaluate_every: int | None = None
  profile_updates: str | None = None
  init_from: str | None = None
  settings: Sequence[str] = ()


def check_names(request: Request) -> None:
  """Refuses unknown names. Runs first, since it needs no look at the machine.

  Raises:
    ConfigError: naming the nearest agent, game, preset, algorithm, runtime or
      setting.
  """
  if request.agent not in agents.AGENTS:
    raise errors.unknown('agent', request.agent, agents.AGENTS)
  games.check(request.game)
  presets = ('auto', *agents.AGENTS[request.agent])
  if request.preset not in presets:
    raise errors.unknown(f'preset of {request.agent}', request.preset, presets)
  preset = 'small' if request.preset == 'auto' else request.preset
  config = agents.make(request.agent, preset, request.algorithm)
  own = agents.make(request.agent, preset).algorithm
  if preset not in _ANY_ALGORITHM and config.algorithm != own:
    raise errors.ConfigError(
      f'preset {preset} is about how {registry.get(own).title} learns, which '
      f'--algorithm={request.algorithm} replaces; expected --preset='
      + ' or '.join(_ANY_ALGORITHM)
    )
  if request.runtime not in ('auto', *validation.RUNTIMES):
    raise errors.unknown(
      'runtime', request.runtime, ('auto', *validation.RUNTIMES)
    )
  for setting in request.settings:
    name = setting.partition('=')[0].strip()
    flag = _FLAG_ONLY.get(name)
    if flag:
      raise errors.ConfigError(f'--set={setting}: use --{flag} instead')
  ranges.check(overrides.apply(config, request.settings))


def choose_preset(preset: str, platform: str) -> tuple[str, str]:
  """(preset, why): 'auto' takes 'paper' on an accelerator, 'small' on CPU."""
  if preset != 'auto':
    return preset, 'asked for'
  if platform == 'cpu':
    return 'small', 'no accelerator found; the paper sizes need one'
  return 'paper', f'found an accelerator ({platform})'


def choose_algorithm(request: Request, config: schema.Config) -> str:
  """Why a run learns by its algorithm: 'auto' takes the preset's own."""
  if request.algorithm != agents.AUTO:
    return 'asked for'
  return f'what preset {config.preset} of {config.agent} is made for'


def choose_runtime(runtime: str, missing: Sequence[str]) -> tuple[str, str]:
  """(runtime, why): 'auto' takes 'launchpad' unless libraries are missing.

  Args:
    runtime: 'auto', 'launchpad' or 'threads'.
    missing: libraries of the Launchpad runtime that are not installed.

  Raises:
    ConfigError: 'launchpad' was asked for and cannot be had.
  """
  lacks = f'{" and ".join(missing)} not installed'
  if runtime == 'launchpad' and missing:
    raise errors.ConfigError(
      f'--runtime=launchpad: {lacks} (wheels exist for Python 3.10 on Linux '
      'x86-64 only: `make setup`); --runtime=threads does without'
    )
  if runtime != 'auto':
    return runtime, 'asked for'
  if missing:
    return 'threads', lacks
  return 'launchpad', 'Launchpad and Reverb are installed'


def resolve(
  request: Request,
  platform: str,
  num_devices: int,
  cores: int,
  missing: Sequence[str] = (),
  num_hosts: int = 1,
) -> schema.Config:
  """The complete, validated config of a run on this machine.

  Args:
    request: what the user asked for.
    platform: 'cpu', 'gpu' or 'tpu', where the learner runs.
    num_devices: local learner devices.
    cores: usable CPU cores.
    missing: libraries of the Launchpad runtime that are not installed.
    num_hosts: learner hosts, each of which feeds an equal share of a batch and
      has as many devices as this one.

  Raises:
    ConfigError: one line saying what is wrong and what would be right.
  """
  check_names(request)
  preset, _ = choose_preset(request.preset, platform)
  config = agents.make(request.agent, preset, request.algorithm)
  config = dataclasses.replace(
    config,
    environment=games.with_game(config.environment, request.game),
  )
  runtime, _ = choose_runtime(request.runtime, missing)
  asked = {
    'runtime.kind': runtime,
    'seed': request.seed,
    'max_frames': request.max_frames,
    'max_hours': request.max_hours,
    'runtime.num_actors': request.num_actors,
    'runtime.envs_per_actor': request.envs_per_actor,
    'runtime.evaluate_every_frames': request.evaluate_every,
    'runtime.profile_updates': request.profile_updates,
    'runtime.init_from': request.init_from,
  }
  settings = [f'{k}={v}' for k, v in asked.items() if v is not None]
  config = overrides.apply(config, [*settings, *request.settings])
  # Before anything is computed from numbers that may be absurd.
  ranges.check(config)
  config = _with_absolute_paths(config)
  if not config.max_frames and config.optimizer.ends_run:
    config = dataclasses.replace(
      config, max_frames=config.optimizer.anneal_frames
    )
  if num_hosts == 1:
    config = fit_to_machine(config, platform, cores)
    validation.validate(config, num_devices)
    return config
  return _fit_share(config, platform, cores, num_devices, num_hosts)


def _fit_share(
  config: schema.Config,
  platform: str,
  cores: int,
  num_devices: int,
  num_hosts: int,
) -> schema.Config:
  """Fits and checks what one of several hosts does of a run."""
  batch = config.learning.batch_size
  devices = num_hosts * num_devices
  if batch % devices:
    raise errors.ConfigError(
      f'learning.batch_size={batch} cannot be shared evenly by {num_hosts} '
      f'hosts of {num_devices} devices each; the nearest that can is '
      f'{errors.nearest_multiple(batch, devices)}'
    )
  share = batch // num_hosts
  part = dataclasses.replace(
    config, learning=dataclasses.replace(config.learning, batch_size=share)
  )
  try:
    part = fit_to_machine(part, platform, cores)
    validation.validate(part, num_devices)
  except errors.ConfigError as error:
    raise errors.ConfigError(
      f'{error} (each of {num_hosts} hosts has learning.batch_size={share} of '
      f'{batch})'
    ) from None
  return dataclasses.replace(part, learning=config.learning)


def _with_absolute_paths(config: schema.Config) -> schema.Config:
  """The run's processes work in another directory than the command."""
  init_from = config.runtime.init_from
  if not init_from or init_from.startswith(schema.ZOO_PREFIX):
    return config
  path = os.path.abspath(os.path.expanduser(init_from))
  runtime = dataclasses.replace(config.runtime, init_from=path)
  return dataclasses.replace(config, runtime=runtime)


def fit_to_machine(
  config: schema.Config, platform: str, cores: int
) -> schema.Config:
  """Replaces the automatic zeros of `runtime` by numbers for this machine.

  On CPU the learner gets about half of the cores. With an accelerator it gets
  one, and one more is left to what moves data: servers, or other threads.
  Actors in threads are at least two where there are two cores: learner and
  policies share JAX's threads, so a lone actor waits for the learner while its
  environments stand still. In lock step the environments get all cores, since
  the learner waits for them.
  """
  runtime, learning = config.runtime, config.learning
  batch = learning.batch_size
  spare = max(1, cores // 2 if platform == 'cpu' else cores - 2)
  replays = registry.get(config.algorithm).replay(config) is not None
  if runtime.kind == 'threads' and not (learning.lock_step or replays):
    spare = max(spare, min(2, cores))
  if learning.max_policy_lag is not None:
    num_actors, envs = _fit_waiting(runtime, batch, spare)
  elif replays:
    num_actors = runtime.num_actors or min(spare, _MAX_REPLAY_ACTORS)
    envs = runtime.envs_per_actor or _REPLAY_ENVS_PER_ACTOR
  else:
    num_actors, envs = _fit_free(runtime, batch, spare)
  theirs = cores if learning.lock_step else cores // 2
  threads = runtime.env_threads or min(envs, max(1, theirs // num_actors))
  return dataclasses.replace(
    config,
    runtime=dataclasses.replace(
      runtime, num_actors=num_actors, envs_per_actor=envs, env_threads=threads
    ),
  )


def _fit_free(
  runtime: schema.RuntimeConfig, batch: int, spare: int
) -> tuple[int, int]:
  """Number of actors, and of environments per actor, if no actor waits."""
  envs = runtime.envs_per_actor or errors.nearest_divisor(
    batch, _MAX_ENVS_PER_ACTOR
  )
  most = min(schema.MAX_ACTORS, _MAX_BATCHES_IN_ACTORS * max(1, batch // envs))
  return runtime.num_actors or min(spare, most), envs


def _fit_waiting(
  runtime: schema.RuntimeConfig, batch: int, spare: int
) -> tuple[int, int]:
  """The same, if one unroll of every actor makes one batch."""
  if runtime.envs_per_actor:
    num_actors = batch // runtime.envs_per_actor
    return runtime.num_actors or max(1, num_actors), runtime.envs_per_actor
  num_actors = runtime.num_actors or errors.nearest_divisor(
    batch, spare, least=batch / schema.MAX_ENVS_PER_ACTOR
  )
  errors.require(
    bool(runtime.num_actors) or num_actors <= schema.MAX_ACTORS,
    'learning.batch_size',
    batch,
    f'a product of at most {schema.MAX_ACTORS} actors and '
    f'{schema.MAX_ENVS_PER_ACTOR} environments each, since one unroll of every '
    'actor makes a batch; 32768 is one',
  )
  return num_actors, max(1, batch // num_actors)

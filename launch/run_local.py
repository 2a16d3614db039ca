#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
"""Trains an agent on this machine: actors, a queue, and a learner.

    launch/run_local.py --agent=s3ta --game=ms_pacman

The same command again continues the run. Exit codes: 0 done, or stopped by
Ctrl-C and saved; 75 stopped by the machine and saved, to be continued; 1
failed; 2 bad input; 130/143 stopped with nothing saved.
"""

import os
import sys
from collections.abc import Callable, Mapping

from absl import flags

from attn_agents.algorithms import registry
from attn_agents.distributed import (
  isolation,
  lifecycle,
  mirroring,
  outcome,
  process_environment,
  topology,
)
from attn_agents.distributed.hosts import facts
from attn_agents.evaluation import protocols
from attn_agents.runs import (
  initial_parameters,
  kept_replays,
  run_directory,
  saved_runs,
)
from attn_agents.utils import machine, output, stopping, tpu_metadata
from configs import errors, resolution, schema
from launch import command_line, paths, this_machine

_AGENT = flags.DEFINE_string('agent', 's3ta', 'Agent to train.')
_GAME = flags.DEFINE_string('game', 'ms_pacman', 'Game to play.')
_PRESET = flags.DEFINE_string(
  'preset',
  'auto',
  'paper (published sizes), small (for a few CPU cores), or auto: paper with '
  'an accelerator, small without one.',
)
_ALGORITHM = flags.DEFINE_string(
  'algorithm',
  'auto',
  'How the agent learns: '
  + ', '.join(registry.ALGORITHMS)
  + ", or auto: the preset's own. No agent can learn by all of them.",
)
_LOGDIR = paths.define(
  'logdir',
  None,
  "The run's directory, or its place in a bucket (gs://bucket/path or "
  's3://bucket/path). If unset: runs/<agent>_<algorithm>_<game>_<preset>.',
)
_RUNTIME = flags.DEFINE_string(
  'runtime',
  'auto',
  'launchpad (several processes, through Reverb), threads (one process, no '
  'ports), or auto: launchpad if it is installed.',
)
_NUM_ACTORS = flags.DEFINE_integer(
  'num_actors', None, 'Number of actors: processes, or threads.'
)
_ENVS_PER_ACTOR = flags.DEFINE_integer(
  'envs_per_actor', None, 'Environments of each actor.'
)
_MAX_FRAMES = flags.DEFINE_integer(
  'max_frames',
  None,
  'Emulator frames to train for. If unset or 0: until stopped, or until an '
  'annealed learning rate reaches 0.',
)
_EVALUATE_EVERY = flags.DEFINE_integer(
  'evaluate_every',
  None,
  'Emulator frames between two evaluations during training. They keep the best '
  'checkpoint. If unset or 0, there are none.',
)
_INIT_FROM = paths.define(
  'init_from',
  None,
  'Directory of a run. A new run starts from the parameters of its newest '
  'checkpoint; hard attention, from those of the convolutions only.',
)
_SEED = flags.DEFINE_integer(
  'seed', None, 'Seed of parameters, policies and environments.'
)
_SET = flags.DEFINE_multi_string(
  'set', [], 'A field of the config, as section.field=value'
)
_ALLOW_OPEN_PORTS = flags.DEFINE_bool(
  'allow_open_ports',
  False,
  'Run even if the system does not let the run confine itself to loopback. '
  'Its ports are then open to the network.',
)


def main() -> int:
  """Trains on this host alone."""
  return train()


def train(
  hosts: topology.Hosts | None = None,
  meet: Callable[[Mapping[str, str]], None] = lambda _: None,
) -> int:
  """Checks everything, then runs the program; returns the exit code.

  Args:
    hosts: the learner hosts, if there are several.
    meet: called with what must be the same on all of them, when this one is
      ready and has written nothing yet.
  """
  request = resolution.Request(
    agent=_AGENT.value,
    game=_GAME.value,
    preset=_PRESET.value,
    algorithm=_ALGORITHM.value,
    runtime=_runtime(hosts),
    seed=_SEED.value,
    max_frames=_MAX_FRAMES.value,
    num_actors=_NUM_ACTORS.value,
    envs_per_actor=_ENVS_PER_ACTOR.value,
    evaluate_every=_EVALUATE_EVERY.value,
    init_from=_INIT_FROM.value,
    settings=_SET.value,
  )
  resolution.check_names(request)
  _, why = resolution.choose_runtime(
    request.runtime, machine.missing_libraries()
  )
  here = this_machine.probe()
  devices, cores = here.devices, here.host.cores
  config = here.resolve(request, hosts.count if hosts else 1)
  run, mirror = mirroring.open_run(
    '--logdir',
    _logdir(config, hosts),
  )
  continued = run.check(config)
  if config.runtime.init_from and not continued:
    initial_parameters.check(config)
  if config.runtime.evaluate_every_frames:
    protocols.require_same_cap(
      run.evaluation_curve, config.runtime.evaluation_max_episode_frames
    )
  place = topology.local(config, str(run.path), devices.count, hosts)
  meet(facts.of(config, devices))
  if mirror is not None:
    mirror.start()
  # While the cloud's metadata server can be reached.
  tpu_env = tpu_metadata.read() if devices.platform == 'tpu' else ''
  confinement = _confine(place)
  if isolation.is_confined():
    os.environ.update(process_environment.of_confined_tpu(tpu_env))
  requests = stopping.Requests()
  requests.listen()
  if continued and not _wait_for_former_run(run, requests):
    ending = outcome.before_start(
      requests.first, has_checkpoint=bool(saved_runs.steps(run.checkpoints))
    )
    output.say(ending.cause)
    return ending.code
  topology.check_ports(config.queue)
  run.open(config, devices)
  if mirror is not None:
    mirror.go()
  _print_plan(request, config, run, devices, cores, continued)
  output.say(f'runtime   {config.runtime.kind} ({why})')
  output.say(f'network   {confinement}')
  if hosts is not None:
    output.say(
      f'hosts     {hosts.index} of {hosts.count} ({hosts.how}), coordinator '
      f'{hosts.address}'
    )
  if mirror is not None:
    output.say(f'bucket    {mirror.description}')

  # Only now, since these start threads, which confinement forbids.
  from attn_agents.distributed import console, supervisor

  title = (
    f'{config.agent} on {config.environment.game} '
    f'({config.algorithm}, {config.preset})'
  )
  shown = console.make(run.path, title, config.max_frames)
  ending = supervisor.Supervisor(
    place, shown, requests, spared=mirror.pid if mirror else None
  ).run()
  if mirror is not None:
    ending = mirror.end(ending, requests, config.runtime.stall_seconds)
  output.say(ending.cause)
  return ending.code


def _runtime(hosts: topology.Hosts | None) -> str:
  """The runtime that was asked for; of several hosts, the one there is."""
  asked = _RUNTIME.value
  if hosts is None or asked not in ('auto', 'launchpad'):
    return asked
  if asked == 'launchpad':
    raise errors.ConfigError(
      '--runtime=launchpad with several hosts: expected --runtime=threads'
    )
  return 'threads'


def _logdir(config: schema.Config, hosts: topology.Hosts | None) -> str:
  """The directory of this host; that of host 0 is the run's."""
  logdir = (
    _LOGDIR.value
    or f'runs/{config.agent}_{config.algorithm}_{config.environment.game}_'
    f'{config.preset}'
  )
  if hosts is None or hosts.index == 0:
    return logdir
  return f'{logdir}/{run_directory.HOSTS}/{hosts.index}'


def _confine(place: topology.Topology) -> str:
  """Cuts this process off the network, and says how in one line.

  Raises:
    ConfigError: that is not possible, and `--allow_open_ports` is not set.
  """
  if place.runtime == 'threads':
    return 'opens no ports'
  ports = ' and '.join(
    str(topology.port_of(address))
    for address in (place.queue_address, place.variables_address)
  )
  result = isolation.confine_to_loopback()
  if result.confined:
    return f'confined to loopback ({result.detail}), ports {ports}'
  if not _ALLOW_OPEN_PORTS.value:
    raise errors.ConfigError(
      f'this run cannot confine itself to loopback ({result.detail}): ports '
      f'{ports} would be open to the network without authentication; '
      '--runtime=threads opens none; if something else keeps others out (a '
      'container without a network, a NetworkPolicy, a firewall) or open ports '
      'are acceptable here, pass --allow_open_ports'
    )
  return (
    f'NOT confined ({result.detail}): whoever reaches ports {ports} of this '
    'machine or container can write to them; only what lies around it (a '
    'NetworkPolicy, a firewall) keeps others out'
  )


def _wait_for_former_run(
  run: run_directory.RunDirectory, requests: stopping.Requests
) -> bool:
  """Locks the run and waits for what is left of it after a kill.

  Its learner may still be saving, and its servers may hold the ports.

  Returns:
    Whether all of it has ended; False after a request to stop.

  Raises:
    ConfigError: the run is in use, or something of it does not end.
  """
  run.lock()
  seconds = lifecycle.FORMER_RUN_SECONDS
  if lifecycle.wait_for_former_run(
    run.path, seconds, lambda: bool(requests.first)
  ):
    return True
  left = lifecycle.left_behind(run.path)
  if left and not requests.first:
    listed = ', '.join(f'{status.name} (pid {status.pid})' for status in left)
    raise errors.ConfigError(
      f'--logdir={run.path}: {listed} of its former run did not end within '
      f'{seconds:g} seconds; wait until it has saved, or end it, and run this '
      'command again'
    )
  return not requests.first


def _print_plan(
  request: resolution.Request,
  config: schema.Config,
  run: run_directory.RunDirectory,
  devices: machine.Devices,
  cores: int,
  continued: bool,
) -> None:
  """Prints what is about to run, and what was chosen for this machine."""
  runtime, algorithm = config.runtime, registry.get(config.algorithm)
  unit = 'threads' if runtime.kind == 'threads' else 'processes'
  _, why = resolution.choose_preset(request.preset, devices.platform)
  frames = f'{config.max_frames:,} frames' if config.max_frames else 'no end'
  lines = {
    'agent': f'{config.agent} on {config.environment.game}, {frames}, '
    f'seed {config.seed}',
    'algorithm': f'{config.algorithm}, {algorithm.describe(config)} '
    f'({resolution.choose_algorithm(request, config)})',
    'preset': f'{config.preset} ({why})',
    'machine': f'{cores} cores, {devices.count} x {devices.kind}',
    'actors': f'{runtime.num_actors} {unit} x {runtime.envs_per_actor} '
    f'environments, {runtime.env_threads} threads each',
    'learner': algorithm.describe_batch(config),
    **_replay(config, run, continued),
    **_evaluation(runtime),
    'logdir': f'{run.path} ({"continued" if continued else "new"})',
  }
  for name, text in lines.items():
    output.say(f'{name:<10}{text}')


def _evaluation(runtime: schema.RuntimeConfig) -> dict[str, str]:
  if not runtime.evaluate_every_frames:
    return {}
  length = f'{runtime.evaluation_episodes} games'
  if runtime.evaluation_steps:
    length = f'{runtime.evaluation_steps:,} steps'
  cap = runtime.evaluation_max_episode_frames
  if cap != protocols.MAX_EPISODE_FRAMES:
    length += f', cut after {cap:,} frames,'
  return {
    'evaluator': f'{length} at least every '
    f'{runtime.evaluate_every_frames:,} frames'
  }


def _replay(
  config: schema.Config, run: run_directory.RunDirectory, continued: bool
) -> dict[str, str]:
  replay = registry.get(config.algorithm).replay(config)
  if replay is None:
    return {}
  memory = machine.describe().memory_bytes
  text = (
    f'{replay.capacity:,} transitions, at most {replay.num_bytes / 1e9:.2f} GB '
    f'of {memory / 1e9:.1f} GB'
  )
  step = saved_runs.newest(run) if continued else None
  if step is not None:
    if kept_replays.find(run.replay, config.runtime.kind, step):
      text += f'; continues with that of update {step}'
    else:
      text += f'; none was kept with update {step}, so it is filled again first'
  return {'replay': text}


if __name__ == '__main__':
  sys.exit(command_line.run(main))

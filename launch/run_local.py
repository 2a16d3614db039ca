#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
"""Trains an agent on this machine: actors, a queue, and a learner.

    launch/run_local.py --agent=s3ta --game=ms_pacman

The same command again continues the run. Exit codes: 0 done, or stopped by
Ctrl-C and saved; 75 stopped by the machine and saved, to be continued; 1
failed; 2 bad input; 130/143 stopped with nothing saved.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence

from absl import flags

from attn_agents.algorithms import registry
from attn_agents.distributed import (
  isolation,
  lifecycle,
  mirroring,
  opening,
  outcome,
  process_environment,
  serving,
  topology,
)
from attn_agents.distributed.hosts import facts
from attn_agents.environments import mixed_suite
from attn_agents.evaluation import protocols
from attn_agents.runs import (
  initial_parameters,
  run_directory,
  saved_runs,
)
from attn_agents.utils import (
  compile_cache,
  machine,
  output,
  stopping,
  tpu_metadata,
)
from configs import errors, games, resolution, schema
from launch import announcement, command_line, paths, this_machine

_AGENT = flags.DEFINE_string('agent', 's3ta', 'Agent to train.')
_GAME = flags.DEFINE_string(
  'game',
  'ms_pacman',
  'Game to play. Several, which one agent plays: their names with commas, or a '
  f'set ({", ".join(mixed_suite.SETS)}).',
)
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
_MAX_HOURS = flags.DEFINE_float(
  'max_hours',
  None,
  'Hours of running after which the run ends, too, over all of its starts. If '
  'unset or 0: no such end.',
)
_PROFILE_UPDATES = flags.DEFINE_string(
  'profile_updates',
  None,
  "a:b leaves a profile of the run's updates a to b - 1, for TensorBoard.",
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
  'Directory of a run or an exported agent, or zoo:<name>. A new run starts '
  'from the parameters of its newest checkpoint; hard attention, from those of '
  'the convolutions only.',
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
  'Run even if the system does not let the run confine itself to loopback; and '
  'between hosts, without relay and key. Ports are then open to the network.',
)


def main() -> int:
  """Trains on this host alone."""
  return train()


def train(
  hosts: topology.Hosts | None = None,
  meet: Callable[[Mapping[str, str]], None] = lambda _: None,
  listen: str = '',
  actors: Sequence[int] | None = None,
) -> int:
  """Checks everything, then runs the program; returns the exit code.

  Args:
    hosts: the learner hosts, if there are several.
    meet: called with what must be the same on all of them, when this one is
      ready and has written nothing yet.
    listen: 'address:port' for actor hosts; '' if there are none.
    actors: indices of those that play here; None for all.
  """
  request = requested()
  resolution.check_names(request)
  _, why = resolution.choose_runtime(
    request.runtime, machine.missing_libraries()
  )
  here = this_machine.probe()
  devices, cores = here.devices, here.host.cores
  config = here.resolve(request, hosts.count if hosts else 1)
  run, mirror = mirroring.open_run('--logdir', _logdir(config, hosts))
  continued = run.check(config)
  if config.runtime.init_from and not continued:
    initial_parameters.check(config)
  if config.runtime.evaluate_every_frames:
    protocols.require_same_cap(
      run.evaluation_curve, config.runtime.evaluation_max_episode_frames
    )
  place = topology.local(config, str(run.path), devices.count, hosts)
  place = serving.with_actors(place, actors)
  served = place.runtime == 'launchpad' and bool(hosts or listen)
  listening = None
  is_open = served and _ALLOW_OPEN_PORTS.value
  if is_open:
    place = opening.open_to_hosts(place, listen)
  elif hosts or listen:
    listening = serving.prepare(place, listen)
  meet(facts.of(config, devices))
  if mirror is not None:
    mirror.start()
  # While the cloud's metadata server can be reached.
  tpu_env = tpu_metadata.read() if devices.platform == 'tpu' else ''
  confinement = 'Reverb in a network of its own, with loopback only'
  if not served:
    confinement = opening.confine(place, _ALLOW_OPEN_PORTS.value)
  elif is_open:
    confinement = opening.describe(place)
  if isolation.is_confined():
    os.environ.update(process_environment.of_confined_tpu(tpu_env))
  requests = stopping.Requests()
  requests.listen()
  if continued and not wait_for_former_run(run, requests):
    ending = outcome.before_start(
      requests.first, has_checkpoint=bool(saved_runs.steps(run.checkpoints))
    )
    output.say(ending.cause)
    return ending.code
  if not served:
    topology.check_ports(config.queue)
  run.open(config, devices)
  relay = None
  if served and not is_open:
    place, relay = serving.start(place, listening, facts.of_play(config))
  if mirror is not None:
    mirror.go()
  announcement.print_plan(request, config, run, devices, cores, continued)
  output.say(f'runtime   {config.runtime.kind} ({why})')
  output.say(f'network   {confinement}')
  if hosts is not None:
    output.say(
      f'hosts     {hosts.index} of {hosts.count} ({hosts.how}), coordinator '
      f'{hosts.address}'
    )
  if listening is not None:
    key = serving.key_path(run)
    output.say(f'listens   {listen}, for actor hosts that have {key}')
  elif listen:
    output.say(f'listens   {listen}, for whoever reaches it')
  if mirror is not None:
    output.say(f'bucket    {mirror.description}')

  compile_cache.tidy()
  # Only now, since these start threads, which confinement forbids.
  from attn_agents.distributed import console, supervisor

  title = (
    f'{config.agent} on {config.environment.game} '
    f'({config.algorithm}, {config.preset})'
  )
  shown = console.make(run.path, title, config.max_frames, config.max_hours)
  ending = supervisor.Supervisor(
    place, shown, requests, spared=[x.pid for x in (mirror, relay) if x]
  ).run()
  if relay is not None:
    relay.close()
  if mirror is not None:
    ending = mirror.end(ending, requests, config.runtime.stall_seconds)
  output.say(ending.cause)
  return ending.code


def allows_open_ports() -> bool:
  """Whether the flags say so."""
  return bool(_ALLOW_OPEN_PORTS.value)


def requested() -> resolution.Request:
  """What the flags say."""
  return resolution.Request(
    agent=_AGENT.value,
    game=_GAME.value,
    preset=_PRESET.value,
    algorithm=_ALGORITHM.value,
    runtime=_RUNTIME.value,
    seed=_SEED.value,
    max_frames=_MAX_FRAMES.value,
    max_hours=_MAX_HOURS.value,
    num_actors=_NUM_ACTORS.value,
    envs_per_actor=_ENVS_PER_ACTOR.value,
    evaluate_every=_EVALUATE_EVERY.value,
    profile_updates=_PROFILE_UPDATES.value,
    init_from=_INIT_FROM.value,
    settings=_SET.value,
  )


def logdir_of(config: schema.Config) -> str:
  """The run's directory."""
  return (
    _LOGDIR.value
    or f'runs/{config.agent}_{config.algorithm}_'
    f'{games.in_directory(config.environment.game)}_{config.preset}'
  )


def _logdir(config: schema.Config, hosts: topology.Hosts | None) -> str:
  """The directory of this host; that of host 0 is the run's."""
  logdir = logdir_of(config)
  if hosts is None or hosts.index == 0:
    return logdir
  return f'{logdir}/{run_directory.HOSTS}/{hosts.index}'


def wait_for_former_run(
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


if __name__ == '__main__':
  sys.exit(command_line.run(main))

"""The part of `run_cluster.py` that plays for a learner on another host."""

import dataclasses

from attn_agents.algorithms import registry
from attn_agents.distributed import (
  isolation,
  opening,
  outcome,
  run_key,
  serving,
  topology,
)
from attn_agents.distributed.hosts import facts
from attn_agents.runs import run_directory
from attn_agents.utils import output, stopping
from configs import errors, resolution, schema
from launch import run_local, this_machine

# Indices of hosts, of which seeds are made: learners have those below. Both
# together are `seeding.MAX_HOSTS`, which is not imported: NumPy starts threads,
# and those would stay out of the network that actors are confined to.
FIRST_INDEX, MOST = 16, 16
# The learner may be away for long; its actors wait and come back.
_RESTARTS = 1000


@dataclasses.dataclass(frozen=True)
class Host:
  """An actor host.

  Attributes:
    index: among the actor hosts of the run.
    num_learner_hosts: of the run.
    learner_address: 'host:port', the --listen of the learner host that it plays
      for.
    key: path of the run's actor.pem; '' if the ports of that host are open.
    actors: indices of those that play here; None for all.
    seconds: to wait for the learner host at the start.
  """

  index: int
  num_learner_hosts: int
  learner_address: str
  key: str
  actors: tuple[int, ...] | None
  seconds: float


def play(host: Host) -> int:
  """Checks everything, then plays until stopped; returns the exit code."""
  request = run_local.requested()
  resolution.check_names(request)
  key = run_key.load(host.key, run_key.ACTOR) if host.key else None
  here = this_machine.probe()
  config = _config(here.resolve(request, host.num_learner_hosts))
  if config.runtime.kind != 'launchpad':
    raise errors.ConfigError(
      f'--runtime={config.runtime.kind} with --role=actors: expected launchpad'
    )
  _require_stated(config, request, host)
  parent = run_local.logdir_of(config)
  run = run_directory.RunDirectory(
    f'{parent}/{run_directory.HOSTS}/actors{host.index}'
  )
  continued = run.check(config)
  place = serving.with_actors(
    topology.local(config, str(run.path)), host.actors
  )
  place = dataclasses.replace(
    place, host_index=FIRST_INDEX + host.index, serve=False, evaluate=False
  )
  if key is None:
    place = opening.reach_directly(place, host.learner_address, host.seconds)
  else:
    serving.require_same_play(
      host.learner_address, key, host.seconds, facts.of_play(config)
    )
  requests = stopping.Requests()
  requests.listen()
  if continued and not run_local.wait_for_former_run(run, requests):
    # What plays has nothing to save.
    ending = outcome.before_start(requests.first, has_checkpoint=True)
    output.say(ending.cause)
    return ending.code
  run.open(config, here.devices)
  relay, network = None, 'NOT confined: without relay, TLS and key'
  if key is not None:
    place, relay = serving.start_at_actors(place, host.learner_address, key)
    confined = isolation.confine_to_loopback()
    network = f'actors: {confined.detail}; relay: TLS 1.3'
  output.say(
    f'plays     {config.agent} on {config.environment.game} for '
    f'{host.learner_address}' + (f', run {key.run}' if key else '')
  )
  output.say(
    f'actors    {len(place.actors)} processes x '
    f'{config.runtime.envs_per_actor} environments'
  )
  output.say(f'logdir    {run.path}')
  output.say(f'network   {network}')

  # Only now, since these start threads, which confinement forbids.
  from attn_agents.distributed import console, supervisor

  shown = console.make(run.path, f'actors for {host.learner_address}', 0, 0.0)
  try:
    ending = supervisor.Supervisor(
      place, shown, requests, spared=[relay.pid] if relay else []
    ).run()
  finally:
    if relay is not None:
      relay.close()
  output.say(ending.cause)
  return ending.code


def _config(config: schema.Config) -> schema.Config:
  """What an actor host does differently."""
  runtime = dataclasses.replace(
    config.runtime, max_actor_restarts=_RESTARTS, evaluate_every_frames=0
  )
  return dataclasses.replace(config, runtime=runtime)


def _require_stated(
  config: schema.Config, request: resolution.Request, host: Host
) -> None:
  """Refuses to guess which of the actors of a batch play here."""
  why = registry.get(config.algorithm).why_actors_wait(config)
  if why is None or (
    request.num_actors and request.envs_per_actor and host.actors is not None
  ):
    return
  raise errors.ConfigError(
    f'--role=actors: under {why} the learner needs every actor; expected '
    '--num_actors and --envs_per_actor as on the learner host, and --actors, '
    'which of them play here (and there, the others)'
  )

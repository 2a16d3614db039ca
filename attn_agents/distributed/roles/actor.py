"""An actor: a thread, or `python -m attn_agents.distributed.roles.actor`.

Not a `base.Role`, since Launchpad does not know it: `actor_supervisor` starts
it, and starts it again when it dies.
"""

import argparse
import contextlib
import signal
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from attn_agents.distributed import lifecycle, topology
from attn_agents.environments import seeding
from attn_agents.runs import run_directory
from attn_agents.utils import disk

if TYPE_CHECKING:
  from attn_agents import experiment
  from attn_agents.transport import interface

# More than a run can use up: `runtime.max_actor_restarts` is at most 1000.
_RESTARTS_PER_START = seeding.INCARNATIONS_PER_ERA
# How often an actor that waits for its first parameters looks for a stop
# request.
_WAIT_SECONDS = 0.5


def play(
  place: topology.Topology,
  parts: 'experiment.Experiment',
  index: int,
  restart: int,
  status: lifecycle.StatusFile,
  variables: 'interface.VariableSource',
  sink: 'interface.TrajectorySink',
  *,
  should_stop: Callable[[], bool],
  keep_on_device: bool,
) -> None:
  """Plays until `should_stop()`, with seeds that no earlier start had.

  Args:
    place: of the run.
    parts: of the run.
    index: which actor of this host.
    restart: how often it was started before in this start of the run.
    status: says 'running' once the actor plays.
    variables: where its parameters come from.
    sink: where its unrolls go.
    should_stop: asked between two unrolls.
    keep_on_device: see `actor.Actor`.
  """
  run = run_directory.RunDirectory(place.logdir)
  # A continued run, or an actor started again, must not repeat old games.
  incarnation = (
    run.starts() * _RESTARTS_PER_START + restart % _RESTARTS_PER_START
  )
  seeds = parts.seeds(index, incarnation, place.host_index)
  try:
    run.record_seeds(
      start=run.starts(),
      host=place.host_index,
      actor=index,
      restart=restart,
      **seeds._asdict(),
    )
  except disk.StorageError as error:
    # They are in its log and its status, too.
    print(f'seeds.csv lacks this start: {error}', flush=True)
  player = parts.make_actor(
    variables,
    sink,
    seeds,
    place.host_index * seeding.MAX_ACTORS_PER_HOST + index,
    keep_on_device=keep_on_device,
  )
  with contextlib.closing(player):
    while not variables.wait(_WAIT_SECONDS):
      if should_stop():
        return
    status.set('running', seeds=seeds._asdict(), restarts=restart)
    print(f'actor {index} plays with {seeds}', flush=True)
    player.run(should_stop)


def main() -> int:
  """The process: plays until killed, since an actor has nothing to save."""
  parser = argparse.ArgumentParser()
  parser.add_argument('--topology', required=True)
  parser.add_argument('--actor', type=int, required=True)
  parser.add_argument('--restart', type=int)
  args = parser.parse_args()
  place = topology.from_json(args.topology)
  lifecycle.die_with_parent(signal.SIGKILL)
  status = lifecycle.StatusFile(place.logdir, 'actor', args.actor)
  status.set('starting', restarts=args.restart)
  try:
    _play_through_reverb(place, args.actor, args.restart, status)
  except Exception as error:
    traceback.print_exc()
    status.set_failed(error)
    return 1
  return 0


def _play_through_reverb(
  place: topology.Topology,
  index: int,
  restart: int,
  status: lifecycle.StatusFile,
) -> None:
  from attn_agents import experiment
  from attn_agents.transport.reverb import transport

  run = run_directory.RunDirectory(place.logdir)
  config = topology.apply(place, run.config())
  parts = experiment.Experiment(config, place.num_hosts)
  connection = transport.ReverbTransport(
    parts, place.queue_address, place.variables_address, run.replay
  )
  play(
    place,
    parts,
    index,
    restart,
    status,
    connection.make_variable_source(),
    connection.make_sink(),
    should_stop=lambda: False,
    keep_on_device=False,
  )


if __name__ == '__main__':
  sys.exit(main())

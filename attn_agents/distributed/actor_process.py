"""An actor's own process: `python -m attn_agents.distributed.actor_process`."""

import argparse
import signal
import sys
import traceback

from attn_agents import run_directory
from attn_agents.distributed import lifecycle, topology
from attn_agents.environments import seeding

# More than a run can use up: `runtime.max_actor_restarts` is at most 1000.
_RESTARTS_PER_START = seeding.INCARNATIONS_PER_ERA


def main() -> int:
  """Plays until killed; an actor has nothing to save."""
  parser = argparse.ArgumentParser()
  parser.add_argument('--topology', required=True, help='as JSON')
  parser.add_argument('--actor', type=int, required=True)
  parser.add_argument('--restart', type=int, default=0)
  args = parser.parse_args()
  place = topology.from_json(args.topology)
  lifecycle.die_with_parent(signal.SIGKILL)
  status = lifecycle.StatusFile(place.logdir, 'actor', args.actor)
  status.set('starting', restarts=args.restart)
  try:
    _play(place, args.actor, args.restart, status)
  except Exception as error:
    traceback.print_exc()
    status.set('failed', f'{type(error).__name__}: {error}')
    return 1
  return 0


def _play(
  place: topology.Topology,
  index: int,
  restart: int,
  status: lifecycle.StatusFile,
) -> None:
  from attn_agents.replay import queue, variables  # isort: skip
  from attn_agents import experiment

  run = run_directory.RunDirectory(place.logdir)
  parts = experiment.Experiment(topology.apply(place, run.config()))
  # A continued run, or an actor started again, must not replay old games.
  incarnation = (
    run.starts() * _RESTARTS_PER_START + restart % _RESTARTS_PER_START
  )
  seeds = parts.seeds(index, incarnation, place.host_index)
  run.record_seeds(
    start=run.starts(), host=place.host_index, actor=index, restart=restart,
    **seeds._asdict(),
  )  # fmt: skip
  poller = variables.VariablePoller(
    place.variables_address, eager=parts.config.learning.synchronous
  )
  writer = queue.QueueWriter(place.queue_address, should_stop=lambda: False)
  actor = parts.make_actor(poller, writer, seeds, index)
  poller.wait()
  status.set('running', seeds=seeds._asdict(), restarts=restart)
  print(f'actor {index} plays with {seeds}', flush=True)
  actor.run(should_stop=lambda: False)


if __name__ == '__main__':
  sys.exit(main())

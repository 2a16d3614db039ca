"""An actor's own process: `python -m attn_agents.distributed.actor_process`."""

import argparse
import signal
import sys
import traceback

from attn_agents.distributed import lifecycle, playing, topology
from attn_agents.runs import run_directory


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
  from attn_agents import experiment
  from attn_agents.transport.reverb import sources, variables

  config = run_directory.RunDirectory(place.logdir).config()
  parts = experiment.Experiment(topology.apply(place, config))
  poller = variables.VariablePoller(
    place.variables_address, eager=config.learning.max_policy_lag is not None
  )
  writer = sources.make_sink(
    parts, place.queue_address, should_stop=lambda: False
  )
  playing.play(
    place, parts, index, restart, status, poller, writer,
    should_stop=lambda: False,
  )  # fmt: skip


if __name__ == '__main__':
  sys.exit(main())

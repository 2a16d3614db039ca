"""An actor's own process: `python -m attn_agents.distributed.actor_process`."""

import argparse
import signal
import sys
import traceback

from attn_agents import run_directory
from attn_agents.distributed import lifecycle
from attn_agents.environments import seeding

# More than a run can use up: `runtime.max_actor_restarts` is at most 1000.
_RESTARTS_PER_START = seeding.INCARNATIONS_PER_ERA


def main() -> int:
  """Plays until killed; an actor has nothing to save."""
  parser = argparse.ArgumentParser()
  parser.add_argument('--logdir', required=True)
  parser.add_argument('--queue', required=True)
  parser.add_argument('--variables', required=True)
  parser.add_argument('--actor', type=int, required=True)
  parser.add_argument('--restart', type=int, default=0)
  args = parser.parse_args()
  lifecycle.die_with_parent(signal.SIGKILL)
  status = lifecycle.StatusFile(args.logdir, 'actor', args.actor)
  status.set('starting', restarts=args.restart)
  try:
    _play(args, status)
  except Exception as error:
    traceback.print_exc()
    status.set('failed', f'{type(error).__name__}: {error}')
    return 1
  return 0


def _play(args: argparse.Namespace, status: lifecycle.StatusFile) -> None:
  from attn_agents.replay import queue, variables  # isort: skip
  from attn_agents import experiment

  run = run_directory.RunDirectory(args.logdir)
  parts = experiment.Experiment(run.config())
  # A continued run, or an actor started again, must not replay old games.
  incarnation = (
    run.starts() * _RESTARTS_PER_START + args.restart % _RESTARTS_PER_START
  )
  poller = variables.VariablePoller(args.variables)
  writer = queue.QueueWriter(args.queue, should_stop=lambda: False)
  actor = parts.make_actor(poller, writer, args.actor, incarnation)
  seeds = parts.seeds(args.actor, incarnation)
  poller.wait()
  status.set('running', seeds=seeds._asdict(), restarts=args.restart)
  print(f'actor {args.actor} plays with {seeds}', flush=True)
  actor.run(should_stop=lambda: False)


if __name__ == '__main__':
  sys.exit(main())

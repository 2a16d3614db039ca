"""One life of an actor, whichever thread or process it is in."""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from attn_agents.distributed import lifecycle, topology
from attn_agents.environments import seeding
from attn_agents.runs import run_directory

if TYPE_CHECKING:
  from attn_agents import experiment
  from attn_agents.acting import actor

# More than a run can use up: `runtime.max_actor_restarts` is at most 1000.
_RESTARTS_PER_START = seeding.INCARNATIONS_PER_ERA
# How often an actor without any parameters yet looks up to see whether to stop.
_WAIT_SECONDS = 0.5


def play(
  place: topology.Topology,
  parts: 'experiment.Experiment',
  index: int,
  restart: int,
  status: lifecycle.StatusFile,
  variables: 'actor.Variables',
  sink: 'actor.TrajectorySink',
  *,
  should_stop: Callable[[], bool],
  keep_on_device: bool = False,
) -> None:
  """Plays until `should_stop()`, with seeds that no other life had.

  Args:
    place: of the run.
    parts: of the run.
    index: which actor of this host.
    restart: lives it had before since the run was started.
    status: told once it plays.
    variables: where its parameters come from.
    sink: where its unrolls go.
    should_stop: asked between two unrolls.
    keep_on_device: see `actor.Actor`.
  """
  run = run_directory.RunDirectory(place.logdir)
  # A continued run, or an actor started again, must not replay old games.
  incarnation = (
    run.starts() * _RESTARTS_PER_START + restart % _RESTARTS_PER_START
  )
  seeds = parts.seeds(index, incarnation, place.host_index)
  run.record_seeds(
    start=run.starts(), host=place.host_index, actor=index, restart=restart,
    **seeds._asdict(),
  )  # fmt: skip
  player = parts.make_actor(
    variables, sink, seeds, index, keep_on_device=keep_on_device
  )
  with contextlib.closing(player):
    while not variables.wait(_WAIT_SECONDS):
      if should_stop():
        return
    status.set('running', seeds=seeds._asdict(), restarts=restart)
    print(f'actor {index} plays with {seeds}', flush=True)
    player.run(should_stop)

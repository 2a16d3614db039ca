"""Starting an actor again after it died, a bounded number of times."""

import time
from collections.abc import Callable

from attn_agents.algorithms import registry
from attn_agents.distributed import lifecycle
from configs import schema

_BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0)
# An actor that lived this long had no fault at its start; its count starts
# anew, so that a run of weeks does not use up its restarts one by one.
_HEALTHY_SECONDS = 600.0


def keep_alive(
  live: Callable[[int], str | None],
  name: str,
  config: schema.Config,
  status: lifecycle.StatusFile,
  stop: lifecycle.StopSignal,
) -> bool:
  """Lets an actor live, and again when it dies, until told to stop.

  Args:
    live: one life, given how many there were before it; returns why it ended,
      in words, or None if it was told to stop.
    name: of the actor, for the log, which all of them may share.
    config: of the run.
    status: told of every start and death.
    stop: ends the waiting between two lives.

  Returns:
    True if it was told to stop, False if the restarts are used up, which
    `status` then says; the other actors go on.

  Raises:
    RuntimeError: the restarts are used up, and the others would wait for it.
  """
  most = config.runtime.max_actor_restarts
  restarts, incarnation = 0, 0
  while True:
    started = time.monotonic()
    status.set('running', restarts=incarnation)
    why = live(incarnation)
    if why is None:
      status.set('stopped')
      return True
    incarnation += 1
    if time.monotonic() - started > _HEALTHY_SECONDS:
      restarts = 0
    if restarts >= most:
      break
    delay = _BACKOFF_SECONDS[min(restarts, len(_BACKOFF_SECONDS) - 1)]
    restarts += 1
    status.set(
      'running', f'actor {why}; starting it again', restarts=incarnation
    )
    print(f'{name} {why}; restart {restarts} of {most} in {delay:g} s')
    if stop.event.wait(delay):
      status.set('stopped')
      return True
  print(f'{name} {why}, {most} restarts used up')
  detail = f'actor {why}, {most} restarts used up'
  waiting = registry.get(config.algorithm).why_actors_wait(config)
  if waiting:
    raise RuntimeError(f'{detail}; {waiting} needs every actor')
  status.set('failed', detail, restarts=incarnation)
  return False

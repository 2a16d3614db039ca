"""Starts an actor again after it died, a bounded number of times."""

import pathlib
import subprocess
import sys
import time
from collections.abc import Callable

from attn_agents.algorithms import registry
from attn_agents.distributed import lifecycle, topology
from attn_agents.distributed.roles import base
from attn_agents.runs import run_directory
from configs import schema

_BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0)
# An actor that ran this long had no fault at its start; its count starts anew,
# so that a run of weeks does not use up its restarts one by one.
_HEALTHY_SECONDS = 600.0
_ROOT = pathlib.Path(__file__).parents[3]


class ActorSupervisor(base.Role):
  """Keeps one actor process alive, a bounded number of times.

  Launchpad stops the whole program when one of its workers dies, so the actor
  itself is a child of the worker that Launchpad knows.
  """

  name = 'actor_supervisor'
  log_name = 'actor'

  def work(
    self, status: lifecycle.StatusFile, stop: lifecycle.StopSignal
  ) -> None:
    """Starts the actor, and again when it dies, until told to stop."""

    def run_actor(restart: int) -> str | None:
      code = _wait(self._start(restart), stop)
      return None if code is None else lifecycle.describe_exit(code)

    config = run_directory.RunDirectory(self.place.logdir).config()
    if not keep_alive(run_actor, f'actor-{self.index}', config, status, stop):
      # Not an error for Launchpad: the other actors go on.
      stop.event.wait()

  def _start(self, restart: int) -> subprocess.Popen:
    return subprocess.Popen(
      [
        sys.executable,
        '-m',
        'attn_agents.distributed.roles.actor',
        f'--topology={topology.to_json(self.place)}',
        f'--actor={self.index}',
        f'--restart={restart}',
      ],
      stdin=subprocess.DEVNULL,
      cwd=_ROOT,
      env=lifecycle.child_environment(),
    )


def keep_alive(
  run_actor: Callable[[int], str | None],
  name: str,
  config: schema.Config,
  status: lifecycle.StatusFile,
  stop: lifecycle.StopSignal,
) -> bool:
  """Runs an actor, and again when it dies, until told to stop.

  Args:
    run_actor: runs it once, given how often it was started before; returns why
      it ended, in words, or None if it was told to stop.
    name: of the actor, for the log, which all of them may share.
    config: of the run.
    status: gets every start and death.
    stop: ends the wait between two starts.

  Returns:
    True if it was told to stop, False if the restarts are used up, which
    `status` then says; the other actors go on.

  Raises:
    RuntimeError: the restarts are used up, and the others would wait for it.
  """
  most = config.runtime.max_actor_restarts
  # Starts in all, and those that count against `most`.
  starts, counted = 0, 0
  while True:
    started = time.monotonic()
    status.set('running', restarts=starts)
    why = run_actor(starts)
    if why is None:
      status.set('stopped')
      return True
    starts += 1
    if time.monotonic() - started > _HEALTHY_SECONDS:
      counted = 0
    if counted >= most:
      break
    delay = _BACKOFF_SECONDS[min(counted, len(_BACKOFF_SECONDS) - 1)]
    counted += 1
    status.set('running', f'actor {why}; starting it again', restarts=starts)
    print(f'{name} {why}; restart {counted} of {most} in {delay:g} s')
    if stop.event.wait(delay):
      status.set('stopped')
      return True
  print(f'{name} {why}, {most} restarts used up')
  detail = f'actor {why}, {most} restarts used up'
  waiting = registry.get(config.algorithm).why_actors_wait(config)
  if waiting:
    raise RuntimeError(f'{detail}; {waiting} needs every actor')
  status.set('failed', detail, restarts=starts)
  return False


def _wait(
  child: subprocess.Popen, should_stop: Callable[[], bool]
) -> int | None:
  """The child's exit code, or None if it was ended because of `should_stop`."""
  while not should_stop():
    try:
      return child.wait(timeout=0.2)
    except subprocess.TimeoutExpired:
      continue
  # It holds nothing that could be lost, and may be blocked in C++.
  child.kill()
  child.wait()
  return None

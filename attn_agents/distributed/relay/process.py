"""The process of one end: `python -m attn_agents.distributed.relay.process`.

It has the sockets on which it listens from its parent, and opens no other.
"""

import argparse
import json
import os
import shutil
import socket
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from attn_agents.distributed import isolation, lifecycle, run_key
from attn_agents.distributed.relay import (
  actor_end,
  attendance,
  learner_end,
  serving,
)
from attn_agents.utils import patience

ROLE = 'relay'
# The parent removes what it finds of an earlier run, this one's perhaps.
_AGAIN_SECONDS = 5.0
_LAST_SECONDS = 2.0

_Handlers = dict[socket.socket, Callable[[socket.socket], None]]


def main() -> int:
  """Serves until told to stop, or until its parent ends."""
  parser = argparse.ArgumentParser()
  # As JSON.
  parser.add_argument('--settings', required=True)
  settings = json.loads(parser.parse_args().settings)
  lifecycle.log_to_file(settings['logdir'], f'{ROLE}-0')
  status = lifecycle.StatusFile(settings['logdir'], ROLE)
  status.set('starting')
  stop = lifecycle.StopSignal()
  try:
    _enter_network(settings)
    # Afterwards, since new capabilities would undo it.
    lifecycle.die_with_parent()
    handlers, visitors = _make(settings)
    where = 'confined' if isolation.is_confined() else 'not confined'
    what = f'{settings["what"]} ({where})'
    status.set('running', what, hosts={})
    print(what)
    serving.accept(handlers, stop, _Watch(status, visitors, what))
    _outlast(visitors)
  except Exception as error:
    traceback.print_exc()
    status.set_failed(error)
    return 1
  finally:
    # A parent that was killed cannot.
    if settings['directory']:
      shutil.rmtree(settings['directory'], ignore_errors=True)
  status.set('stopped')
  # Threads that carry connections would hold a normal exit up. Nothing is left
  # to write: the log has each line at once.
  os._exit(0)


def _enter_network(settings: dict[str, Any]) -> None:
  """Leaves the network of the parent, if it is to.

  Raises:
    OSError, RuntimeError: the system does not let it.
  """
  if settings['join']:
    isolation.join(settings['join'])
  elif settings['confine']:
    result = isolation.confine_to_loopback()
    if not result.confined:
      raise RuntimeError(
        f'this host cannot keep Reverb to itself ({result.detail})'
      )


def _outlast(visitors: serving.Visitors) -> None:
  """Lets last words arrive, of those who have said them and leave."""
  waiting = patience.Patience(_LAST_SECONDS)
  while visitors.hosts() and not waiting.is_over():
    time.sleep(0.05)


class _Watch:
  """Writes the status when other hosts are there, and now and then."""

  def __init__(
    self, status: lifecycle.StatusFile, visitors: serving.Visitors, what: str
  ):
    self._status, self._visitors, self._what = status, visitors, what
    self._attendance = attendance.Attendance()
    self._told: tuple[str, dict[str, int]] = ('', {})
    self._when = time.monotonic()

  def __call__(self) -> None:
    hosts, now = self._visitors.hosts(), time.monotonic()
    self._attendance.see(self._visitors.other_hosts())
    told = (self._attendance.describe() or self._what, hosts)
    if told != self._told or now - self._when > _AGAIN_SECONDS:
      self._told, self._when = told, now
      self._status.set('running', told[0], hosts=hosts)


def _make(settings: dict[str, Any]) -> tuple[_Handlers, serving.Visitors]:
  """What handles each listener's connections."""
  limits = serving.Limits(**settings['limits'])
  local = {
    name: socket.socket(fileno=descriptor)
    for name, descriptor in settings['local'].items()
  }
  role = settings['role']
  key = run_key.load(settings['key'], role)
  if role == run_key.ACTOR:
    asks = actor_end.ActorEnd(
      key, settings['learner_address'], list(local), limits
    )
    here = {local[name]: asks.serve(name) for name in local}
    return here, asks.visitors
  answers = learner_end.LearnerEnd(
    key, settings['services'], limits, settings['facts']
  )
  here = {local[name]: answers.serve_here(name) for name in local}
  outside = {
    socket.socket(fileno=descriptor): answers.serve
    for descriptor in settings['listening']
  }
  return {**outside, **here}, answers.visitors


if __name__ == '__main__':
  sys.exit(main())

"""Learner hosts meet before the run starts, and compare what they are to run.

A process of its own, `python -m attn_agents.distributed.hosts.meeting`, with a
`Request` as JSON on its stdin. It imports neither JAX nor anything heavy, and
leaves the coordinator's port to the learners.
"""

import contextlib
import dataclasses
import importlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from attn_agents.distributed import lifecycle
from attn_agents.distributed.hosts import facts, store
from attn_agents.distributed.relay import addresses
from attn_agents.utils import stopping
from configs import errors

_ROOT = pathlib.Path(__file__).parents[3]
# Until all have read what all have written, and the port is free again.
_LAST_SECONDS = 10.0
_REFUSED = 'refused'
# The coordinator lives as long as it is in here; and a client, which would wait
# for its coordinator when it goes.
_KEPT: list[Any] = []


@dataclasses.dataclass(frozen=True)
class Request:
  """What a host brings to the meeting.

  Attributes:
    address: 'host:port' of the coordinator, at which host 0 listens.
    count: learner hosts.
    index: of this one.
    seconds: to wait for the others.
    facts: what must be the same on all hosts, by name.
    refusal: why this host cannot run at all; '' if it can.
  """

  address: str
  count: int
  index: int
  seconds: float
  facts: Mapping[str, str]
  refusal: str = ''


def meet(request: Request) -> None:
  """Returns once all hosts are there and are to run the same.

  Raises:
    ConfigError: they do not, with the values of both; or some do not come, or
      the port cannot be had. Each host raises the same.
  """
  done = subprocess.run(
    [sys.executable, '-m', 'attn_agents.distributed.hosts.meeting'],
    input=json.dumps(dataclasses.asdict(request)),
    capture_output=True,
    cwd=_ROOT,
    env=lifecycle.child_environment(),
    text=True,
    check=False,
  )
  if done.returncode == 0:
    return
  line = done.stdout.strip()
  if not line:
    last = (done.stderr.strip().splitlines() or ['no message'])[-1]
    line = f'hosts could not meet at {request.address}: {last}'
  raise errors.ConfigError(line)


def main() -> int:
  """Meets, prints what is wrong in one line, and ends with 0 or 2."""
  lifecycle.die_with_parent()
  stopping.leave_to_parent()
  request = Request(**json.load(sys.stdin))
  said: list[str] = []
  thread = threading.Thread(
    target=lambda: said.append(_meet_or_say_why(request)), daemon=True
  )
  thread.start()
  # Whatever asks the coordinator may wait for ever.
  thread.join(request.seconds + 2 * _LAST_SECONDS)
  wrong = said[0] if said else f'{request.address} does not answer any more'
  if wrong:
    with contextlib.suppress(OSError):
      print(wrong, flush=True)
  # JAX's client would have a word with a coordinator that may be gone.
  os._exit(2 if wrong else 0)


def _meet_or_say_why(request: Request) -> str:
  try:
    return _meet(request)
  except Exception as error:
    what = ' '.join(str(error).split())[:200]
    return f'hosts could not meet at {request.address}: {what}'


def _meet(request: Request) -> str:
  """What is wrong; '' if nothing."""
  deadline = time.monotonic() + request.seconds
  if request.index == 0:
    wrong = _port_trouble(request.address)
  else:
    wrong = _wait_for_coordinator(request, deadline)
  if wrong:
    return wrong
  shared = _connect(request, deadline)
  if shared is None:
    return (
      f'of {request.count} learner hosts not all came to '
      f'{request.address} within {request.seconds:g} s'
    )
  shared.put('facts', {**request.facts, _REFUSED: request.refusal})
  said: dict[int, Any] = {}
  while len(said) < request.count:
    if time.monotonic() > deadline + _LAST_SECONDS:
      return f'of {request.count} learner hosts only {len(said)} said anything'
    time.sleep(store.ASK_SECONDS / 4)
    said = shared.get('facts')
  _part(shared, request)
  for index in sorted(said):
    refusal = said[index].pop(_REFUSED)
    if refusal:
      return f'host {index}: {refusal}'
  return facts.differences({f'on host {i}': said[i] for i in sorted(said)})


def _port_trouble(where: str) -> str:
  name = f'--coordinator_address={where}'
  try:
    family, _, _, _, address = socket.getaddrinfo(
      *addresses.parse(where, '--coordinator_address'),
      type=socket.SOCK_STREAM,
    )[0]
    with socket.socket(family) as probe:
      # As gRPC does; but not SO_REUSEPORT, with which it would share a port.
      probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
      probe.bind(address)
      probe.listen()
  except OSError as error:
    return (
      f'{name}: host 0 cannot listen there ({error.strerror or error}); '
      'expected an address of host 0 and a free port'
    )
  return ''


def _wait_for_coordinator(request: Request, deadline: float) -> str:
  why = 'no time'
  while time.monotonic() < deadline:
    try:
      addresses.connect(request.address, 5.0).close()
      return ''
    except OSError as error:
      why = error.strerror or str(error)
    time.sleep(store.ASK_SECONDS)
  return (
    f'--coordinator_address={request.address} cannot be reached within '
    f'{request.seconds:g} s ({why}); expected the address of host 0, where '
    'this command runs with --host_index=0'
  )


def _connect(request: Request, deadline: float) -> store.Store | None:
  """Connects with the others; None if they do not come."""
  store.outlast_aborts()
  xla = _jaxlib()
  made: list[store.Store] = []

  def connect() -> None:
    if request.index == 0:
      _KEPT.append(
        xla.get_distributed_runtime_service(request.address, request.count)
      )
    client = xla.get_distributed_runtime_client(
      request.address,
      request.index,
      init_timeout=int(request.seconds) + 1,
      shutdown_on_destruction=False,
    )
    _KEPT.append(client)
    client.connect()
    made.append(store.Store(client, request.index))

  came = store.within(deadline - time.monotonic(), connect)
  return made[0] if came else None


def _jaxlib() -> Any:
  try:
    return importlib.import_module('jaxlib.xla_extension')
  except ImportError:
    # Its name in newer versions.
    return importlib.import_module('jaxlib._jax')


def _part(shared: store.Store, request: Request) -> None:
  """Leaves when nobody needs the coordinator any more."""
  deadline = time.monotonic() + _LAST_SECONDS
  if request.index == 0:
    shared.put('read', True)
    while time.monotonic() < deadline:
      if len(shared.get('read')) == request.count:
        return
      time.sleep(store.ASK_SECONDS / 4)
    return
  # Host 0 may be gone before it has answered, and then there is no answer.
  threading.Thread(target=lambda: shared.put('read', True), daemon=True).start()
  # This host's learner must not come to the meeting in place of the run.
  while time.monotonic() < deadline:
    try:
      addresses.connect(request.address, 1.0).close()
    except OSError:
      return
    time.sleep(store.ASK_SECONDS / 4)


if __name__ == '__main__':
  sys.exit(main())

"""Starts a host's end of the relay as a process of its own."""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

from attn_agents.distributed import lifecycle, run_key
from attn_agents.distributed.relay import addresses, serving
from attn_agents.utils import patience
from configs import errors

_ROOT = pathlib.Path(__file__).parents[3]
# Room for a path in `struct sockaddr_un`, with its end.
_MOST_PATH_BYTES = 107
_START_SECONDS = 30.0
_STOP_SECONDS = 5.0


@dataclasses.dataclass
class Relay:
  """One end, which runs.

  Attributes:
    process: it ends on SIGTERM, and with this process at the latest.
    directory: of its Unix sockets; '' if it has none.
    logdir: where its status and its log are.
  """

  process: subprocess.Popen
  directory: str
  logdir: str

  @property
  def pid(self) -> int:
    """Of its process."""
    return self.process.pid

  def local(self, service: str) -> str:
    """Where processes of this host reach a service: 'unix:/path'."""
    return f'{addresses.UNIX}{self.directory}/{service}'

  def wait(self, seconds: float = _START_SECONDS) -> None:
    """Returns once it serves, and has the network that it was to have.

    Raises:
      ConfigError: it cannot, or not in time; the line says why.
    """
    waiting = patience.Patience(seconds)
    while True:
      own = next(
        (
          status
          for status in lifecycle.read_statuses(self.logdir)
          if status.role == 'relay' and status.pid == self.process.pid
        ),
        None,
      )
      if own is not None and own.state == 'running':
        return
      if own is not None and own.state == 'failed':
        raise errors.ConfigError(
          f'the relay between hosts: {own.detail} ({self.logdir}/logs/'
          'relay-0.log); if open ports are acceptable here, pass '
          '--allow_open_ports'
        )
      if self.process.poll() is not None or waiting.is_over():
        raise errors.ConfigError(
          f'the relay between hosts did not start ({self.logdir}/logs/'
          'relay-0.log); run this command again'
        )
      time.sleep(0.05)

  def close(self) -> None:
    """Ends it and removes its sockets."""
    self.process.send_signal(signal.SIGTERM)
    try:
      self.process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
      self.process.kill()
      self.process.wait()
    if self.directory:
      shutil.rmtree(self.directory, ignore_errors=True)


def learner_end(
  listening: socket.socket | None,
  key: run_key.RunKey,
  services: Mapping[str, str],
  logdir: pathlib.Path | str,
  *,
  local: Sequence[str] = (),
  join: int = 0,
  confine: bool = False,
  limits: serving.Limits | None = None,
  facts: str = '',
) -> Relay:
  """Starts the end of a learner host.

  Its status is `<logdir>/status/relay-0.json`, with the `hosts` that are there
  and how many connections each has; its log is `relay-0.log`.

  Args:
    listening: of `addresses.listen`; closed here, and open in the new process.
      None: no other host can connect, and `local` is all there is.
    key: of a learner host.
    services: addresses by name, as that process sees them: 'host:port' or
      'unix:/path'.
    logdir: of the run.
    local: services that processes of this host reach at `Relay.local`, from
      whichever network they are in.
    join: pid of a process whose network it enters before it connects to
      anything; 0 for none.
    confine: whether it makes a network of its own, with loopback only, which
      others can join; else it stays in that of this process.
    limits: of what strangers and lost peers can take.
    facts: see `check.ask`.

  Raises:
    ConfigError: a Unix socket cannot be made.
  """
  what, descriptors = 'for this host only', []
  if listening is not None:
    where = '{}:{}'.format(*listening.getsockname())
    what = f"TLS 1.3 with the run's key {key.run} on {where}"
    descriptors = [listening.fileno()]
  with listening or contextlib.nullcontext():
    return _start(
      {
        'what': what,
        'role': run_key.LEARNER,
        'services': dict(services),
        'facts': facts,
        'listening': descriptors,
      },
      key, logdir, local, limits, join=join, confine=confine,
    )  # fmt: skip


def actor_end(
  learner_address: str,
  key: run_key.RunKey,
  services: Sequence[str],
  logdir: pathlib.Path | str,
  *,
  limits: serving.Limits | None = None,
) -> Relay:
  """Starts the end of an actor host; it must be in the real network.

  It listens on Unix sockets only. Where the learner host does not answer, what
  connects to one is disconnected at once.

  Args:
    learner_address: 'host:port' of the learner host's end.
    key: of an actor host.
    services: that are reached at `Relay.local`, from whichever network.
    logdir: of this host's directory of the run; see `learner_end`.
    limits: of what lost peers can take.

  Raises:
    ConfigError: a Unix socket cannot be made.
  """
  return _start(
    {
      'what': f'to {learner_address} by TLS 1.3 with the run\'s key {key.run}',
      'role': run_key.ACTOR,
      'learner_address': learner_address,
      'listening': [],
    },
    key, logdir, services, limits,
  )  # fmt: skip


def _start(
  settings: dict[str, Any],
  key: run_key.RunKey,
  logdir: pathlib.Path | str,
  local: Sequence[str],
  limits: serving.Limits | None,
  *,
  join: int = 0,
  confine: bool = False,
) -> Relay:
  with contextlib.ExitStack() as stack:
    directory, made = '', {}
    if local:
      directory = tempfile.mkdtemp(prefix='attn_agents_')
      undo = stack.enter_context(contextlib.ExitStack())
      undo.callback(shutil.rmtree, directory, ignore_errors=True)
      for name in local:
        made[name] = stack.enter_context(_listen_here(f'{directory}/{name}'))
    settings |= {
      'key': os.path.abspath(key.path),
      'logdir': os.path.abspath(logdir),
      'local': {name: made[name].fileno() for name in made},
      'directory': directory,
      'join': join,
      'confine': confine,
      'limits': (limits or serving.Limits())._asdict(),
    }
    process = subprocess.Popen(
      [
        sys.executable,
        '-m',
        'attn_agents.distributed.relay.process',
        f'--settings={json.dumps(settings)}',
      ],
      stdin=subprocess.DEVNULL,
      cwd=_ROOT,
      env=lifecycle.child_environment(),
      pass_fds=[*settings['listening'], *settings['local'].values()],
      # Ctrl-C reaches the run's parent only.
      start_new_session=True,
    )
    if local:
      undo.pop_all()
  return Relay(process, directory, settings['logdir'])


def _listen_here(path: str) -> socket.socket:
  if len(os.fsencode(path)) > _MOST_PATH_BYTES:
    raise errors.ConfigError(
      f'TMPDIR={tempfile.gettempdir()} is too long for a Unix socket in it '
      f'({path}); expected at most {_MOST_PATH_BYTES} bytes in all: set TMPDIR '
      'to a shorter one, for example /tmp'
    )
  made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
  try:
    made.bind(path)
    made.listen()
  except OSError as error:
    made.close()
    raise errors.ConfigError(
      f'TMPDIR={tempfile.gettempdir()} takes no Unix socket '
      f'({error.strerror}); set TMPDIR to a local directory, for example /tmp'
    ) from None
  return made

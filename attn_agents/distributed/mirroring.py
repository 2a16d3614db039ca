"""The process that copies a run into a bucket while it trains.

It starts before the run confines itself to loopback, and so keeps the network
that the others give up. It never ends the run: what the bucket does not take is
told, and tried again.
"""

import contextlib
import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Sequence

from attn_agents.distributed import lifecycle, outcome
from attn_agents.runs import run_directory
from attn_agents.runs.buckets import addresses, mirror, restoring, stores
from attn_agents.utils import disk, output, patience, stopping
from configs import errors

_LOOK_SECONDS = 1.0
# After a failure, and after one at the end of a run.
_RETRY_SECONDS = 15.0
_LAST_RETRY_SECONDS = 2.0
# What a machine that stops a run gives it, less what saving takes.
_STOP_SECONDS = 20.0
# Of a mirror whose parent was killed, which nobody hurries.
_ALONE_SECONDS = 30.0
_GO = b'go'
_ROLE = 'mirror'


def open_run(
  flag: str, value: str, mirrored: bool = True
) -> tuple[run_directory.RunDirectory, 'MirrorProcess | None']:
  """The run that a flag names, and its mirror if it names a bucket.

  What the bucket has of the run is copied to this machine. Must be called
  before the run is confined, and before signals are heard: they end it.

  Args:
    flag: e.g. '--logdir'.
    value: a directory or an address.
    mirrored: False on hosts that only take part in a run: of a bucket, they
      get the directory alone.

  Raises:
    ConfigError: the address is not well formed, or the bucket cannot be used,
      or the run is in use.
  """
  if not addresses.is_address(value):
    return run_directory.RunDirectory(value), None
  address = addresses.parse(flag, value)
  run = run_directory.RunDirectory(address.directory)
  disk.require_writable(flag, value, run.path)
  if not mirrored:
    return run, None
  run.path.mkdir(parents=True, exist_ok=True)
  run.lock()
  if not lifecycle.wait_for_former_run(run.path, lifecycle.FORMER_RUN_SECONDS):
    raise errors.ConfigError(
      f'{flag}={value}: processes of its former run did not end within '
      f'{lifecycle.FORMER_RUN_SECONDS:g} seconds; wait until they have, or end '
      'them, and run this command again'
    )
  return run, MirrorProcess(address, run, fetch(flag, address))


def fetch(flag: str, address: addresses.Address) -> str:
  """Copies a run from its bucket to this machine; what was done, in words.

  It happens in a process of its own: clients of buckets start threads, after
  which this one could not confine itself.

  Raises:
    ConfigError: the bucket cannot be used, or holds another run.
  """
  done = subprocess.run(
    [sys.executable, '-m', __name__, 'fetch', str(address)],
    stdin=subprocess.DEVNULL,
    capture_output=True,
    text=True,
    check=False,
  )
  lines = (done.stderr if done.returncode else done.stdout).strip().splitlines()
  if done.returncode:
    why = lines[-1] if lines else lifecycle.describe_exit(done.returncode)
    raise errors.ConfigError(f'{flag}={address}: {why}')
  for line in lines[:-1]:
    output.say(line)
  return lines[-1]


class MirrorProcess:
  """The mirror of a run, as the run's parent sees it."""

  def __init__(
    self,
    address: addresses.Address,
    run: run_directory.RunDirectory,
    restored: str,
  ):
    """Starts nothing.

    Args:
      address: of the run.
      run: its directory on this machine.
      restored: what was copied from the bucket, in words.
    """
    self._address = address
    self._run = run
    self._process: subprocess.Popen[bytes] | None = None
    self.description = f'{address} ({restored}), through {run.path}'

  def start(self) -> None:
    """Starts the process, which writes nothing yet.

    To be called before this one is confined.
    """
    self._process = subprocess.Popen(
      [sys.executable, '-m', __name__, 'mirror', str(self._address)],
      stdin=subprocess.PIPE,
      env=lifecycle.child_environment(),
      # Ctrl-C is for this process.
      start_new_session=True,
    )

  @property
  def pid(self) -> int:
    """Of the process."""
    assert self._process is not None
    return self._process.pid

  def go(self) -> None:
    """Lets it copy; to be called when the run's directory is open."""
    assert self._process is not None and self._process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
      self._process.stdin.write(_GO)
      self._process.stdin.close()

  def end(
    self, ending: outcome.Ending, requests: stopping.Requests, seconds: float
  ) -> outcome.Ending:
    """Waits until the bucket has all of a run that has ended.

    Args:
      ending: of the run.
      requests: a second Ctrl-C does not wait.
      seconds: to wait if nobody has asked the run to stop.

    Returns:
      The ending, with what the bucket has or lacks. A run that is done, or was
      stopped by Ctrl-C, has failed if the bucket lacks its last checkpoint.
    """
    assert self._process is not None
    started = time.monotonic()
    waiting = patience.Patience(_STOP_SECONDS if requests.first else seconds)
    self._process.terminate()
    told = False
    while self._process.poll() is None:
      if not told and time.monotonic() - started > 2.0:
        told = True
        output.say(f'copying what is left to {self._address}')
      if waiting.is_over() or requests.in_a_hurry:
        self._process.kill()
      time.sleep(0.1)
    if self._process.returncode == 0:
      return dataclasses.replace(
        ending, cause=f'{ending.cause}; {self._address} has it'
      )
    status = next(
      (s for s in lifecycle.read_statuses(self._run.path) if s.role == _ROLE),
      None,
    )
    exit_ = lifecycle.describe_exit(self._process.returncode)
    why = status.detail if status and status.detail else f'the mirror {exit_}'
    cause = (
      f'{ending.cause}; {self._address} lacks some of it ({why}); it lies in '
      f'{self._run.path}, from where the same command goes on'
    )
    return outcome.Ending(ending.code or 1, cause)


def _fetch(address: addresses.Address) -> int:
  try:
    store = stores.connect(address)
    run = run_directory.RunDirectory(address.directory)
    copying = restoring.Restoring(run, store)
    copying.check()
    print(copying.restore())
  except (errors.ConfigError, stores.BucketError, OSError) as error:
    found = error
    if isinstance(error, OSError):
      found = disk.explained(error, address.directory) or error
    print(str(found).removeprefix(f'{address}: '), file=sys.stderr)
    return 2
  return 0


def _mirror(address: addresses.Address) -> int:
  stopping.leave_to_parent()
  lifecycle.die_with_parent()
  stop = lifecycle.StopSignal()
  if os.read(0, len(_GO)) != _GO:
    return 1
  run = run_directory.RunDirectory(address.directory)
  lifecycle.log_to_file(run.path, f'{_ROLE}-0')
  status = lifecycle.StatusFile(run.path, _ROLE)
  parent = os.getppid()
  left: patience.Patience | None = None
  copying: mirror.Mirror | None = None
  while True:
    # Before the copy: what is written during it may not be in it.
    settled = stop() and not _others(run)
    if left is None and stop():
      left = patience.Patience(_ALONE_SECONDS)
    try:
      if copying is None:
        copying = mirror.Mirror(
          run, stores.connect(address), run.config().runtime.checkpoints_kept
        )
      copying.push(everything=settled)
      trouble = ''
    except mirror.TakenOverError as error:
      status.set('failed', str(error))
      return 1
    except (errors.ConfigError, stores.BucketError, OSError) as error:
      trouble = f'it waits: {error}'
      print(trouble)
    newest = None if copying is None else copying.committed
    what = 'no checkpoint' if newest is None else f'checkpoint {newest}'
    text = trouble or f'{what} is in {address}'
    if settled and not trouble:
      status.set('done', text)
      return 0
    status.set('running', text)
    # A parent that lives says how long it waits.
    if left is not None and os.getppid() != parent and left.is_over():
      status.set('failed', text)
      return 1
    if stop():
      time.sleep(_LAST_RETRY_SECONDS if trouble else 0.1)
    else:
      stop.event.wait(_RETRY_SECONDS if trouble else _LOOK_SECONDS)


def _others(run: run_directory.RunDirectory) -> bool:
  """Whether other processes of the run are alive, which may write."""
  return any(s.role != _ROLE for s in lifecycle.left_behind(run.path))


def main(argv: Sequence[str]) -> int:
  """`fetch ADDRESS` or `mirror ADDRESS`; the exit code."""
  address = addresses.parse('address', argv[1])
  return {'fetch': _fetch, 'mirror': _mirror}[argv[0]](address)


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))

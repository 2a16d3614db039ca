"""Any other system as an alternative: a command that prints its own speed."""

import json
import os
import signal
import subprocess
from collections.abc import Callable

from benchmarks import clean_environment, harness

_RATE = 'agent_steps_per_second'


def arm(command: str, timeout: float) -> Callable[[], harness.Measurement]:
  """A shell command whose last JSON line has 'agent_steps_per_second'.

  Args:
    command: for `sh`; 'window_seconds' in its line, if there is one, says over
      how long it measured.
    timeout: seconds after which it is given up.

  Returns:
    A function that runs it; its units are agent steps.
  """

  def run() -> harness.Measurement:
    # Of its own session, so that all it started can be ended together.
    with subprocess.Popen(
      command,
      shell=True,
      stdin=subprocess.DEVNULL,
      stdout=subprocess.PIPE,
      text=True,
      start_new_session=True,
      env=clean_environment.variables(),
    ) as process:
      try:
        output, _ = process.communicate(timeout=timeout)
      except subprocess.TimeoutExpired:
        raise harness.FailedError(
          f'{command}: not done in {timeout:g} s'
        ) from None
      finally:
        if process.poll() is None:
          os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
      raise harness.FailedError(f'{command}: ended with {process.returncode}')
    return _parse(command, output)

  return run


def _parse(command: str, output: str) -> harness.Measurement:
  for line in reversed(output.splitlines()):
    try:
      found = json.loads(line)
      seconds = float(found.get('window_seconds', 1.0))
      return harness.Measurement(float(found[_RATE]) * seconds, seconds)
    except (ValueError, KeyError, TypeError, AttributeError):
      continue
  raise harness.FailedError(f'{command}: printed no JSON line with {_RATE}')

"""Commands that answer and end, and may hang."""

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from attn_agents.utils import patience

_LOOK_SECONDS = 0.2


def run(
  command: Sequence[str], seconds: float, env: Mapping[str, str], **kwargs: Any
) -> subprocess.CompletedProcess[str]:
  """Runs a command to its end and returns what it wrote, as text.

  Args:
    command: the program and its arguments.
    seconds: after which it is killed; those in which this process was stopped
      do not count.
    env: its environment.
    **kwargs: further ones of `subprocess.Popen`.

  Raises:
    TimeoutExpired: of `subprocess`; the command has been killed.
  """
  with subprocess.Popen(
    command,
    stdin=subprocess.DEVNULL,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    env=env,
    **kwargs,
  ) as process:
    waiting = patience.Patience(seconds)
    try:
      while True:
        try:
          out, err = process.communicate(timeout=_LOOK_SECONDS)
        except subprocess.TimeoutExpired:
          if waiting.is_over():
            # The library's own names the seconds of one look.
            raise subprocess.TimeoutExpired(command, seconds) from None
        else:
          code = process.returncode
          return subprocess.CompletedProcess(command, code, out, err)
    except BaseException:
      process.kill()
      raise

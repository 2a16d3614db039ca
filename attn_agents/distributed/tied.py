"""`python -m attn_agents.distributed.tied PID COMMAND ARGUMENT...`.

Becomes the command, which gets a SIGTERM when its parent, of that process id,
dies. A `preexec_fn` would do the same, but may hang in a parent with threads.
"""

import os
import sys
from collections.abc import Sequence

from attn_agents.distributed import lifecycle


def command(argv: Sequence[str]) -> list[str]:
  """The command line of a child of this process that ends with it."""
  return [sys.executable, '-m', __name__, str(os.getpid()), *argv]


def main(argv: Sequence[str]) -> None:
  """Ties this process to its parent and becomes the command."""
  lifecycle.tie_to(int(argv[0]))
  os.execvp(argv[1], list(argv[1:]))


if __name__ == '__main__':
  main(sys.argv[1:])

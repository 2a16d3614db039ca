"""Runs pytest again and again in forks of a process that has the libraries.

    python -m tests.mutants.warm

Importing JAX and what comes with it takes longer than most tests. Nothing of
the tree itself is imported here. Each line of the input is a request as JSON,
the arguments of pytest and a file for its output; the answer is a line with
the fork's process id, which leads a group of its own, and later one with its
exit code.
"""

import ctypes
import importlib
import json
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_LIBRARIES = (
  'absl.flags', 'chex', 'flax.linen', 'jax', 'jax.numpy', 'matplotlib.figure',
  'numpy', 'optax', 'pytest',
)  # fmt: skip


def main() -> None:
  """Serves until the input ends."""
  _end_with_parent()
  for name in _LIBRARIES:
    importlib.import_module(name)
  for line in sys.stdin:
    request = json.loads(line)
    child = os.fork()
    if not child:
      _run(request['arguments'], request['output'])
    _answer(child)
    _, status = os.waitpid(child, 0)
    _answer(os.waitstatus_to_exitcode(status))


def _end_with_parent() -> None:
  if sys.platform == 'linux':
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _answer(number: int) -> None:
  sys.stdout.write(f'{number}\n')
  sys.stdout.flush()


def _run(arguments: list[str], output: str) -> None:
  """Ends the process."""
  import pytest

  os.setsid()
  _end_with_parent()
  descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
  for standard in (1, 2):
    os.dup2(descriptor, standard)
  os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
  code = 3
  try:
    code = int(pytest.main(arguments))
  finally:
    sys.stdout.flush()
    os._exit(code)


if __name__ == '__main__':
  main()

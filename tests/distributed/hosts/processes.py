"""The processes that are hosts in tests: `python -m MODULE ADDRESS ...`."""

import os
import pathlib
import subprocess
import sys
import traceback


def start(module, address, count, index, path, **variables):
  """Starts a host, which writes what it has to a file."""
  arguments = (address, str(count), str(index), str(path))
  return subprocess.Popen(
    [sys.executable, '-m', module.__name__, *arguments],
    cwd=pathlib.Path(__file__).parents[3],
    env={**os.environ, 'JAX_PLATFORMS': 'cpu', **variables},
    stderr=subprocess.PIPE,
    text=True,
  )


def run(main):
  """The whole of such a process; a normal exit waits for the other hosts."""
  code = 0
  try:
    main()
  except BaseException:
    traceback.print_exc()
    code = 1
  sys.stderr.flush()
  os._exit(code)

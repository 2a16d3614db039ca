#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
"""Converts a run of an earlier version, so that this one can read it.

    launch/convert.py --run=runs/old_run
    launch/convert.py --run=runs/old_run --out=runs/new_run

Rewrites config.json and all checkpoints, and copies everything else. Without
--out the new form replaces the old one in one step, after every array has been
read again and compared. Reads runs of commit 02cacd7, the last of the old form.
Exit codes: 0 converted, or of this form already; 2 cannot be converted.
"""

import os
import pathlib
import sys

from attn_agents.runs import run_directory, saved_runs
from attn_agents.utils import disk
from configs import errors
from launch import command_line, paths

_RUN = paths.define('run', None, 'Directory of the run.')
_OUT = paths.define(
  'out',
  None,
  'New directory for the converted run; in place of the old one if unset.',
)


def main() -> int:
  """Converts, and says what was done; returns the exit code."""
  if not _RUN.value:
    raise errors.ConfigError(
      '--run is missing: expected the --logdir of a training run'
    )
  saved_runs.require_run(run_directory.RunDirectory(_RUN.value), _RUN.value)
  # Reads and writes files only.
  os.environ.setdefault('JAX_PLATFORMS', 'cpu')
  from attn_agents.runs import conversion

  out = pathlib.Path(_OUT.value) if _OUT.value else None
  run = pathlib.Path(_RUN.value)
  if out is not None:
    disk.require_writable('--out', out, out.absolute().parent)
  with disk.explaining(out or run.parent):
    print(conversion.convert(run, out))
  return 0


if __name__ == '__main__':
  sys.exit(command_line.run(main))

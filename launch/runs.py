#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
"""Lists the runs below a directory: what they play, how far, and their state.

    launch/runs.py --root=runs

One line for each run. A score is the mean of the newest evaluation; without
one, the mean return of training. Exit codes: 0 done, 2 bad input.
"""

import os
import pathlib
import sys
from collections.abc import Iterator

from absl import flags

from attn_agents.utils import output, text_table
from configs import errors
from launch import command_line, paths, run_listing

_ROOT = paths.define('root', 'runs', 'Directory whose runs are listed.')
_RECORDS = paths.define(
  'records', '', 'Records of jobs of Slurm. If unset: <root>/slurm.'
)
_STATE = flags.DEFINE_string(
  'state',
  '',
  f'Only runs in this state: {", ".join(run_listing.STATES)}.',
)
_COLUMNS = ('run', 'game', 'agent', 'frames', 'score', 'state', 'where')


def main() -> int:
  """Prints the list; returns the exit code."""
  if _STATE.value:
    errors.choice('--state', _STATE.value, run_listing.STATES)
  root = pathlib.Path(_ROOT.value)
  if not root.is_dir():
    raise errors.ConfigError(
      f'--root={root}: expected a directory that holds runs'
    )
  jobs = run_listing.jobs(pathlib.Path(_RECORDS.value or root / 'slurm'))
  rows = [_COLUMNS]
  for path in _find(root):
    found = run_listing.read(path, jobs)
    if _STATE.value in ('', found.state):
      name = str(path.relative_to(root))
      rows.append(
        (
          name, found.game, found.agent, found.frames, found.score,
          found.state + (f': {found.detail}' if found.detail else ''),
          found.where,
        )
      )  # fmt: skip
  if len(rows) == 1:
    of_state = f' that are {_STATE.value}' if _STATE.value else ''
    output.say(f'no runs{of_state} below {root}')
    return 0
  for line in text_table.lines(rows):
    output.say(line)
  return 0


def _find(root: pathlib.Path) -> Iterator[pathlib.Path]:
  """Directories of runs at any depth; none lies within another."""
  for directory, below, files in os.walk(root):
    if 'config.json' in files:
      below.clear()
      yield pathlib.Path(directory)
    below.sort()


if __name__ == '__main__':
  sys.exit(command_line.run(main))

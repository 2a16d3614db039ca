#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
"""Shows what a trained agent looks at: its report, then its live page.

    launch/demo.py
    launch/demo.py --run=zoo:s3ta_catch

`make demo` does this from a fresh clone. A short game is recorded and analysed,
then the agent plays in a page of this machine until Ctrl-C. Both are opened in
a browser where there is a display; otherwise their addresses are printed. Exit
codes: 0 ended, 1 failed, 2 bad input, 143 ended by SIGTERM.
"""

import contextlib
import os
import pathlib
import subprocess
import sys
import webbrowser
from collections.abc import Mapping

from absl import flags

from attn_agents.distributed import tied
from attn_agents.runs import exported, saved_runs
from attn_agents.utils import batch_job
from configs import errors
from launch import command_line, paths

_RUN = paths.define('run', None, command_line.RUN_HELP)
_MAX_STEPS = flags.DEFINE_integer(
  'max_steps', 150, 'Agent steps that are recorded for the report, at most.'
)
_LIVE = flags.DEFINE_boolean('live', True, 'Show the live page, too.')
_PORT = flags.DEFINE_integer(
  'port',
  batch_job.WATCH_PORT,
  'Port of the live page on 127.0.0.1; 0 takes a free one.',
)

_HERE = pathlib.Path(__file__).parent
# What is shown if nothing is said, if it ships.
_FIRST = 's3ta_pong'
# Each is drawn in a second or two from the recording alone.
_ANALYSES = 'heads,what_where,behaviour'
_PAGE = 'page '
_WRITTEN = 'written '


def main() -> int:
  """Writes the report, serves the page; returns the exit code."""
  run = _RUN.value or f'{exported.PREFIX}{_default()}'
  errors.require(
    _MAX_STEPS.value >= 1, '--max_steps', _MAX_STEPS.value, 'at least 1'
  )
  # What is wrong is said before anything starts.
  opened, _ = saved_runs.open_run(run)
  # Beside what `analyze.py` makes, whose recordings are longer.
  out = opened.path / 'analyses' / f'demo_{_MAX_STEPS.value}'
  code = _show(
    'analyze', _WRITTEN, f'--run={run}', f'--max_steps={_MAX_STEPS.value}',
    f'--analyses={_ANALYSES}', f'--out={out}',
  )  # fmt: skip
  if code or not _LIVE.value:
    return code
  return _show('watch', _PAGE, f'--run={run}', f'--port={_PORT.value}')


def has_display(environment: Mapping[str, str], platform: str) -> bool:
  """Whether a browser can show something to whoever started this.

  Args:
    environment: of this process.
    platform: `sys.platform`.
  """
  if platform == 'darwin':
    return True
  return any(environment.get(x) for x in ('DISPLAY', 'WAYLAND_DISPLAY'))


def address_in(line: str, start: str) -> str:
  """The address that a line of a command's output names, '' if it names none.

  Args:
    line: e.g. 'written   /runs/report.html (3.1 MB)'.
    start: of lines that do, e.g. 'written '.
  """
  if not line.startswith(start):
    return ''
  address = line.removeprefix(start).strip().rpartition(' (')
  found = address[0] or address[2]
  return pathlib.Path(found).as_uri() if found.startswith('/') else found


def _default() -> str:
  """The agent that is shown if none is named."""
  there = exported.names()
  return _FIRST if _FIRST in there else there[0]


def _show(script: str, start: str, *args: str) -> int:
  """Runs a command, and opens what it says that it made.

  Args:
    script: of this folder.
    start: of the line that names it.
    *args: of the command.

  Returns:
    Its exit code.
  """
  command = [sys.executable, str(_HERE / f'{script}.py'), *args]
  with subprocess.Popen(
    tied.command(command),
    stdout=subprocess.PIPE,
    text=True,
  ) as child:
    assert child.stdout is not None
    try:
      for line in child.stdout:
        print(line, end='', flush=True)
        address = address_in(line, start)
        if address and has_display(os.environ, sys.platform):
          webbrowser.open(address)
      return child.wait()
    except KeyboardInterrupt:
      # It has heard Ctrl-C, too, and ends.
      return child.wait()


if __name__ == '__main__':
  with contextlib.suppress(KeyboardInterrupt):
    sys.exit(command_line.run(main))
  sys.exit(0)

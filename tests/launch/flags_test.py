"""What a flag is when it is left out: a command must stay what it was.

A default or a bound that is meant to change takes `python -m
tests.launch.flags`, whose difference shows what else has changed.
"""

import subprocess
import sys

from tests.launch import commands, flags


def test_flags_take_and_are_what_they_were():
  # Its own process: another test's flags must stay.
  done = subprocess.run(
    [sys.executable, '-m', 'tests.launch.flags', 'shown'],
    cwd=commands.LAUNCH.parent, capture_output=True, text=True, check=True,
  )  # fmt: skip
  assert done.stdout.splitlines() == flags.PATH.read_text().splitlines(), (
    'see `python -m tests.launch.flags`'
  )


def test_every_command_is_looked_at():
  scripts = {path.stem for path in commands.LAUNCH.glob('*.py')}
  assert {'run_local', 'evaluate', 'analyze', 'slurm'} <= set(flags.commands())
  assert set(flags.commands()) <= scripts

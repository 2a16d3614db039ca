"""Leaves out what needs Launchpad and Reverb where they are not installed.

`make test-core` runs there; nothing else may be left out by being absent.
"""

import importlib.util

if importlib.util.find_spec('reverb') is None:
  collect_ignore = [
    'distributed/program_test.py',
    'in_process_test.py',
    'launch/faults_test.py',
    'launch/run_local_test.py',
    'launch/synchronous_test.py',
    'replay',
    'synchronous_test.py',
  ]

"""The memory settings that a process of a run has, for a benchmark's own.

A benchmark runs with those of a learner, and what it starts inherits them.
"""

import functools
import os
import pathlib
import subprocess
import sys

_TUNABLES = 'GLIBC_TUNABLES'
_SAY = """
import sys
from attn_agents.distributed import process_environment

launcher = process_environment.of_launcher('launchpad')
role = process_environment.of_role(sys.argv[1])
print({**launcher, **role}.get('GLIBC_TUNABLES', ''))
"""


@functools.lru_cache
def variables(root: pathlib.Path, role: str) -> dict[str, str]:
  """What a checkout sets of glibc's memory for a role of its runs.

  Args:
    root: of the checkout.
    role: 'learner', 'actor' or 'reverb'. A relay has what 'reverb' has.

  Raises:
    subprocess.CalledProcessError: the checkout knows no such role.
  """
  environment = {x: y for x, y in os.environ.items() if x != _TUNABLES}
  said = subprocess.run(
    [sys.executable, '-c', _SAY, role],
    env={**environment, 'PYTHONPATH': str(root)},
    stdout=subprocess.PIPE,
    check=True,
    text=True,
  )
  return {_TUNABLES: said.stdout.strip()}

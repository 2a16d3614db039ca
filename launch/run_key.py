#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
"""Makes a run's key, and prints the commands that take it to other hosts.

    launch/run_key.py --logdir=runs/my_run

A learner host makes the key itself when it starts first; this command makes it
before, so that it can be where it is needed. What is there already stays. Who
has a half of the key belongs to the run, so only its owner may read it.
Exit codes: 0 the key is there; 2 it cannot be made, or what is there is none.
"""

import pathlib
import shlex
import sys

from attn_agents.distributed import run_key
from attn_agents.utils import disk
from configs import errors
from launch import command_line, paths

_LOGDIR = paths.define('logdir', None, "The run's directory; may be a new one.")

# Of what a host has for itself: Slurm's `sbcast` wants that.
_LOCAL = '/tmp'
_MOUNTED = '/etc/attn_agents'


def main() -> int:
  """Makes or finds the key, and prints; returns the exit code."""
  if not _LOGDIR.value:
    raise errors.ConfigError(
      "--logdir is missing: expected the run's directory, for example "
      'runs/my_run'
    )
  logdir = pathlib.Path(_LOGDIR.value)
  if logdir.exists() and not logdir.is_dir():
    raise errors.ConfigError(
      f'--logdir={logdir} is a file; expected a directory, or a new name'
    )
  disk.require_writable('--logdir', logdir, logdir.absolute().parent)
  found = run_key.paths(logdir)[run_key.LEARNER].exists()
  with disk.explaining(logdir):
    key = run_key.make_or_load(logdir)
  files = run_key.paths(logdir)
  actors = files[run_key.ACTOR]
  run_key.load(actors, run_key.ACTOR, f"the run's key {actors}")
  print(f'{"found" if found else "made"} the key of run {key.run}')
  for role, path in files.items():
    print(f'\n{role} hosts need {path}, and --key=PATH where it is not there')
    for name, command in commands(role, path, key.run):
      print(f'  {name:<18}{command}')
  return 0


def commands(role: str, path: pathlib.Path, run: str) -> list[tuple[str, str]]:
  """What takes one half of a key to other hosts: ways, and their commands.

  Args:
    role: 'learner' or 'actor'.
    path: of the file.
    run: what the key is called.
  """
  file, name = shlex.quote(str(path)), f'attn_agents_{run}_{role}.pem'
  secret = f'attn-agents-{run}-{role}'
  return [
    ('shared directory', f'none: --key={file}'),
    ('scp', f'scp -p {file} HOST:{name}  # then --key=~/{name}'),
    (
      'Slurm, in a job',
      f'sbcast -p {file} {_LOCAL}/{name}  # then --key={_LOCAL}/{name}',
    ),
    (
      'Kubernetes',
      f'kubectl create secret generic {secret} --from-file={role}.pem={file}'
      f'  # mounted at {_MOUNTED} with defaultMode: 0400, then '
      f'--key={_MOUNTED}/{role}.pem',
    ),
  ]


if __name__ == '__main__':
  sys.exit(command_line.run(main))

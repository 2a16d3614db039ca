#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
r"""Trains on a slice of TPUs of Google Cloud, or on several.

    launch/tpu.py --tpu=v5litepod-16 --zone=us-west4-a --spot --queued \
        --logdir=gs://bucket/runs/try1 --game=pong --dry_run

prints the commands of gcloud that create, set up, start, watch, resume and
delete; without --dry_run they are run (--step=create,setup,start, or another).
All other flags are those of the run. Exit codes: 0 done; 1 a command failed; 2
bad input.
"""

import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

from absl import flags

from attn_agents.clusters import accelerators, tpu_slices
from attn_agents.runs.buckets import addresses
from attn_agents.utils import output
from configs import errors
from launch import command_line, training_flags

_STEPS = ('create', 'setup', 'start', 'watch', 'resume', 'delete')
_ROOT = pathlib.Path(__file__).resolve().parents[1]
_LOOK_SECONDS = 20.0

_TPU = flags.DEFINE_string(
  'tpu', None, 'Type of slice, e.g. v5litepod-16 or v4-32.'
)
_ZONE = flags.DEFINE_string('zone', None, 'Zone, e.g. us-west4-a.')
_SPOT = flags.DEFINE_bool(
  'spot', False, 'Cheaper slices, which may be taken away at any time.'
)
_QUEUED = flags.DEFINE_bool(
  'queued', False, 'Wait for the slices as a queued resource.'
)
_NUM_SLICES = flags.DEFINE_integer('num_slices', 1, 'Number of slices.')
_NAME = flags.DEFINE_string(
  'name', None, 'Name of the slice. If unset: attn-agents-<agent>-<game>.'
)
_PROJECT = flags.DEFINE_string(
  'project', '', "Project of Google Cloud. If unset: gcloud's own."
)
_RUNTIME_VERSION = flags.DEFINE_string(
  'runtime_version', '', 'Software of the hosts. If unset: that of the type.'
)
_STEP = flags.DEFINE_list(
  'step',
  [],
  f'What to do: {", ".join(_STEPS)}. If unset: create,setup,start,watch; with '
  '--dry_run, all.',
)
_DRY_RUN = flags.DEFINE_bool('dry_run', False, 'Print the commands only.')


def main() -> int:
  """Checks everything, then prints or runs; returns the exit code."""
  plan = _plan()
  chosen = tuple(_STEP.value) or (
    _STEPS if _DRY_RUN.value else ('create', 'setup', 'start', 'watch')
  )
  for step in chosen:
    errors.choice('--step', step, _STEPS)
  if _DRY_RUN.value:
    _print(plan, chosen)
    return 0
  if shutil.which('gcloud') is None:
    raise errors.ConfigError(
      'gcloud is not installed; install the Google Cloud CLI, or use --dry_run '
      'and run what it prints where it is'
    )
  with tempfile.TemporaryDirectory(prefix='attn_agents_') as directory:
    archive = f'{directory}/{tpu_slices.ARCHIVE}'
    for step in chosen:
      code = _run(step, plan, archive)
      if code:
        return code
  return 0


def _plan() -> tpu_slices.Plan:
  if not _TPU.value or not _ZONE.value:
    raise errors.ConfigError(
      '--tpu and --zone are needed; expected for example --tpu=v5litepod-16 '
      '--zone=us-west4-a'
    )
  run = training_flags.given()
  if _SPOT.value and not addresses.is_address(run.logdir):
    raise errors.ConfigError(
      f'--logdir={run.logdir}: a spot slice loses its disks; expected a '
      'bucket, gs://bucket/path'
    )
  if addresses.is_address(run.logdir):
    addresses.parse('--logdir', run.logdir)
  name = f'attn-agents-{run.agent}-{run.game}'.replace('_', '-')
  return tpu_slices.Plan(
    name=_NAME.value or name,
    tpu=accelerators.parse('--tpu', _TPU.value),
    zone=_ZONE.value,
    training=run.arguments,
    num_slices=_NUM_SLICES.value,
    spot=_SPOT.value,
    queued=_QUEUED.value,
    project=_PROJECT.value,
    runtime_version=_RUNTIME_VERSION.value,
  )


def _print(plan: tpu_slices.Plan, chosen: tuple[str, ...]) -> None:
  output.say(
    f'# {plan.num_slices} x {plan.tpu.type} in {plan.zone}: '
    f'{plan.tpu.chips * plan.num_slices} chips on {plan.hosts} hosts'
  )
  commands = tpu_slices.steps(plan, tpu_slices.ARCHIVE)
  for step in chosen:
    output.say(f'\n# {step}')
    for command in commands[step]:
      if 'scp' in command:
        output.say(shlex.join(_pack(tpu_slices.ARCHIVE)))
      output.say(shlex.join(command))
      if 'create' in command:
        output.say(
          f'{shlex.join(tpu_slices.state(plan))}  '
          f'# until it says {" or ".join(tpu_slices.READY)}'
        )


def _pack(archive: str) -> list[str]:
  """Packs what is committed of this program."""
  return [
    'git', '-C', str(_ROOT), 'archive', '--format=tar.gz',
    f'--output={os.path.abspath(archive)}', 'HEAD',
  ]  # fmt: skip


def _run(step: str, plan: tpu_slices.Plan, archive: str) -> int:
  """Runs the commands of a step; the exit code."""
  commands = list(tpu_slices.steps(plan, archive)[step])
  if step == 'resume' and _state(plan) in tpu_slices.READY:
    # Only the run has ended.
    commands = list(tpu_slices.start(plan))
  for command in commands:
    if 'scp' in command and not os.path.exists(archive):
      subprocess.run(_pack(archive), check=True)
    output.say(f'$ {shlex.join(command)}')
    code = subprocess.run(command, check=False).returncode
    if code and 'delete' in command and step == 'resume':
      # It may be gone already.
      continue
    if code:
      output.say(f'failed: {step}: gcloud ended with exit code {code}')
      return command_line.FAILED
    if 'create' in command and not _wait_until_ready(plan):
      return command_line.FAILED
  return 0


def _state(plan: tpu_slices.Plan) -> str:
  done = subprocess.run(
    tpu_slices.state(plan), check=False, capture_output=True, text=True
  )
  return done.stdout.strip()


def _wait_until_ready(plan: tpu_slices.Plan) -> bool:
  before: str | None = None
  while (found := _state(plan)) not in tpu_slices.READY:
    if found != before:
      output.say(f'{plan.name}: {found or "no state yet"}')
      before = found
    if found in tpu_slices.GONE:
      output.say(f'failed: {plan.name} is {found}; delete it and try again')
      return False
    time.sleep(_LOOK_SECONDS)
  return True


if __name__ == '__main__':
  sys.exit(command_line.run(main))

#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
"""Writes a trained agent as a directory that any machine can play with.

    launch/export.py --run=runs/s3ta_appo_pong_small --out=exports/s3ta_pong

The directory has the parameters (safetensors), the config, the evaluation, the
training curve and a model card, and is a --run of evaluate.py, analyze.py and
watch.py, and an --init_from of run_local.py. The checkpoint must have been
evaluated; numbers of its analyses go into the card. With --push it is uploaded
to a model hub, too, also if it was written before. Exit codes: 0 done, 1
failed, 2 bad input.
"""

import os
import pathlib
import re
import sys

from absl import flags

from attn_agents.runs import exported, saved_runs
from attn_agents.utils import disk
from configs import errors
from launch import command_line, paths

_RUN = paths.define(
  'run', None, 'The --logdir of a training run, or an exported agent.'
)
_OUT = paths.define(
  'out', None, 'New directory; its name is the name of the agent.'
)
_CHECKPOINT = flags.DEFINE_string(
  'checkpoint',
  'newest',
  'newest, best (kept by training with --evaluate_every), or a learner step.',
)
_LICENCE = flags.DEFINE_string(
  'licence', 'apache-2.0', 'Licence of the parameters, as hubs write it.'
)
_PUSH = flags.DEFINE_string(
  'push',
  None,
  'Repository of a model hub, owner/name, to upload to; needs make setup-hub, '
  'and HF_TOKEN.',
)
_DRY_RUN = flags.DEFINE_boolean(
  'dry_run',
  False,
  'With --push: list what would be uploaded, and upload nothing.',
)

_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]{0,95}')
_LICENCE_NAME = re.compile(r'[a-z0-9][a-z0-9.+-]{0,63}')


def main() -> int:
  """Checks everything, writes, uploads; returns the exit code."""
  out = _check_flags()
  assert _RUN.value is not None
  run, config = saved_runs.open_run(_RUN.value)
  directory, step = saved_runs.find(run, _CHECKPOINT.value)
  # Reads and plays a few steps only. Now, since JAX takes seconds to load.
  os.environ.setdefault('JAX_PLATFORMS', 'cpu')
  from attn_agents.exporting import contents, gathering, writing

  if isinstance(run, exported.ExportedAgent):
    given = contents.read(run)
  else:
    given = gathering.of_run(
      run, config, directory, step, name=out.name, licence=_LICENCE.value
    )
  with disk.explaining(out):
    writing.write(given, out)
  for game, found in given.evaluations.items():
    print(f'score     {game} {found.score}, {found.summary["episodes"]} games')
  if not given.facts.get('pictures'):
    print('pictures  none: launch/analyze.py before the export puts them in')
  print(f'written   {out}')
  return _push(out, _PUSH.value) if _PUSH.value else 0


def _check_flags() -> pathlib.Path:
  """The directory to write.

  Raises:
    ConfigError: for what can be seen without a run.
  """
  if not _RUN.value:
    raise errors.ConfigError(
      '--run is missing: expected the --logdir of a training run'
    )
  if not _OUT.value:
    raise errors.ConfigError('--out is missing: expected a new directory')
  out = pathlib.Path(_OUT.value).absolute()
  errors.require(
    _NAME.fullmatch(out.name) is not None,
    '--out',
    _OUT.value,
    'a directory whose name has letters, digits, dots, dashes and underscores',
  )
  disk.require_writable('--out', _OUT.value, out.parent)
  exported.require_new_or_exported('--out', out)
  errors.require(
    _LICENCE_NAME.fullmatch(_LICENCE.value) is not None,
    '--licence',
    _LICENCE.value,
    'a name as hubs write it, e.g. apache-2.0',
  )
  if _PUSH.value is not None:
    from attn_agents.exporting import pushing

    pushing.require_possible(_PUSH.value)
  elif _DRY_RUN.value:
    raise errors.ConfigError(
      '--dry_run is of --push=owner/name, which is unset'
    )
  return out


def _push(out: pathlib.Path, repository: str) -> int:
  """Uploads, or says what would be uploaded."""
  from attn_agents.exporting import pushing

  push = pushing.plan(out, repository)
  if _DRY_RUN.value:
    print(f'would be uploaded to {push.in_words()}')
    return 0
  try:
    print(f'uploaded  {push.upload()}')
  except pushing.PushError as error:
    print(f'failed: {error}', file=sys.stderr, flush=True)
    return command_line.FAILED
  return 0


if __name__ == '__main__':
  sys.exit(command_line.run(main))

"""What every command shares: flags, and one clear line for bad input."""

import dataclasses
import logging
import pathlib
import sys
from collections.abc import Callable, Sequence

from absl import app, flags

from attn_agents.environments import registry as environments
from attn_agents.utils import disk, output
from configs import errors, schema

# Of every --run that is played with.
RUN_HELP = (
  'The --logdir of a training run, the directory of an exported agent, or '
  'zoo:<name> of one that ships.'
)
FAILED = 1
USAGE_ERROR = 2
INTERRUPTED = 130
# Names of actions in one line.
_MOST_ACTIONS = 9


def check_actions(
  trained: schema.EnvironmentConfig, played: schema.EnvironmentConfig
) -> None:
  """Refuses a game whose actions mean something else to the agent.

  Args:
    trained: environment that the agent was trained in.
    played: the same with the game to be played.

  Raises:
    ConfigError: the actions differ in meaning, number or order.
  """
  known, found = (environments.spec(e).actions for e in (trained, played))
  if known == found:
    return
  known_full, found_full = (
    environments.spec(dataclasses.replace(e, full_action_space=True)).actions
    for e in (trained, played)
  )
  raise errors.ConfigError(
    f'an agent trained on {trained.game} cannot play {played.game}: its '
    f'actions are {_listed(known)}, those of {played.game} are '
    f'{_listed(found)}'
    + (
      '; trained with --set=environment.full_action_space=true it can'
      if known_full == found_full
      else ''
    )
  )


def _listed(actions: tuple[str, ...]) -> str:
  """Their names; of many the first, and how many there are."""
  if len(actions) <= _MOST_ACTIONS:
    return ' '.join(actions)
  return f'{" ".join(actions[:_MOST_ACTIONS])} ... ({len(actions)})'


def _is_told(record: logging.LogRecord) -> bool:
  """False of Orbax's warnings, unless --verbosity asks for them."""
  return (
    record.levelno >= logging.ERROR
    or 'orbax' not in pathlib.Path(record.pathname).parts
    or flags.FLAGS['verbosity'].present > 0
  )


def run(main: Callable[[], int], argv: Sequence[str] | None = None) -> int:
  """Parses absl flags, calls `main`, and returns the exit code.

  Bad input, whether a flag absl does not know or a `ConfigError`, ends in one
  line on stderr and exit code 2; a directory that cannot be written, because
  the disk is full for example, in one line and exit code 1. Ctrl-C ends in exit
  code 130.
  """
  output.ensure()
  is_process = argv is None
  argv = list(sys.argv if argv is None else argv)
  app.define_help_flags()
  # Orbax warns of what an error says anyway.
  logging.getLogger('absl').addFilter(_is_told)
  try:
    rest = flags.FLAGS(argv)
    if len(rest) > 1:
      raise errors.ConfigError(
        f"unexpected argument '{rest[1]}'; expected flags like --name=value"
      )
    return main()
  except (flags.Error, errors.ConfigError) as error:
    line = ' '.join(str(error).split())
    with output.may_be_lost():
      print(f'error: {line}', file=sys.stderr, flush=True)
    if is_process:
      # Background reads of a damaged checkpoint raise while the process ends.
      sys.unraisablehook = lambda _: None
    return USAGE_ERROR
  except KeyboardInterrupt:
    return INTERRUPTED
  except Exception as error:
    found = disk.explained(error, of_a_write=False)
    if found is None:
      raise
    # Which may be where stderr goes, too.
    with output.may_be_lost():
      print(f'failed: {found}', file=sys.stderr, flush=True)
    return FAILED

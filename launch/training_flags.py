"""Flags of a run that other machines are to start, as they were given here.

Importing this module defines them, so that a mistyped one is refused at once.
"""

import dataclasses

from absl import flags

from configs import games, resolution
from launch import run_local

# Whose flags are said of the run, and not of what starts it.
_MODULES = (run_local.__name__, 'launch.run_cluster')


@dataclasses.dataclass(frozen=True)
class Given:
  """The flags of a run.

  Attributes:
    agent: that trains.
    game: that is played, fit for a name of something.
    logdir: of the run; '' if it was not given.
    arguments: the flags that were given, in the form of a command line.
  """

  agent: str
  game: str
  logdir: str
  arguments: tuple[str, ...]


def given() -> Given:
  """The flags of a run that this command line has.

  Raises:
    ConfigError: of a name, with the nearest.
  """
  run = run_local.requested()
  resolution.check_names(run)
  arguments = [
    line
    for module, defined in flags.FLAGS.flags_by_module_dict().items()
    if module in _MODULES
    for flag in defined
    if flag.present
    for line in flag.serialize().splitlines()
  ]
  return Given(
    run.agent,
    games.in_directory(games.canonical(run.game), joint='-'),
    flags.FLAGS['logdir'].value or '',
    tuple(arguments),
  )

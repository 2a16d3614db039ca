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
  value = flags.FLAGS.flag_values_dict()
  resolution.check_names(
    resolution.Request(
      agent=value['agent'],
      game=value['game'],
      preset=value['preset'],
      algorithm=value['algorithm'],
      runtime=value['runtime'],
      seed=value['seed'],
      max_frames=value['max_frames'],
      max_hours=value['max_hours'],
      num_actors=value['num_actors'],
      envs_per_actor=value['envs_per_actor'],
      evaluate_every=value['evaluate_every'],
      profile_updates=value['profile_updates'],
      init_from=value['init_from'],
      settings=value['set'],
    )
  )
  arguments = [
    line
    for module, defined in flags.FLAGS.flags_by_module_dict().items()
    if module in _MODULES
    for flag in defined
    if flag.present
    for line in flag.serialize().splitlines()
  ]
  return Given(
    value['agent'],
    games.in_directory(games.canonical(value['game']), joint='-'),
    value['logdir'] or '',
    tuple(arguments),
  )

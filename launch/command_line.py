"""What every command shares: flags, and one clear line for bad input."""

import sys
from collections.abc import Callable, Sequence

from absl import app, flags

from configs import errors, schema

USAGE_ERROR = 2


def check_actions(num_actions: int, trained: schema.Config, game: str) -> None:
  """Refuses to let an agent play a game with other actions than it knows.

  Args:
    num_actions: of the game.
    trained: config of the agent's run.
    game: its name.

  Raises:
    ConfigError: the numbers of actions differ.
  """
  # JAX takes seconds to load.
  from attn_agents import experiment

  theirs = experiment.Experiment(trained).num_actions
  errors.require(
    num_actions == theirs, '--game', game,
    f'a game with the {theirs} actions of {trained.environment.game}, this one '
    f'has {num_actions}; a run with '
    '--set=environment.full_action_space=true can play all',
  )  # fmt: skip


def run(main: Callable[[], int], argv: Sequence[str] | None = None) -> int:
  """Parses absl flags, calls `main`, and returns the exit code.

  Bad input, whether a flag absl does not know or a `ConfigError`, ends in one
  line on stderr and exit code 2.
  """
  argv = list(sys.argv if argv is None else argv)
  app.define_help_flags()
  try:
    rest = flags.FLAGS(argv)
    if len(rest) > 1:
      raise errors.ConfigError(
        f"unexpected argument '{rest[1]}'; expected flags like --name=value"
      )
    return main()
  except (flags.Error, errors.ConfigError) as error:
    line = ' '.join(str(error).split())
    print(f'error: {line}', file=sys.stderr)
    return USAGE_ERROR

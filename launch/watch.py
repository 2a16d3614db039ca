#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
"""Shows a run's newest agent playing, live in a web page of this machine.

    launch/watch.py --run=runs/s3ta_appo_ms_pacman_small

The page draws the agent's attention over the game. While training goes on, it
loads each new checkpoint. Only browsers on this machine can open the page. From
another machine, forward the port: ssh -L 8712:127.0.0.1:8712 ..., which is
printed in full within a job of Slurm. Ctrl-C ends it. Exit codes: 0
ended, 1 failed, 2 bad input, 143 ended by SIGTERM.
"""

import asyncio
import contextlib
import os
import socket
import sys

from absl import flags

from attn_agents.environments import registry as environments
from attn_agents.evaluation import protocols
from attn_agents.runs import exported, saved_runs
from attn_agents.utils import batch_job, stopping
from configs import errors, games
from launch import command_line, paths

_RUN = paths.define('run', None, command_line.RUN_HELP)
_GAME = flags.DEFINE_string(
  'game', None, 'Game to play; if unset, the game of the run.'
)
_POLICY = flags.DEFINE_string(
  'policy', 'sampled', 'How the agent selects actions: sampled or greedy.'
)
_PROTOCOL = flags.DEFINE_string(
  'protocol',
  'noop',
  'noop (up to 30 no-ops at the start of a game) or sticky (each frame repeats '
  'the previous action with probability 0.25).',
)
_SEED = flags.DEFINE_integer('seed', 0, 'Seed of games and actions.')
_FPS = flags.DEFINE_float(
  'fps',
  None,
  'Agent steps shown per second; if unset, the normal speed of the game.',
)
_PORT = flags.DEFINE_integer(
  'port',
  batch_job.WATCH_PORT,
  'Port of the page on 127.0.0.1; 0 takes a free one.',
)

_FASTEST = 60.0


def main() -> int:
  """Checks all input and serves until the end; returns the exit code."""
  if _RUN.value is None:
    raise errors.ConfigError(
      '--run is missing: expected the --logdir of a training run'
    )
  _check_flags()
  run, trained = saved_runs.open_run(_RUN.value)
  played = saved_runs.with_game(trained, _GAME.value)
  command_line.check_actions(trained.environment, played.environment)
  # JAX and the game take seconds to load; the socket needs neither.
  from attn_agents.watching import server

  with contextlib.closing(server.listen(_PORT.value)) as listening:
    from attn_agents.watching import games as watching_games
    from attn_agents.watching import session

    fps = _FPS.value or environments.spec(played.environment).steps_per_second
    plan = watching_games.Plan(_SEED.value, _PROTOCOL.value, _POLICY.value, fps)
    print(f'run       {exported.address(run.checkpoints)}')
    port = listening.getsockname()[1]
    print(f'page      http://127.0.0.1:{port}/')
    ports = (port, batch_job.TENSORBOARD_PORT)
    if line := batch_job.ssh_line(os.environ, socket.gethostname(), *ports):
      print(f'from      your own machine, and TensorBoard, by {line}')
    print('end       Ctrl-C', flush=True)
    watched = session.Watched(run, trained, played, plan)
    number = asyncio.run(session.serve(watched, listening))
  return 128 + number if stopping.is_by_machine(number) else 0


def _check_flags() -> None:
  """Raises `errors.ConfigError` for flags that are wrong for any run."""
  errors.choice('--policy', _POLICY.value, ('sampled', 'greedy'))
  protocols.check_names(_PROTOCOL.value, _POLICY.value)
  errors.require(_SEED.value >= 0, '--seed', _SEED.value, '0 or more')
  expected = f'above 0, at most {_FASTEST:g}'
  if _FPS.value is not None:
    errors.require(0 < _FPS.value <= _FASTEST, '--fps', _FPS.value, expected)
  errors.require(0 <= _PORT.value < 2**16, '--port', _PORT.value, '0 to 65535')
  if _GAME.value is not None:
    games.check(_GAME.value)


if __name__ == '__main__':
  with contextlib.suppress(KeyboardInterrupt):
    code = command_line.run(main)
    # Ctrl-C is how it ends, before the page is served too.
    sys.exit(0 if code == command_line.INTERRUPTED else code)
  sys.exit(0)

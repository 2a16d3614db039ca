#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
"""Checks whether this machine can run attn_agents, and says what to do if not.

    launch/doctor.py            # or `make doctor`
    launch/doctor.py --games    # starts all 57 games instead
    launch/doctor.py --agents   # a table of what each agent costs

Exit codes: 0 all passed, 1 something failed, 2 bad flags.
"""

import sys
from collections.abc import Iterator

import rich.console
import rich.text
from absl import flags

from attn_agents.diagnostics import agents, checks, games, runner
from configs import agents as agent_names
from configs import errors
from configs import games as game_names
from launch import command_line

_GAMES = flags.DEFINE_bool(
  'games', False, 'Start every game instead of checking the machine.'
)
_AGENTS = flags.DEFINE_bool(
  'agents', False, 'List what each agent costs instead of checking the machine.'
)
_ALLOW_OPEN_PORTS = flags.DEFINE_bool(
  'allow_open_ports', False, 'Accept that other hosts can reach local runs.'
)


def main() -> int:
  """Runs the doctor; returns the exit code."""
  console = rich.console.Console(highlight=False, soft_wrap=True)
  if _GAMES.value and _AGENTS.value:
    raise errors.ConfigError('--games and --agents: expected only one of them')
  if _GAMES.value:
    answers = _start_games()
  elif _AGENTS.value:
    answers = _describe_agents(console)
  else:
    answers = _check_machine(console)
  failed = []
  total = 0
  for answer in answers:
    total += 1
    _show(console, answer)
    if not answer.ok:
      failed.append(answer.name)
  if failed:
    console.print(f'{len(failed)} of {total} failed: {", ".join(failed)}')
    return 1
  console.print(f'all {total} passed')
  return 0


def _start_games() -> Iterator[runner.Answer]:
  return runner.ask('game', game_names.ATARI_GAMES, games.TIMEOUT_SECONDS)


def _describe_agents(
  console: rich.console.Console,
) -> Iterator[runner.Answer]:
  console.print(
    f'{"":5}{"agent":19}{agents.HEADER}   ({agents.NUM_ACTIONS} actions)'
  )
  yield from runner.ask(
    'agent', list(agent_names.AGENTS), agents.TIMEOUT_SECONDS
  )


def _check_machine(
  console: rich.console.Console,
) -> Iterator[runner.Answer]:
  """Yields each check's answer; a failed one is followed by its remedy."""
  for check in checks.applicable():
    answer = next(runner.ask('check', [check.name], check.timeout))
    if not answer.ok and check.name == 'isolation' and _ALLOW_OPEN_PORTS.value:
      detail = f'not possible, but not required: {answer.detail}'
      answer = runner.Answer(answer.name, True, detail)
    yield answer
    if not answer.ok:
      console.print(f'      -> {check.remedy}', markup=False)


def _show(console: rich.console.Console, answer: runner.Answer) -> None:
  verdict, style = ('ok', 'green') if answer.ok else ('FAIL', 'bold red')
  line = rich.text.Text()
  line.append(f'{verdict:5}', style)
  line.append(f'{answer.name:19}{answer.detail}')
  console.print(line)


if __name__ == '__main__':
  sys.exit(command_line.run(main))

"""Times whole runs: one runtime against another, and against other systems.

    python -m benchmarks.whole_system --agent=impala_ff --preset=paper \
        --game=breakout --set=learning.batch_size=16 --seconds=60 --rounds=3 \
        --command='other: ./run_other.sh 60'

Every run starts from nothing; what counts are the agent steps the learner has
taken in its steady part. `--arm='name: --num_actors=2'` adds a run with more
flags of `run_local`; `--command='name: ...'` anything that prints a JSON line
with "agent_steps_per_second". Both may be repeated.
"""

import sys

from absl import flags

from benchmarks import (
  harness,
  local_runs,
  other_systems,
  runner,
  settings,
  system_flags,
)
from configs import errors

_RUNTIMES = flags.DEFINE_list(
  'runtimes',
  list(system_flags.RUNTIMES),
  'Runtimes to compare; ratios are to the first alternative.',
)
_ARM = flags.DEFINE_multi_string(
  'arm', [], "'name: flags': the first runtime with more flags of run_local."
)
_COMMAND = flags.DEFINE_multi_string(
  'command', [], "'name: shell command': another system."
)
_TIMEOUT = flags.DEFINE_float(
  'command_timeout', 1800.0, 'Seconds after which a command is given up.', 1.0
)

_SMOKE_COMMAND = """fixed: echo '{"agent_steps_per_second": 100}'"""


def make() -> harness.Benchmark:
  """All runtimes that can run here, then arms and other systems."""
  skipped: dict[str, str] = {}
  arms: dict[str, list[str]] = {}
  shares: dict[str, list[local_runs.Shares]] = {}
  for runtime in _RUNTIMES.value:
    flags_of_run = system_flags.run_local(runtime)
    reason = system_flags.missing(runtime)
    # Its processes take longer to start than a smoke test may last.
    if runner.SMOKE.value and runtime == 'launchpad':
      reason = 'left out of --smoke'
    if reason:
      skipped[runtime] = reason
    else:
      arms[runtime] = flags_of_run
  base = next(iter(arms.values()), [])
  for text in _ARM.value:
    name, more = _parse('--arm', text)
    if not base:
      raise errors.ConfigError(f'--arm={text}: expected one of --runtimes too')
    arms[name] = [*base, *more.split()]
  programs = dict(_parse('--command', text) for text in _COMMAND.value)
  if runner.SMOKE.value:
    programs.update([_parse('--command', _SMOKE_COMMAND)])
  first = next(iter([*arms, *programs]), '')
  if not first:
    raise errors.ConfigError(f'--runtimes: nothing to run: {skipped}')
  alternatives = []
  for name, run_flags in arms.items():
    shares[name] = []
    run = local_runs.arm(
      run_flags, *system_flags.lengths(), shares[name].append
    )
    alternatives.append(harness.Alternative(name, run, baseline=first))
  for name, command in programs.items():
    run = other_systems.arm(command, _TIMEOUT.value)
    alternatives.append(harness.Alternative(name, run, baseline=first))
  return harness.Benchmark(
    title=f'Whole system: {settings.AGENT.value} on {settings.game()}, '
    f'{settings.PRESET.value}',
    unit='agent steps',
    alternatives=alternatives,
    skipped=skipped,
    details={'flags': arms, 'commands': programs, 'shares': shares},
  )


def _parse(flag: str, text: str) -> tuple[str, str]:
  name, colon, rest = text.partition(':')
  if not (name.strip() and colon and rest.strip()):
    raise errors.ConfigError(f"{flag}={text}: expected 'name: ...'")
  return name.strip(), rest.strip()


if __name__ == '__main__':
  sys.exit(runner.run(make))

"""Times whole runs over actors, environments, batch, unroll and width.

    python -m benchmarks.scaling --actors=1,2,4 --vision_channels=16,32,64

One size is varied at a time; all others stay as the preset and `--set` have
them. Ratios are to the first value of each.
"""

import sys

from absl import flags

from benchmarks import harness, local_runs, runner, settings, system_flags
from configs import errors

_RUNTIME = flags.DEFINE_string(
  'runtime', 'threads', f'Runtime to measure: {system_flags.RUNTIMES}.'
)
_DIMENSIONS = {
  'actors': '--num_actors',
  'envs_per_actor': '--envs_per_actor',
  'batch_sizes': '--set=learning.batch_size',
  'unroll_lengths': '--set=learning.unroll_length',
  'vision_channels': '--set=network.vision_channels',
}
_VALUES = {
  name: flags.DEFINE_list(
    name, ['1', '2', '4'] if name == 'actors' else [], f'Values of {flag}.'
  )
  for name, flag in _DIMENSIONS.items()
}


def make() -> harness.Benchmark:
  """Every value of every size."""
  reason = system_flags.missing(_RUNTIME.value)
  if reason:
    raise errors.ConfigError(f'--runtime={_RUNTIME.value}: {reason}')
  base = system_flags.run_local(_RUNTIME.value)
  shares: dict[str, list[local_runs.Shares]] = {}
  alternatives = []
  for dimension, flag in _DIMENSIONS.items():
    values = _numbers(dimension)
    if runner.SMOKE.value:
      values = values[:1]
    for value in values:
      name = f'{dimension} {value}'
      shares[name] = []
      run = local_runs.arm(
        [*base, f'{flag}={value}'],
        *system_flags.lengths(),
        shares[name].append,
      )
      alternatives.append(
        harness.Alternative(name, run, baseline=f'{dimension} {values[0]}')
      )
  if not alternatives:
    raise errors.ConfigError('nothing to vary; expected e.g. --actors=1,2')
  return harness.Benchmark(
    title=f'Scaling: {settings.AGENT.value} on {settings.game()}, '
    f'{settings.PRESET.value}, {_RUNTIME.value}',
    unit='agent steps',
    alternatives=alternatives,
    details={'flags': base, 'shares': shares},
  )


def _numbers(dimension: str) -> list[int]:
  texts = _VALUES[dimension].value
  if not all(text.isdigit() and int(text) for text in texts):
    raise errors.ConfigError(
      f'--{dimension}={",".join(texts)}: expected whole numbers above 0 '
      'separated by commas'
    )
  return [int(text) for text in texts]


if __name__ == '__main__':
  sys.exit(runner.run(make))

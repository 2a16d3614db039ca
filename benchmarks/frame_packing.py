"""Times lossless packing of observations, and says how much smaller they get.

    python -m benchmarks.frame_packing --size=210x160x3

The frames are of random play in six games. The bytes are those that would go
through the queue; the ceiling is a plain copy. Packing pays off if the queue
saves more time than packing takes on the same cores.
"""

import functools
import statistics
import sys
from collections.abc import Callable

import numpy as np
from absl import flags

from attn_agents.environments import registry as environments
from benchmarks import frame_sizes, harness, packing, runner, settings
from configs import resolution, schema

_GAMES = flags.DEFINE_list(
  'games',
  [
    'ms_pacman',
    'breakout',
    'seaquest',
    'enduro',
    'space_invaders',
    'battle_zone',
  ],
  'Games whose frames are packed.',
)
_UNROLLS = flags.DEFINE_integer('unrolls', 4, 'Unrolls of each game.', 1)
_BETWEEN = flags.DEFINE_integer(
  'between', 300, 'Agent steps left out between two unrolls.', 0
)
_STICKY = flags.DEFINE_float(
  'sticky', 0.25, 'Chance that the emulator repeats the action before.', 0, 1
)
_FIRE_RESET = flags.DEFINE_bool(
  'fire_reset', False, 'Open episodes with FIRE, unseen by the agent.'
)

_SMOKE_GAMES = ['breakout']
_LENGTH = 50
_SECONDS = 0.5
_KINDS = ('shifted', 'repeated', 'filled', 'other')


def make() -> harness.Benchmark:
  """Packing and unpacking by every way there is here."""
  length = settings.UNROLL_LENGTH.value or _LENGTH
  samples = _samples(4 if runner.SMOKE.value else length)
  games = list(samples)
  stacked = samples[games[0]][0].shape[-1] == 4
  seconds = settings.seconds(_SECONDS)
  rows = [unroll for sample in samples.values() for unroll in sample]
  megabytes = sum(x.nbytes for x in rows) / 1e6
  alternatives, ratios = [], {}
  for name, way in packing.packings(stacked).items():
    ratios[name] = {
      game: _ratio(name, way, sample) for game, sample in samples.items()
    }
    runs = {'pack': _packing(way, rows), 'unpack': _unpacking(way, rows)}
    for what, run in runs.items():
      alternatives.append(
        harness.Alternative(
          f'{what} {name}, {_spread(ratios[name])}',
          functools.partial(harness.repeat, run, megabytes, seconds),
          cost=1.0,
        )
      )
  copy = functools.partial(harness.repeat, _copying(rows), megabytes, seconds)
  return harness.Benchmark(
    title=f'Packing {frame_sizes.SIZE.value} on one core: times smaller in '
    f'all {len(games)} games, and in the least and the most of them',
    unit='MB',
    alternatives=alternatives,
    cost_unit='MB',
    ceiling=harness.Alternative('copy from array to array', copy, 1.0),
    details={
      'megabytes': megabytes,
      'times_smaller': ratios,
      'rows_by_kind': {
        game: _count_kinds(sample)
        for game, sample in samples.items()
        if stacked
      },
    },
  )


def screens(length: int) -> list[np.ndarray]:
  """Unrolls [T + 1, H, W, C] of all games, those of a game apart."""
  each = _samples(length).values()
  return [x for unrolls in zip(*each, strict=True) for x in unrolls]


def _samples(length: int) -> dict[str, list[np.ndarray]]:
  """Unrolls of each game."""
  games, unrolls, between = _GAMES.value, _UNROLLS.value, _BETWEEN.value
  if runner.SMOKE.value:
    games, unrolls, between = _SMOKE_GAMES, 1, 0
  configs = [_environment(game) for game in games]
  return {x.game: play(x, unrolls, length, between) for x in configs}


def _environment(game: str) -> schema.EnvironmentConfig:
  """The section of a config that plays `game` at the size asked for."""
  request = resolution.Request(
    agent='impala_ff',
    game=game,
    preset='small',
    settings=[
      # Rows that show a screen again are what packing looks for.
      'environment.zero_discount_on_life_loss=false',
      'environment.episodic_life=true',
      *frame_sizes.settings(),
      f'environment.sticky_action_probability={_STICKY.value}',
      f'environment.fire_reset={_FIRE_RESET.value}',
    ],
  )
  return resolution.resolve(request, 'cpu', num_devices=1, cores=1).environment


def play(
  config: schema.EnvironmentConfig, unrolls: int, length: int, between: int
) -> list[np.ndarray]:
  """Unrolls [T + 1, H, W, C] of random play, `between` steps apart."""
  environment = environments.make_environment(config, 1, seed=1, num_threads=1)
  rng = np.random.default_rng(0)

  def step() -> np.ndarray:
    action = rng.integers(0, environment.spec.num_actions, 1, dtype=np.int32)
    return environment.step(action).timestep.observation[0]

  environment.reset()
  result = []
  for _ in range(unrolls):
    for _ in range(between):
      step()
    result.append(np.stack([step() for _ in range(length + 1)]))
  environment.close()
  return result


def _ratio(name: str, way: packing.Packing, sample: list[np.ndarray]) -> float:
  """How many times smaller a game's unrolls get; proves that none changes."""
  size = 0
  for rows in sample:
    packed = way.pack(rows)
    size += sum(x.nbytes for x in packed)
    if not np.array_equal(way.unpack(packed, rows.shape), rows):
      raise harness.FailedError(f'{name} does not give the frames back')
  return sum(x.nbytes for x in sample) / size


def _spread(ratios: dict[str, float]) -> str:
  # Of equally many bytes in each game.
  whole = statistics.harmonic_mean(list(ratios.values()))
  low, high = min(ratios.values()), max(ratios.values())
  return f'{whole:.1f} ({low:.1f}-{high:.1f})'


def _packing(
  way: packing.Packing, rows: list[np.ndarray]
) -> Callable[[], None]:
  def run() -> None:
    for x in rows:
      way.pack(x)

  return run


def _unpacking(
  way: packing.Packing, rows: list[np.ndarray]
) -> Callable[[], None]:
  packed = [(way.pack(x), x.shape) for x in rows]

  def run() -> None:
    for arrays, shape in packed:
      way.unpack(arrays, shape)

  return run


def _copying(rows: list[np.ndarray]) -> Callable[[], None]:
  targets = [np.zeros_like(x) for x in rows]

  def run() -> None:
    for target, source in zip(targets, rows, strict=True):
      np.copyto(target, source)

  return run


def _count_kinds(sample: list[np.ndarray]) -> dict[str, int]:
  """How rows of stacked frames follow from the rows before."""
  found = np.concatenate([packing.kinds(x) for x in sample])
  counts = np.bincount(found, minlength=len(_KINDS))
  return dict(zip(_KINDS, counts.tolist(), strict=True))


if __name__ == '__main__':
  sys.exit(runner.run(make))

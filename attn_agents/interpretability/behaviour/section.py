"""What each head does, in numbers: it tracks, looks ahead, scans or stays."""

import numpy as np

from attn_agents.interpretability import context, findings
from attn_agents.interpretability.behaviour import compute, figure, options
from attn_agents.interpretability.report import report_data
from attn_agents.interpretability.screen import targets

_MOVING = 'moving objects'
_OVERLAP = (
  'lift',
  'look-ahead (steps)',
  'correlation at the look-ahead',
  'chance level',
)
_STATISTICS = (
  'speed (pixels/step)',
  'focus',
  'coverage',
  'persistence (steps)',
)


def run(given: context.Context) -> findings.Findings:
  """Measures the heads against moving objects, and what the caller tracks."""
  attention = given.attention
  followed = {_MOVING: targets.moving(given.recorded, given.grid)}
  for thing in given.options_of(options.Options).tracked:
    followed[thing.name] = targets.coloured(
      given.recorded, given.grid, [thing.colour], thing.region
    )
  found = {
    name: compute.measure(attention, target, given.grid)
    for name, target in followed.items()
  }
  return findings.Findings(
    how_to_read=(
      'Lift is the attention on moving objects divided by their share of the '
      'screen. Uniform attention has a lift of 1. Look-ahead is the lag at '
      'which the centre of attention and the centre of motion correlate best. '
      'It is positive if attention is there first. It means nothing unless '
      'the correlation exceeds the chance level, which the same motion '
      'shifted in time exceeds in 1 of 20 cases.\n\n'
      'Speed is how far the centre of attention moves per step. Focus is the '
      'share of the cells attended to at one step, coverage the share over '
      'the whole recording. A head that scans the screen has far more '
      'coverage than focus. Persistence is the number of steps after which a '
      'map overlaps its former self by less than half.\n\n'
      'A dash stands where nothing can be measured: what is followed, or the '
      'centre of attention, never moved, or the recording is too short.'
    ),
    figures={
      f'lags_{index}': figure.lags(
        each.lags * given.step_seconds, each.correlation, each.lift, name
      )
      for index, (name, each) in enumerate(found.items())
    },
    captions={
      f'lags_{index}': f'Correlation with {name} and lift on {name}, by how '
      'far attention is ahead.'
      for index, name in enumerate(found)
    },
    tables=[
      _statistics(found[_MOVING]),
      *(_overlap(each, name) for name, each in found.items()),
    ],
    numbers={name: each.summary() for name, each in found.items()},
    arrays={
      f'{name}/{field}': getattr(each, field)
      for name, each in found.items()
      for field in ('lags', 'lift', 'correlation', 'overlap')
    },
  )


def _overlap(found: compute.Behaviour, name: str) -> report_data.Table:
  present = len(found.lags) // 2
  return _table(
    f'Overlap with {name}. {_area(found.area)}',
    _OVERLAP,
    (
      found.lift[:, present],
      found.look_ahead,
      found.best_correlation,
      found.chance,
    ),
  )


def _area(share: float) -> str:
  if np.isnan(share):
    return (
      'Share of the screen: unknown, since the recording has no three steps of '
      'a game in a row, or all of the screen changed at each.'
    )
  if not share:
    return 'It was never on the screen, so that nothing can overlap with it.'
  return f'Share of the screen: {share:.2%} on average.'


def _statistics(found: compute.Behaviour) -> report_data.Table:
  return _table(
    'Head statistics.',
    _STATISTICS,
    (found.speed, found.focus, found.coverage, found.persistence),
  )


def _table(
  caption: str, columns: tuple[str, ...], numbers: tuple[np.ndarray, ...]
) -> report_data.Table:
  return report_data.Table(
    caption,
    ('head', *columns),
    [
      (head + 1, *map(_cell, row))
      for head, row in enumerate(np.stack(numbers, axis=1))
    ],
  )


def _cell(value: float) -> float | str:
  if np.isposinf(value):
    return f'> {compute.MAX_LAG}'
  return float(value) if np.isfinite(value) else '-'

"""What each head does, in numbers: it tracks, looks ahead, scans or stays."""

import numpy as np

from attn_agents.interpretability import context, findings
from attn_agents.interpretability.behaviour import compute, figure
from attn_agents.interpretability.report import report_data
from attn_agents.interpretability.screen import targets

_MOVING = 'what moves'
_FOLLOWS = ('lift', 'look-ahead (steps)', 'correlation there', 'by chance')
_OWN = ('speed (pixels/step)', 'focus', 'coverage', 'persistence (steps)')


def run(given: context.Context) -> findings.Findings:
  """Measures the heads against all that moves, and what the caller tracks."""
  attention = given.attention
  followed = {_MOVING: targets.moving(given.recorded, given.grid)}
  for thing in given.options.tracked:
    followed[thing.name] = targets.coloured(
      given.recorded, given.grid, [thing.colour], thing.region
    )
  found = {
    name: compute.measure(attention, target, given.grid)
    for name, target in followed.items()
  }
  return findings.Findings(
    how_to_read=(
      'Lift is the attention on what moves over its share of the screen; 1 is '
      'chance. Look-ahead is the lag at which the centre of attention and that '
      'of the motion go together best, positive where attention is there '
      'first; it means nothing unless the correlation is above what chance '
      'reaches. Focus and coverage are the shares of the cells that are '
      'attended to at once and in all; a head that scans has far more of the '
      'latter. Persistence is how long a map overlaps itself by half.'
    ),
    figures={
      f'lags_{index}': figure.lags(
        each.lags * given.step_seconds, each.correlation, each.lift, name
      )
      for index, (name, each) in enumerate(found.items())
    },
    captions={
      f'lags_{index}': f'By how many seconds attention is ahead of {name}.'
      for index, name in enumerate(found)
    },
    tables=[
      _own(found[_MOVING]),
      *(_follows(each, name) for name, each in found.items()),
    ],
    numbers={name: each.summary() for name, each in found.items()},
    arrays={
      f'{name}/{field}': getattr(each, field)
      for name, each in found.items()
      for field in ('lags', 'lift', 'correlation', 'overlap')
    },
  )


def _follows(found: compute.Behaviour, name: str) -> report_data.Table:
  present = len(found.lags) // 2
  return _table(
    f'Against {name}, which covers {found.area:.2%} of the screen on average.',
    _FOLLOWS,
    (found.lift[:, present], found.look_ahead, found.best_correlation,
     found.chance),
  )  # fmt: skip


def _own(found: compute.Behaviour) -> report_data.Table:
  return _table(
    'By itself.',
    _OWN,
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

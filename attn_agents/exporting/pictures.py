"""What the pictures of an exported agent show, from the run's own analyses."""

import json
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from attn_agents.evaluation.reporting import tables
from attn_agents.runs import run_directory
from configs import errors

# Attention on a thing this many times its share of the screen is called so.
_SEES = 2.0


def of_run(
  run: run_directory.RunDirectory, step: int, games: Sequence[str]
) -> dict[str, Any]:
  """Numbers of the analyses of a checkpoint, by game; {} without any.

  Of several analyses of a game it is the one of the first name that has
  numbers; `launch/analyze.py` gives names.

  Args:
    run: its analyses are looked through.
    step: of the checkpoint.
    games: that it plays.

  Raises:
    ConfigError: a file of numbers is damaged.
  """
  found = {}
  for game in games:
    for path in sorted((run.path / 'analyses').glob(f'{game}_{step}_*')):
      if numbers := _numbers(path):
        found[game] = {'analysis': path.name, **numbers}
        break
  return found


def in_words(found: Mapping[str, Any]) -> str:
  """The card's section about them.

  Args:
    found: from `of_run`.
  """
  if not found:
    return (
      'Not analysed. `launch/analyze.py` draws its pictures and says how far '
      'they agree with what the agent needs.'
    )
  parts = []
  for game, numbers in found.items():
    title = [f'On {game}:'] if len(found) > 1 else []
    parts += [*title, *_heads(numbers), *_trust(numbers)]
  parts.append(
    'One recording of a few games; other games can differ. docs/pictures.md '
    'of attn_agents explains each number.'
  )
  return '\n\n'.join(parts)


def _heads(numbers: Mapping[str, Any]) -> list[str]:
  """The table of its heads, and what it says."""
  columns = numbers.get('heads')
  if not columns:
    return ['It has no attention over cells of the screen.']
  count = max(map(len, columns.values()))
  rows = [
    [str(head + 1), *(_number(values[head]) for values in columns.values())]
    for head in range(count)
  ]
  table = tables.markdown((['head', *columns], rows))
  lines = []
  for name, values in columns.items():
    if name.startswith('lift on '):
      known = [value for value in values if value is not None]
      thing = name.removeprefix('lift on ')
      most = max(known, default=math.nan)
      if most >= _SEES:
        lines.append(
          f'Head {values.index(most) + 1} attends to {thing} {most:.1f} times '
          'as much as chance.'
        )
      else:
        lines.append(f'No head attends to {thing} twice as much as chance.')
  return [
    table,
    'Lift is the attention on a thing over its share of the screen; 1 is '
    f'chance. {" ".join(lines)}',
  ]


def _trust(numbers: Mapping[str, Any]) -> list[str]:
  """Whether the agent needs what its attention points at."""
  trust = numbers.get('trust')
  if not trust:
    return []
  columns = [
    name
    for name in next(iter(trust['areas'].values()))
    if name.endswith(', policy')
  ]
  rows = [
    [name, *(_number(values[column], 3) for column in columns)]
    for name, values in trust['areas'].items()
  ]
  table = tables.markdown((['order of cells', *columns], rows))
  agreement = trust['agreement'].get('all heads', {})
  same, others = (_number(agreement.get(x), 2) for x in ('same', 'others'))
  return [
    table,
    'Areas under the curves of how far the policy moves as cells are deleted '
    f'or inserted in the order of a map, over {trust["steps"]} steps. A map '
    'that shows what the policy needs has more than random in deletion, and '
    'less in insertion. The rank correlation of attention with perturbation '
    f'saliency is {same} at the same step, and {others} with that of other '
    'steps; where the two are alike, attention says little of the moment.',
  ]


def _numbers(analysis: pathlib.Path) -> dict[str, Any]:
  """What one analysis left: `heads` and `trust`, each if it has it."""
  heads: dict[str, Any] = {}
  for target, values in _read(analysis / 'behaviour').items():
    heads[f'lift on {target}'] = values['lift']
  where = _read(analysis / 'what_where')
  if where:
    heads['what (1) or where (-1)'] = where['balance_mean']
  trust = _read(analysis / 'trust')
  found = {'heads': heads} if heads else {}
  if trust.get('areas'):
    found['trust'] = {
      'steps': len(trust['rows']),
      'areas': trust['areas'],
      'agreement': trust['agreement'].get('policy', {}),
    }
  return found


def _read(directory: pathlib.Path) -> dict[str, Any]:
  """numbers.json of one analysis, {} if there is none."""
  path = directory / 'numbers.json'
  if not path.is_file():
    return {}
  try:
    return json.loads(path.read_text())
  except ValueError as error:
    raise errors.ConfigError(f'{path} is damaged: {error}') from error


def _number(value: object, digits: int = 1) -> str:
  return f'{value:.{digits}f}' if isinstance(value, int | float) else '-'

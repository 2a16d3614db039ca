"""Tables of the trained agents that ship, from what was exported of them."""

import csv
import json
import pathlib
from typing import Any

from attn_agents import zoo
from attn_agents.evaluation import scores
from attn_agents.evaluation.reporting import tables
from attn_agents.runs import exported
from results import learning

_AGENTS = pathlib.Path(zoo.__file__).parent
_HEADS = pathlib.Path(__file__).with_name('zoo.csv')


def beside_chance() -> str:
  """Each agent's score beside those of random play and of a person."""
  rows = []
  for name in exported.names():
    row, summary = _scored(name)
    game = summary['evaluated_game']
    chance = person = ''
    if scores.has_references(game):
      chance = learning.chance_of(game)
      person = f'{scores.references(game)[1]:g}'
    rows.append({**row, 'random play': chance, 'a person': person})
  return tables.markdown(tables.from_rows(rows))


def beside_heads() -> str:
  """Each agent's score, and what its heads attend to.

  Raises:
    ValueError: the words about heads are of other agents.
  """
  with _HEADS.open() as file:
    words = {row['name']: row['heads'] for row in csv.DictReader(file)}
  names = exported.names()
  if sorted(words) != sorted(names):
    raise ValueError(f'{_HEADS.name} is about {sorted(words)}, not {names}')
  rows = []
  for name in names:
    row, _ = _scored(name)
    rows.append({**row, 'what its heads attend to most': words[name]})
  return tables.markdown(tables.from_rows(rows))


def _scored(name: str) -> tuple[dict[str, str], dict[str, Any]]:
  """The first cells of an agent's row, and the summary of its evaluation."""
  (path,) = _AGENTS.glob(f'{name}/evaluation/*/summary.json')
  summary = json.loads(path.read_text())
  # More digits than the error has would mean nothing.
  digits = 0 if summary['standard_error'] > 2 else 1
  row = {
    'name': f'`zoo:{name}`',
    'game': summary['evaluated_game'],
    'agent steps': f'{summary["frames"] / 4e6:.2f} M',
    'mean return ± its error': f'{summary["mean"]:.{digits}f} ± '
    f'{summary["standard_error"]:.{digits}f}',
  }
  return row, summary

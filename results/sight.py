"""Table of docs/sight.md: how far policies depend on the screen, by run."""

import csv
import json
import math
import pathlib
from collections.abc import Sequence

from attn_agents.evaluation.reporting import tables
from attn_agents.utils import metrics_table

_HERE = pathlib.Path(__file__).parent / 'sight'
# Numbers are means over the last steps of a run, this share of it.
_LAST_SHARE = 0.25


def table() -> str:
  """A row per run in the order of `runs.csv`, which names their networks."""
  return tables.markdown(tables.from_rows([_row(**line) for line in _lines()]))


def names() -> list[str]:
  """The runs of the table."""
  return [line['run'] for line in _lines()]


def _lines() -> list[dict[str, str]]:
  with (_HERE / 'runs.csv').open() as file:
    return list(csv.DictReader(file))


def _row(run: str, network: str) -> dict[str, str]:
  path = _HERE / run
  config = json.loads((path / 'config.json').read_text())['config']
  logged = metrics_table.read(path / 'metrics.csv')
  end = logged[-1]['agent_steps']
  last = [x for x in logged if x['agent_steps'] > (1.0 - _LAST_SHARE) * end]
  return {
    'game': config['environment']['game'],
    'network': f'[{network}](../results/sight/{run})',
    'steps': f'{end / 1e3:.0f} k',
    'logits': _mean(last, 'logits_deviation', '.3f'),
    'value': _mean(last, 'value_deviation', '.3f'),
    'attention': _mean(last, 'attention_deviation', '.2f'),
    'vision cells': _mean(last, 'vision_core_saturated', '.1%'),
    'policy cells': _mean(last, 'policy_core_saturated', '.1%'),
    '`pg_loss`': _mean(last, 'pg_loss', '.4f'),
    'return': _text(logged[-1]['episode_return_mean'], '.1f'),
  }


def _mean(rows: Sequence[metrics_table.Row], name: str, form: str) -> str:
  values = [row[name] for row in rows if math.isfinite(row[name])]
  return _text(sum(values) / len(values) if values else math.nan, form)


def _text(value: float, form: str) -> str:
  return format(value, form) if math.isfinite(value) else ''

"""Tables of settings that were tried on two cores, from `results/`."""

import csv
import dataclasses
import json
import pathlib
from collections.abc import Iterator
from typing import Any

from attn_agents.evaluation.reporting import run_results, tables
from attn_agents.utils import metrics_table
from configs import agents

_HERE = pathlib.Path(__file__).parent

_SECTIONS = ('environment', 'network', 'learning', 'optimizer')
_LIVES = ('episodic_life', 'zero_discount_on_life_loss', 'fire_reset')
# Settings that change nothing in a game.
_IDLE = {'pong': _LIVES, 'boxing': _LIVES}
# Millions of agent steps, a column each.
_TIMES = (0.25, 0.5, 1.0, 2.0)


def table(game: str) -> str:
  """A row a run: what differs from its preset, and returns as it learned.

  Args:
    game: of which runs.
  """
  with (_HERE / 'tried' / 'notes.csv').open() as file:
    notes = {row['run']: row['note'] for row in csv.DictReader(file)}
  rows = [_row(path, game, notes) for path in _runs(game)]
  columns = (
    'run', 'settings other than those of `small`',
    *(f'{time:g} M' for time in _TIMES), 'at its end',
  )  # fmt: skip
  return tables.markdown((columns, rows))


def _runs(game: str) -> Iterator[pathlib.Path]:
  """Those of today's S3TA, of earlier settings, and what was tried."""
  for folder, pattern in (
    ('small', f's3ta_vtrace_{game}_*'), ('earlier', f's3ta_*_{game}_*'),
    ('tried', f'{game}_*'),
  ):  # fmt: skip
    found = run_results.find([str(_HERE / folder)])
    yield from (path for path in found if path.match(pattern))


def _row(path: pathlib.Path, game: str, notes: dict[str, str]) -> list[str]:
  name = path.relative_to(_HERE).as_posix()
  config = json.loads((path / 'config.json').read_text())['config']
  logged = metrics_table.read(path / 'metrics.csv')
  variant = [config['agent'], config['algorithm']]
  settings = [
    *(f'`{x}`' for x in variant if x not in ('s3ta', 'vtrace')),
    *differences(config, _IDLE.get(game, ())),
    *([notes[name]] if name in notes else []),
  ]  # fmt: skip
  last = logged[-1]
  returns = [_return_at(logged, time * 1e6) for time in _TIMES]
  return [
    f'[{name}](../results/{name})', ', '.join(settings), *returns,
    f'{last["episode_return_mean"]:.1f} at {last["agent_steps"] / 1e6:.2f} M, '
    f'{last["wall_time"] / 60:.0f} minutes',
  ]  # fmt: skip


def _return_at(logged: list[metrics_table.Row], steps: float) -> str:
  """The mean of the last 100 games by then; nothing if it ended before.

  Nothing either if no row is that early.
  """
  if logged[-1]['agent_steps'] < steps:
    return ''
  rows = [row for row in logged if row['agent_steps'] <= steps]
  return f'{rows[-1]["episode_return_mean"]:.1f}' if rows else ''


def differences(ran: dict[str, Any], idle: tuple[str, ...]) -> list[str]:
  """How a run's settings differ from those of its agent at `small` now.

  Args:
    ran: the config of its config.json.
    idle: names of fields that do not count. Those that the file lacks, which
      came later, or that are gone do not, either.

  Returns:
    What differs, as Markdown.
  """
  algorithm = ran['algorithm']
  if algorithm == 'vtrace' and 'num_epochs' in ran['learning']:
    algorithm = 'appo'  # As it was called then.
  made = agents.make(ran['agent'], 'small', algorithm)
  now = json.loads(json.dumps(dataclasses.asdict(made)))
  found = []
  for section in _SECTIONS:
    for name, value in now[section].items():
      if name in idle or name == 'game' or name not in ran[section]:
        continue
      then = ran[section][name]
      if then != value:
        shown = ','.join(map(str, then)) if isinstance(then, list) else then
        found.append(f'`{name}={shown}`')
  return found

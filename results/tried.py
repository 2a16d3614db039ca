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
# The agent and the algorithm that rows do not name.
_USUAL = ('s3ta', 'appo')
_LIVES = ('episodic_life', 'zero_discount_on_life_loss', 'fire_reset')
# Settings without effect in a game.
_IDLE = {'pong': _LIVES, 'boxing': _LIVES}
# `small` of S3TA while its cells could grow and its features were not normed.
# Runs from then lack those fields, and rows say it once (docs/sight.md).
_FOUR_HEADS = {'key_channels': 8, 'num_queries': 4, 'query_spread': 0.5}
# `small` before its decoder. Runs from then lack its size; rows say it once.
_NO_DECODER = {'num_minibatches': 4, 'vtrace_lambda': 1.0}
# Millions of agent steps, one column each.
_TIMES = (0.25, 0.5, 1.0, 2.0)


def table(game: str) -> str:
  """A row per run of a game: its settings, and returns as it learned."""
  with (_HERE / 'tried' / 'notes.csv').open() as file:
    notes = {row['run']: row['note'] for row in csv.DictReader(file)}
  rows = [_row(path, game, notes) for path in _runs(game)]
  return tables.markdown(tables.from_rows(rows))


def _runs(game: str) -> Iterator[pathlib.Path]:
  """S3TA with today's and with earlier settings, then what was tried."""
  patterns = {
    'small': f's3ta_appo_{game}_*',
    'earlier': f's3ta_*_{game}_*',
    'tried': f'{game}_*',
  }
  for folder, pattern in patterns.items():
    found = run_results.find([str(_HERE / folder)])
    yield from (path for path in found if path.match(pattern))


def _row(
  path: pathlib.Path, game: str, notes: dict[str, str]
) -> dict[str, str]:
  name = path.relative_to(_HERE).as_posix()
  config = json.loads((path / 'config.json').read_text())['config']
  logged = metrics_table.read(path / 'metrics.csv')
  variant = (config['agent'], config['algorithm'])
  settings = [f'`{x}`' for x in variant if x not in _USUAL]
  settings += differences(config, _IDLE.get(game, ()))
  settings += [notes[name]] if name in notes else []
  last = logged[-1]
  millions, minutes = last['agent_steps'] / 1e6, last['wall_time'] / 60
  return {
    'run': f'[{name}](../results/{name})',
    'settings other than those of `small`': ', '.join(settings),
    **{f'{time:g} M': _return_at(logged, time * 1e6) for time in _TIMES},
    'at its end': f'{last["episode_return_mean"]:.1f} at {millions:.2f} M, '
    f'{minutes:.0f} minutes',
  }


def _return_at(logged: list[metrics_table.Row], steps: float) -> str:
  """The mean return of the last 100 games by then.

  Empty if the run ended before, or has logged no row by then.
  """
  if logged[-1]['agent_steps'] < steps:
    return ''
  rows = [row for row in logged if row['agent_steps'] <= steps]
  return f'{rows[-1]["episode_return_mean"]:.1f}' if rows else ''


def differences(ran: dict[str, Any], idle: tuple[str, ...]) -> list[str]:
  """A run's settings that differ from those of its agent's `small` today.

  Only fields that both have are compared.

  Args:
    ran: the config of its config.json.
    idle: names of fields that are left out.

  Returns:
    The settings as Markdown.
  """
  algorithm = ran['algorithm']
  if algorithm == 'vtrace' and 'num_epochs' in ran['learning']:
    # V-trace with several steps on a batch and no clip, which is gone. Of
    # today's algorithms that of `small` has the fields that it had.
    algorithm = agents.AUTO
  made = agents.make(ran['agent'], 'small', algorithm)
  now = json.loads(json.dumps(dataclasses.asdict(made)))
  newer = 'coupled_gates'
  had_four = newer in now['network'] and newer not in ran['network']
  found = ['four heads, cells that grow'] if had_four else []
  newest = 'reconstruction_size'
  had_none = bool(now['network'].get(newest)) and newest not in ran['network']
  found += ['no decoder'] if had_none else []
  for section in _SECTIONS:
    for name, value in now[section].items():
      if name in idle or name == 'game' or name not in ran[section]:
        continue
      then = ran[section][name]
      if had_four and then == _FOUR_HEADS.get(name):
        continue
      if then != (_NO_DECODER.get(name, value) if had_none else value):
        shown = ','.join(map(str, then)) if isinstance(then, list) else then
        found.append(f'`{name}={shown}`')
  return found

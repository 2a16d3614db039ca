"""The evaluation of an exported agent: which one, and reading it."""

import json
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from attn_agents.environments import registry as environments
from attn_agents.exporting import files
from attn_agents.runs import run_directory
from configs import errors, schema

TABLE = 'evaluation.csv'
SUMMARY = 'summary.json'
_NUMBERS = ('episodes', 'mean', 'median', 'minimum', 'maximum')
_TEXTS = ('protocol', 'policy', 'evaluated_game')


class Evaluation(NamedTuple):
  """One evaluation, as `launch/evaluate.py` wrote it.

  Attributes:
    table: evaluation.csv.
    summary: summary.json; its `run` is a name here, not a path.
  """

  table: bytes
  summary: Mapping[str, Any]

  @property
  def score(self) -> str:
    """The mean return and its standard error, as hubs have it."""
    error = self.summary.get('standard_error')
    mean = f'{self.summary["mean"]:.2f}'
    return mean if error is None else f'{mean} +/- {error:.2f}'


def of_run(
  run: run_directory.RunDirectory, step: int, config: schema.Config
) -> dict[str, Evaluation]:
  """The evaluations of a checkpoint, by game.

  Of several of a game it is the one with sampled actions, then by the protocol
  `noop`, then of the most games.

  Args:
    run: its evaluations are looked through.
    step: of the checkpoint.
    config: of the run.

  Raises:
    ConfigError: there is none of a game, with the command that makes it.
  """
  there = [
    found
    for path in sorted(run.evaluations.glob(f'*/{SUMMARY}'))
    if (found := _read(path.parent)).summary.get('checkpoint') == step
  ]
  games = environments.members(config.environment.game)
  chosen = {}
  for game in games:
    of_game = [x for x in there if x.summary['evaluated_game'] == game]
    if not of_game:
      raise errors.ConfigError(
        f'{run.evaluations} has no evaluation of checkpoint {step} on {game}, '
        'which a card needs; make it with launch/evaluate.py '
        f'--run={run.path} --checkpoint={step} --episodes=100'
      )
    found = max(of_game, key=_preferred)
    chosen[game] = found._replace(
      summary={**found.summary, 'run': run.path.name}
    )
  return chosen


def read(
  directory: pathlib.Path, config: schema.Config
) -> dict[str, Evaluation]:
  """The evaluations in an exported agent, by game.

  Raises:
    ConfigError: one is missing or damaged.
  """
  games: Sequence[str] = environments.members(config.environment.game)
  return {game: _read(directory / game) for game in games}


def summary_text(evaluation: Evaluation) -> str:
  """summary.json."""
  return json.dumps(evaluation.summary, indent=2) + '\n'


def _preferred(found: Evaluation) -> tuple[bool, bool, int]:
  summary = found.summary
  return (
    summary['policy'] == 'sampled',
    summary['protocol'] == 'noop',
    summary['episodes'],
  )


def _read(directory: pathlib.Path) -> Evaluation:
  """One evaluation.

  Raises:
    ConfigError: a file of it is missing, too large or damaged.
  """
  table, text = (files.read(directory / name) for name in (TABLE, SUMMARY))
  path = directory / SUMMARY
  try:
    summary = json.loads(text)
  except (ValueError, RecursionError) as error:
    raise errors.ConfigError(f'{path} is damaged: {error}') from error
  fits = isinstance(summary, dict) and all(
    _is_number(summary.get(name)) for name in _NUMBERS
  )
  fits = fits and all(isinstance(summary.get(name), str) for name in _TEXTS)
  error_of_mean = summary.get('standard_error') if fits else None
  if not fits or not (error_of_mean is None or _is_number(error_of_mean)):
    raise errors.ConfigError(
      f'{path} is damaged: expected what launch/evaluate.py writes, with '
      f'numbers for {", ".join(_NUMBERS)}'
    )
  return Evaluation(table, summary)


def _is_number(value: object) -> bool:
  return (
    isinstance(value, int | float)
    and not isinstance(value, bool)
    and math.isfinite(value)
  )

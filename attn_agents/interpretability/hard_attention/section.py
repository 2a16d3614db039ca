"""Whether weak attention matters: play without it (S3TA A.6, Table 5)."""

import math

from attn_agents.evaluation import evaluator
from attn_agents.evaluation.reporting import published
from attn_agents.interpretability import context, findings
from attn_agents.interpretability.hard_attention import compute, figure, options
from attn_agents.interpretability.report import report_data
from attn_agents.utils import machine

# Games that are played side by side.
_MOST_ENVS = 15


def run(given: context.Context) -> findings.Findings:
  """Scores whole games at each threshold."""
  chosen = given.options_of(options.Options)
  given.need_attention()
  try:
    compute.with_threshold(given.played.network, 0.0, given.agent)
  except ValueError as error:
    raise context.DoesNotApplyError(str(error)) from error
  found = compute.measure(
    given.played,
    plan(given),
    chosen.thresholds,
    report=lambda t, game: given.say(
      f'hard attention, t = {t:g}: a game returned {game.game_return:g}'
    ),
  )
  game = found.game
  return findings.Findings(
    how_to_read=(
      f'The agent plays {chosen.episodes} whole games at each '
      "threshold t. Weights below t times the head's largest weight are set "
      'to 0, and the rest are rescaled to sum to 1 (Eqs. 12 and 13). If the '
      'score does not drop, the agent uses only the bright parts of the maps. '
      'The ratio is undefined if the score at t = 0 is not above 0.'
    ),
    figures={
      'hard_attention': figure.draw(
        found.thresholds,
        {game: (found.ratios, found.uncertainties)},
        published.hard_attention(game),
      )
    },
    captions={
      'hard_attention': 'Mean score with hard attention, divided by the '
      'mean score at t = 0.'
    },
    tables=[_table(found)],
    numbers=found.summary(),
    arrays={'thresholds': found.thresholds, 'returns': found.returns},
  )


def _table(found: compute.HardAttention) -> report_data.Table:
  game = found.game
  return report_data.Table(
    f'Scores in {game} by threshold t.',
    (
      't',
      'mean return',
      'games that differ',
      'standard error',
      'relative to t = 0',
      'published (t = 0.1)',
    ),
    [
      (
        float(threshold),
        float(mean),
        int(distinct),
        'unknown: one game' if math.isnan(error) else float(error),
        _percent(ratio, uncertainty),
        _printed(game) if abs(threshold - 0.1) < 1e-9 else '',
      )
      for threshold, mean, distinct, error, ratio, uncertainty in zip(
        found.thresholds,
        found.means,
        found.distinct,
        found.errors,
        found.ratios,
        found.uncertainties,
        strict=True,
      )
    ],
  )


def plan(given: context.Context) -> evaluator.Plan:
  """How games are played: by the rules and the seed of the recording."""
  episodes = given.options_of(options.Options).episodes
  return evaluator.Plan(
    num_episodes=episodes,
    num_envs=min(episodes, _MOST_ENVS),
    num_threads=machine.describe().cores,
    protocol=given.plan.protocol,
    policy=given.plan.policy,
    seed=given.plan.seed,
  )


def _percent(ratio: float, uncertainty: float) -> str:
  if math.isnan(ratio):
    return 'undefined: t = 0 is not above 0'
  if math.isnan(uncertainty):
    return f'{100 * ratio:.1f} %, error unknown: one game'
  return f'{100 * ratio:.1f} ± {100 * uncertainty:.1f} %'


def _printed(game: str) -> str:
  printed = published.hard_attention(game)
  return 'not printed' if printed is None else _percent(*printed)

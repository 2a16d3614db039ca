"""What an evaluation leaves: evaluation.csv and summary.json."""

import csv
import dataclasses
import json
import math
import pathlib
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from attn_agents.evaluation import episodes as episodes_lib
from attn_agents.evaluation import protocols, scores
from attn_agents.utils import whole_files
from configs import errors

_COLUMNS = (
  'episode',
  'environment',
  'game',
  'seed',
  'return',
  'agent_steps',
  'frames',
  'end',
  'trace',
)


@dataclasses.dataclass(frozen=True)
class Summary:
  """Statistics of the returns.

  Attributes:
    episodes: how many.
    distinct: how many of them differ. Without sampled or sticky actions, games
      that start with the same no-ops are the same.
    mean, median, minimum, maximum: of their returns, unclipped.
    standard_error: of the mean of the games that differ; NaN for one.
    mean_frames: emulator frames per episode, `action_repeat` for each step of
      the agent. Those of no-ops and openings (`suite.EnvironmentSpec.opening`)
      are not among them; those of openings count towards the frame cap.
    cut: share of the games that the frame cap ended.
    human_normalised: of the mean return, 0 random and 1 human, by the name of
      the convention; empty for a game without such scores.
  """

  episodes: int
  distinct: int
  mean: float
  median: float
  minimum: float
  maximum: float
  standard_error: float
  mean_frames: float
  cut: float
  human_normalised: dict[str, float]


def summarise(
  game: str, played: Sequence[episodes_lib.Episode], action_repeat: int
) -> Summary:
  """Statistics of at least one episode of `game`."""
  returns = [episode.game_return for episode in played]
  mean = statistics.fmean(returns)
  distinct = distinct_returns(returns, [episode.trace for episode in played])
  error = math.nan
  if len(distinct) > 1:
    error = statistics.stdev(distinct) / math.sqrt(len(distinct))
  normalised = {}
  if scores.has_references(game):
    normalised = {
      convention: scores.human_normalised(game, mean, convention)
      for convention in scores.CONVENTIONS
    }
  return Summary(
    episodes=len(returns),
    distinct=len(distinct),
    mean=mean,
    median=statistics.median(returns),
    minimum=min(returns),
    maximum=max(returns),
    standard_error=error,
    mean_frames=action_repeat
    * statistics.fmean(episode.agent_steps for episode in played),
    cut=statistics.fmean(e.end == episodes_lib.FRAME_CAP for e in played),
    human_normalised=normalised,
  )


def distinct_returns(
  returns: Sequence[float], traces: Sequence[str]
) -> list[float]:
  """Returns of the games that differ: one played again says nothing new.

  Args:
    returns: of all games.
    traces: of the same, see `episodes.Episode`; '' if unknown.
  """
  games = enumerate(zip(traces, returns, strict=True))
  return list({trace or i: found for i, (trace, found) in games}.values())


def in_words(
  game: str,
  summary: Summary,
  max_episode_frames: int = protocols.MAX_EPISODE_FRAMES,
) -> str:
  """A few lines for a terminal; the cap where it is unusual or cut a game."""
  error = f'standard error {summary.standard_error:,.2f}'
  if math.isnan(summary.standard_error):
    error = 'standard error unknown: one game'
  lines = [
    f'game      {game}, {summary.episodes} episodes of '
    f'{summary.mean_frames:,.0f} frames in the mean',
    f'return    mean {summary.mean:,.2f} ({error}), '
    f'median {summary.median:,.2f}, {summary.minimum:,.2f} to '
    f'{summary.maximum:,.2f}',
  ]
  if summary.distinct < summary.episodes:
    lines.append(
      f'distinct  {summary.distinct} games, the others are the same again; the '
      f'standard error is over {summary.distinct}'
    )
  if summary.cut or max_episode_frames != protocols.MAX_EPISODE_FRAMES:
    lines.append(
      f'cut       {summary.cut:.1%} of the games, after '
      f'{max_episode_frames:,} frames'
    )
  values = summary.human_normalised
  if values:
    text = f'{values["table"]:.1%}'
    if values['s3ta'] != values['table']:
      text += f', {values["s3ta"]:.1%} by the convention of S3TA'
    lines.append(f'human     {text} (0 % random, 100 % human)')
  return '\n'.join(lines)


def of_several_in_words(means: Mapping[str, float]) -> str:
  """A line about all games that were played.

  Args:
    means: mean return by game.
  """
  without = [game for game in means if not scores.has_references(game)]
  if len(without) == len(means):
    return f'score     none: {", ".join(means)} have no human scores'
  table, s3ta = (
    scores.mean_capped(means, convention) for convention in scores.CONVENTIONS
  )
  text = f'{table:.1%}'
  if s3ta != table:
    text += f', {s3ta:.1%} by the convention of S3TA'
  left_out = f', without {", ".join(without)}' if without else ''
  return (
    f'score     {text}, mean capped human-normalised score of '
    f'{len(means) - len(without)} games{left_out}'
  )


def require_same(
  directory: pathlib.Path, facts: Mapping[str, Any], episodes: int
) -> None:
  """Refuses a directory with the evaluation of something else.

  Args:
    directory: where an evaluation is to be written; it need not exist.
    facts: of that evaluation.
    episodes: its number of games.

  Raises:
    ConfigError: with what differs.
  """
  path = directory / 'summary.json'
  if not path.exists():
    return
  try:
    there = dict(json.loads(path.read_text()))
  except (OSError, TypeError, ValueError) as error:
    raise errors.ConfigError(
      f'{path} cannot be read ({error}); delete it or choose another --out'
    ) from None
  there.setdefault('max_episode_frames', protocols.MAX_EPISODE_FRAMES)
  if facts.get('opening') == 'each life':
    # Those that do not say so opened games only.
    there.setdefault('opening', 'each game')
  # A run may have been moved.
  asked = {k: v for k, v in facts.items() if k != 'run'} | {
    'episodes': episodes
  }
  differ = '; '.join(
    f'{name}: {there[name]} there, {value} now'
    for name, value in asked.items()
    if name in there and there[name] != value
  )
  if differ:
    raise errors.ConfigError(
      f'{directory} holds another evaluation ({differ}); choose another --out'
    )


def write(
  directory: pathlib.Path,
  played: Sequence[episodes_lib.Episode],
  summary: Summary,
  *,
  first_seed: int,
  action_repeat: int,
  facts: dict[str, Any],
) -> None:
  """Writes both files, each whole or not at all.

  Args:
    directory: made if need be; files of an earlier evaluation are replaced.
    played: a row each.
    summary: of them.
    first_seed: of environment 0; environment i has `first_seed` + i.
    action_repeat: frames per agent step.
    facts: what else summary.json says, such as the checkpoint's step.
  """
  directory.mkdir(parents=True, exist_ok=True)
  with (
    whole_files.replacing(directory / 'evaluation.csv') as partial,
    partial.open('w', newline='') as file,
  ):
    writer = csv.writer(file)
    writer.writerow(_COLUMNS)
    for index, episode in enumerate(played):
      writer.writerow(
        (
          index,
          episode.environment,
          episode.game,
          first_seed + episode.environment,
          f'{episode.game_return:.10g}',
          episode.agent_steps,
          action_repeat * episode.agent_steps,
          episode.end,
          episode.trace,
        )
      )
  text = json.dumps(
    _without_nan({**facts, **dataclasses.asdict(summary)}), indent=2
  )
  with whole_files.replacing(directory / 'summary.json') as partial:
    partial.write_text(text + '\n')


def _without_nan(values: dict[str, Any]) -> dict[str, Any]:
  """JSON has no NaN; what is unknown is null there."""
  return {
    key: None if isinstance(value, float) and math.isnan(value) else value
    for key, value in values.items()
  }

"""Shows a run on its user's terminal: live, or as plain lines."""

import datetime
import math
import pathlib
import sys
import time
from collections.abc import Sequence

import rich.live
import rich.progress_bar
import rich.table

from attn_agents.distributed import lifecycle
from attn_agents.learning import game_columns
from attn_agents.utils import metrics_table

_PLAIN_SECONDS = 10.0
_READ_SECONDS = 1.0
# Below this share, waiting is not worth a mention.
_NOTABLE_WAIT = 0.2
# Whose returns fit in a line.
_MOST_GAMES = 7

Row = metrics_table.Row


def make(
  logdir: pathlib.Path | str, title: str, max_frames: int, max_hours: float
) -> 'LiveConsole | PlainConsole':
  """A live table on a terminal, plain lines anywhere else."""
  if sys.stdout.isatty():
    return LiveConsole(logdir, title, max_frames, max_hours)
  return PlainConsole(logdir, max_frames, max_hours)


class _LastRow:
  """The newest row of this start of the run, read at most once a second."""

  def __init__(self, logdir: pathlib.Path | str):
    self._path = pathlib.Path(logdir) / 'metrics.csv'
    self._read_at = -math.inf
    self._row: Row = {}
    # A row of an earlier start says nothing about this one.
    self._old = metrics_table.last(self._path)

  def get(self) -> Row:
    now = time.monotonic()
    if now - self._read_at > _READ_SECONDS:
      self._read_at = now
      row = metrics_table.last(self._path)
      if row is not None and row != self._old:
        self._row, self._old = row, None
    return self._row


class PlainConsole:
  """A line every ten seconds, and one whenever a process has news."""

  def __init__(
    self, logdir: pathlib.Path | str, max_frames: int, max_hours: float
  ):
    """Prints nothing yet."""
    self._last_row = _LastRow(logdir)
    self._ends = (max_frames, max_hours)
    self._printed_at = time.monotonic()
    self._printed_frames = math.nan
    self._news: dict[str, str] = {}

  def update(self, statuses: Sequence[lifecycle.Status]) -> None:
    """Prints what is new."""
    for status in statuses:
      text = f'{status.state} {status.detail}'.strip()
      if self._news.get(status.name) != text and status.role != 'actor':
        self._news[status.name] = text
        print(f'{_clock()} {status.name}: {text}', flush=True)
    row = self._last_row.get()
    due = time.monotonic() - self._printed_at >= _PLAIN_SECONDS
    if row and due and row['frames'] != self._printed_frames:
      self._printed_at = time.monotonic()
      self._printed_frames = row['frames']
      parts = [f'{k} {v}' for k, v in facts(row, *self._ends)]
      print(f'{_clock()} {", ".join(parts)}', flush=True)

  def close(self) -> None:
    """Nothing is left open."""


class LiveConsole:
  """A table that stays in place, with a bar if the run has an end."""

  def __init__(
    self,
    logdir: pathlib.Path | str,
    title: str,
    max_frames: int,
    max_hours: float,
  ):
    """Takes the terminal until `close`."""
    self._last_row = _LastRow(logdir)
    self._title = title
    self._max_frames, self._max_hours = max_frames, max_hours
    self._live = rich.live.Live()
    self._live.start()

  def update(self, statuses: Sequence[lifecycle.Status]) -> None:
    """Draws the newest numbers."""
    row = self._last_row.get()
    table = rich.table.Table(title=self._title, show_header=False)
    table.add_column(style='bold')
    table.add_column(min_width=44)
    if row and self._max_frames:
      table.add_row(
        'progress',
        rich.progress_bar.ProgressBar(
          total=self._max_frames, completed=row['frames'], width=44
        ),
      )
    if row:
      for name, value in facts(row, self._max_frames, self._max_hours):
        table.add_row(name, value)
    for status in statuses:
      if status.role != 'actor':
        table.add_row(status.name, f'{status.state} {status.detail}'.strip())
    self._live.update(table)

  def close(self) -> None:
    """Gives the terminal back."""
    self._live.stop()


def facts(row: Row, max_frames: int, max_hours: float) -> list[tuple[str, str]]:
  """What the console shows of a row of metrics, as names and texts."""
  frames = f'{row["frames"]:,.0f}'
  if max_frames:
    frames += f' of {max_frames:,}'
  result = [
    ('frames', frames),
    ('fps', f'{row["fps"]:,.0f}'),
    *_returns(row),
    ('episodes', f'{row["episodes"]:,.0f}'),
    (
      'policy lag',
      f'{_number(row["policy_lag_mean"])} mean, '
      f'{_number(row["policy_lag_max"])} max',
    ),
    _source(row),
  ]
  sight = row.get('logits_deviation', math.nan)
  if not math.isnan(sight):
    result.append(('sight', f'{sight:.2g}'))
  left = []
  if max_frames and row['fps'] > 0:
    left.append((max_frames - row['frames']) / row['fps'])
  if max_hours:
    left.append(3600 * max_hours - row['wall_time'])
  if left:
    seconds = round(max(0.0, min(left)))
    result.append(('ETA', str(datetime.timedelta(seconds=seconds))))
  result.append(('bottleneck', bottleneck(row)))
  return result


def _returns(row: Row) -> list[tuple[str, str]]:
  """The return; of several games that of each, or of all as one score."""
  prefix = game_columns.RETURN
  returns = {
    k.removeprefix(prefix): v for k, v in row.items() if k.startswith(prefix)
  }
  if not returns:
    return [('return', _number(row['episode_return_mean']))]
  found = []
  if len(returns) <= _MOST_GAMES:
    listed = (f'{game} {_number(value)}' for game, value in returns.items())
    found.append(('returns', ', '.join(listed)))
  score = row[game_columns.CAPPED]
  text = '-' if math.isnan(score) else f'{score:.1%} of human, capped'
  of = f'{row[game_columns.SCORED]:.0f} of {len(returns)} games'
  return [*found, ('score', f'{text}, {of}')]


def bottleneck(row: Row) -> str:
  """Names the bottleneck, from the shares of time spent waiting."""
  learner, actors = row['learner_wait_share'], row['actor_wait_share']
  if learner >= max(_NOTABLE_WAIT, actors):
    part = (
      'environments'
      if row['actor_env_share'] > row['actor_inference_share']
      else 'policy'
    )
    return f'actors, in the {part} (the learner waits {learner:.0%})'
  if actors >= _NOTABLE_WAIT:
    return f'learner (actors wait {actors:.0%})'
  return 'none: actors and learner keep pace'


def _source(row: Row) -> tuple[str, str]:
  """What lies between actors and learner."""
  size = row.get('replay_size', math.nan)
  if math.isnan(size):
    return 'queue', _number(row['queue_depth'])
  return 'replay', f'{size:,.0f}, epsilon {_number(row["epsilon"])}'


def _number(value: float) -> str:
  return '-' if math.isnan(value) else f'{value:,.4g}'


def _clock() -> str:
  return time.strftime('%H:%M:%S')

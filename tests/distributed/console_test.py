"""What the console says and draws of a run."""

import math
import sys

import pytest

from attn_agents.distributed import console, lifecycle
from attn_agents.learning import metrics
from tests.distributed import clocks, flushed

ROW = dict.fromkeys(metrics.columns(), 0.0) | {
  'frames': 5_000.0,
  'fps': 100.0,
  'episode_return_mean': 12.5,
  'episodes': 1_234.0,
  'policy_lag_mean': 2.5,
  'policy_lag_max': 8.0,
}


@pytest.mark.parametrize(
  ('learner', 'actors', 'env', 'inference', 'words'),
  [
    (0.6, 0.0, 0.7, 0.2, 'actors, in the environments (the learner waits 60%)'),
    (0.6, 0.0, 0.2, 0.7, 'actors, in the policy'),
    (0.0, 0.5, 0.3, 0.1, 'learner (actors wait 50%)'),
    (0.1, 0.1, 0.3, 0.1, 'none'),
    # Who waits more is served too slowly; a fifth of the time is notable.
    (0.3, 0.5, 0.3, 0.1, 'learner (actors wait 50%)'),
    (0.5, 0.5, 0.3, 0.3, 'actors, in the policy'),
    (0.2, 0.1, 0.3, 0.1, 'actors, in the environments'),
    (0.19, 0.1, 0.3, 0.1, 'none'),
    (0.1, 0.2, 0.3, 0.1, 'learner'),
    (0.1, 0.19, 0.3, 0.1, 'none'),
  ],
)
def test_the_bottleneck_is_named(learner, actors, env, inference, words):
  row = ROW | {
    'learner_wait_share': learner,
    'actor_wait_share': actors,
    'actor_env_share': env,
    'actor_inference_share': inference,
  }
  assert words in console.bottleneck(row)


def test_facts_tell_progress_and_time_left():
  facts = dict(console.facts(ROW, 11_000, 0.0))
  assert facts['frames'] == '5,000 of 11,000'
  assert facts['ETA'] == '0:01:00'
  assert facts['return'] == '12.5'
  assert (facts['fps'], facts['episodes']) == ('100', '1,234')
  assert facts['policy lag'] == '2.5 mean, 8 max'
  assert 'ETA' not in dict(console.facts(ROW, 0, 0.0))
  # By whichever end comes first: of frames in 60 s, of hours in 30 s or 90 s.
  row = ROW | {'wall_time': 7170.0}
  assert dict(console.facts(row, 11_000, 2.0))['ETA'] == '0:00:30'
  row = ROW | {'wall_time': 7110.0}
  assert dict(console.facts(row, 11_000, 2.0))['ETA'] == '0:01:00'
  assert dict(console.facts(row, 0, 2.0))['ETA'] == '0:01:30'
  # Either may be over already; without speed nothing is known of frames.
  assert dict(console.facts(row, 0, 1.0))['ETA'] == '0:00:00'
  assert dict(console.facts(ROW, 4_000, 0.0))['ETA'] == '0:00:00'
  assert 'ETA' not in dict(console.facts(ROW | {'fps': 0.0}, 11_000, 0.0))
  slow = console.facts(ROW | {'fps': 0.5}, 11_000, 0.0)
  assert dict(slow)['ETA'] == '3:20:00'


def test_what_lies_between_actors_and_learner_is_shown():
  row = ROW | {'queue_depth': 3.0, 'replay_size': math.nan}
  assert dict(console.facts(row, 0, 0.0))['queue'] == '3'
  row = ROW | {'replay_size': 5000.0, 'epsilon': 0.75}
  facts = dict(console.facts(row, 0, 0.0))
  assert facts['replay'] == '5,000, epsilon 0.75' and 'queue' not in facts


def test_sight_is_shown_where_it_was_measured():
  seen = console.facts(ROW | {'logits_deviation': 0.3149}, 0, 0.0)
  assert dict(seen)['sight'] == '0.31'
  unknown = console.facts(ROW | {'logits_deviation': math.nan}, 0, 0.0)
  assert 'sight' not in dict(unknown)
  # An older version's row.
  older = {k: v for k, v in ROW.items() if k != 'logits_deviation'}
  assert 'sight' not in dict(console.facts(older, 0, 0.0))


def test_of_several_games_each_return_or_one_score_is_shown():
  games = ('catch', 'pong')
  row = ROW | dict.fromkeys(metrics.columns(games), 0.0) | {
    'return_catch': 0.5, 'return_pong': math.nan,
    'capped_score': math.nan, 'scored_games': 1.0,
  }  # fmt: skip
  facts = dict(console.facts(row | {'fps': 1.0}, 0, 0.0))
  assert facts['returns'] == 'catch 0.5, pong -'
  assert facts['score'] == '-, 1 of 2 games'
  assert 'return' not in facts
  for count, listed in ((7, True), (8, False)):
    few = [str(number) for number in range(count)]
    row = ROW | dict.fromkeys(metrics.columns(few), 0.0)
    assert ('returns' in dict(console.facts(row, 0, 0.0))) is listed
  many = [str(number) for number in range(57)]
  row = ROW | dict.fromkeys(metrics.columns(many), 0.0)
  row |= {'fps': 1.0, 'capped_score': -0.0625, 'scored_games': 56.0}
  facts = dict(console.facts(row, 0, 0.0))
  assert facts['score'] == '-6.2% of human, capped, 56 of 57 games'
  assert 'returns' not in facts


def _write(path, frames):
  writer = metrics.MetricsWriter(path, learner_steps=10**9)
  writer.write(ROW | {'frames': frames, 'learner_steps': frames})
  writer.close()


def test_plain_console_prints_news_once_and_no_old_numbers(
  tmp_path, capsys, monkeypatch
):
  monkeypatch.setattr(console, '_PLAIN_SECONDS', 0.0)
  monkeypatch.setattr(console, '_READ_SECONDS', -1.0)
  _write(tmp_path, 400)
  shown = console.PlainConsole(tmp_path, 11_000, 2.0)
  status = lifecycle.Status('learner', 0, 1, 'running', 'compiling')
  for _ in range(3):
    shown.update([status])
  first = capsys.readouterr().out
  assert first.count('learner-0: running compiling') == 1
  assert '400' not in first, "an earlier start's row was shown"
  _write(tmp_path, 800)
  for _ in range(3):
    shown.update([status])
  assert capsys.readouterr().out.count('frames 800 of 11,000') == 1
  shown.close()


def test_plain_lines_come_every_ten_seconds_and_at_once(tmp_path, monkeypatch):
  clock, output = clocks.Clock(), flushed.Flushed()
  monkeypatch.setattr(console, 'time', clock)
  monkeypatch.setattr(sys, 'stdout', output)
  shown = console.PlainConsole(tmp_path, 0, 0.0)

  def said(now, *statuses):
    clock.now = now
    before = len(output.getvalue())
    shown.update(statuses)
    return output.flushed[before:]

  _write(tmp_path, 400)
  learner = lifecycle.Status('learner', 0, 1, 'running', '')
  actor = lifecycle.Status('actor', 0, 1, 'running', '')
  assert said(100.5, learner, actor) == '12:30:00 learner-0: running\n'
  assert said(109.9, learner, actor) == ''
  assert said(110.0).startswith('12:30:00 frames 400, fps 100, ')
  _write(tmp_path, 800)
  assert said(119.9) == ''
  assert said(120.0).startswith('12:30:00 frames 800, ')
  assert said(140.0) == ''
  # Numbers are news again as soon as there are other ones.
  _write(tmp_path, 900)
  assert said(141.5).startswith('12:30:00 frames 900, ')


def test_metrics_are_read_once_a_second(tmp_path, monkeypatch):
  clock, reads = clocks.Clock(), []
  monkeypatch.setattr(console, 'time', clock)
  monkeypatch.setattr(
    console.metrics_table, 'last', lambda path: reads.append(clock.now)
  )
  shown = console.PlainConsole(tmp_path, 0, 0.0)
  for clock.now in (0.25, 1.0, 1.25, 1.5, 2.25, 2.75):
    shown.update([])
  # When it is made, and later than a second after the last.
  assert reads == [100.0, 0.25, 1.5, 2.75]


def test_live_console_draws_everything(tmp_path, capsys, monkeypatch):
  monkeypatch.setattr(console, '_READ_SECONDS', -1.0)
  shown = console.LiveConsole(tmp_path, 's3ta on pong', 11_000, 0.0)
  _write(tmp_path, 800)
  shown.update([lifecycle.Status('queue', 0, 1, 'running', 'port 5')])
  shown.close()
  text = capsys.readouterr().out
  for words in ('s3ta on pong', '800 of 11,000', 'queue-0', 'bottleneck'):
    assert words in text


def test_live_console_is_a_table_without_heads(tmp_path, capsys, monkeypatch):
  monkeypatch.setattr(console, '_READ_SECONDS', -1.0)
  shown = console.LiveConsole(tmp_path, 's3ta on pong', 0, 0.0)
  _write(tmp_path, 800)
  shown.update([
    lifecycle.Status('learner', 0, 1, 'running', ''),
    lifecycle.Status('actor', 0, 1, 'running', 'not shown'),
  ])  # fmt: skip
  shown.close()
  lines = [
    [cell.strip() for cell in line.split('\u2502')[1:-1]]
    for line in capsys.readouterr().out.splitlines()
  ]
  rows = [line for line in lines if line]
  names = [
    'frames', 'fps', 'return', 'episodes', 'policy lag', 'replay', 'sight',
    'bottleneck', 'learner-0',
  ]  # fmt: skip
  assert [name for name, _ in rows] == names
  # A title and two borders beside them.
  assert len(lines) == len(names) + 3
  assert dict(rows)['frames'] == '800'
  assert dict(rows)['learner-0'] == 'running'


def _drawn(path, capsys, max_frames):
  shown = console.LiveConsole(path, 's3ta on pong', max_frames, 0.0)
  _write(path, 800)
  shown.update([])
  shown.close()
  return capsys.readouterr().out


def test_a_table_is_as_wide_as_its_bar(tmp_path, capsys, monkeypatch):
  monkeypatch.setattr(console, '_READ_SECONDS', -1.0)
  (tmp_path / 'a').mkdir()
  (tmp_path / 'b').mkdir()
  ends = _drawn(tmp_path / 'a', capsys, 800)
  endless = _drawn(tmp_path / 'b', capsys, 0)
  # Full at the end, without a bar if there is none.
  assert ends.count('\u2501') == 44
  assert '\u2501' not in endless
  width = {max(map(len, text.splitlines())) for text in (ends, endless)}
  # A cell beside the longest name, four spaces and three lines.
  assert width == {44 + len('policy lag') + 7}


@pytest.mark.parametrize('terminal', [False, True])
def test_a_terminal_gets_the_live_one(tmp_path, monkeypatch, terminal):
  monkeypatch.setattr(console.sys.stdout, 'isatty', lambda: terminal)
  made = console.make(tmp_path, 's3ta on pong', 5, 2.0)
  kinds = {False: console.PlainConsole, True: console.LiveConsole}
  assert type(made) is kinds[terminal]
  ends = (made._max_frames, made._max_hours) if terminal else made._ends
  assert ends == (5, 2.0)
  assert made._last_row._path == tmp_path / 'metrics.csv'
  made.close()

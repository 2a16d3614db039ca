import math
import subprocess
import sys
import time

import numpy as np
import pytest
from tensorboard.backend.event_processing import event_accumulator

from attn_agents.algorithms import registry
from attn_agents.learning import batching, metrics, sight
from attn_agents.runs import snapshots
from attn_agents.utils import metrics_table
from configs import errors
from tests import full_disk

_UPDATE = {
  'loss': 3.0, 'pg_loss': 1.0, 'baseline_loss': 2.0, 'entropy': 0.5,
  'baseline_mean': 0.1, 'rho_mean': 0.9, 'grad_norm': 7.0, 'clipped': 1.0,
  'nonfinite': 0.0, 'num_transitions': 10.0,
}  # fmt: skip


def _info(returns=(), lengths=(), games=None, steps=(10,)):
  return batching.BatchInfo(
    agent_steps=10,
    versions=np.array([0]),
    game_returns=np.array(returns, np.float32),
    game_lengths=np.array(lengths, np.int32),
    games=np.zeros(len(returns), np.int32) if games is None else games,
    steps_of_games=np.array(steps),
    actor_seconds=np.array([1.0, 2.0, 5.0, 10.0]),
  )


def _counters(step=2, frames=800):
  return snapshots.Counters(
    agent_steps=frames // 4, frames=frames, learner_steps=step, games=3,
    wall_time=12.0,
  )  # fmt: skip


def _row(step, frames):
  window = metrics.Window()
  window.add(_UPDATE, _info(), np.array([1]), 0.1, 0.2)
  return window.close(_counters(step, frames), 0, 1.0, {})


def test_a_row_holds_means_shares_and_rates():
  window = metrics.Window()
  window.add(_UPDATE, _info([10.0], [100]), np.array([1, 3]), 0.5, 1.0)
  window.add(
    {**_UPDATE, 'loss': 5.0}, _info([20.0], [50]), np.array([2]), 0.5, 2.0
  )
  row = window.close(
    _counters(), frames_before=400, seconds=4.0, present={'queue_depth': 2}
  )
  assert set(row) == set(metrics.columns())
  assert row['loss'] == 4.0
  assert row['clip_fraction'] == 1.0
  assert row['fps'] == 100.0
  assert row['queue_depth'] == 2
  assert math.isnan(row['replay_size'])
  assert math.isnan(row['logits_deviation'])
  assert row['policy_lag_mean'] == 2.0
  assert row['policy_lag_max'] == 3
  assert row['episode_return_mean'] == 15.0
  assert row['episode_length_mean'] == 75.0
  assert row['learner_wait_share'] == 0.25
  assert row['learner_update_share'] == 0.75
  assert row['actor_env_share'] == 0.1
  assert row['actor_inference_share'] == 0.2
  assert row['actor_wait_share'] == 0.5


def test_every_column_holds_its_own_number():
  """All of them differ, and each is worked out by hand."""
  update = {
    'loss': 3.0, 'learning_rate': 0.125, 'grad_norm': 7.0, 'clipped': 0.5,
    'nonfinite': 0.25,
  }  # fmt: skip
  update |= {name: 100.0 + i for i, name in enumerate(registry.metrics())}
  present = {
    name: 200.0 + i
    for i, name in enumerate((*metrics.SOURCE_COLUMNS, *sight.COLUMNS))
  }
  window = metrics.Window()
  window.add(update, _info([10.0, 30.0], [100, 50]), np.array([1, 6]), 0.5, 1.0)
  counters = snapshots.Counters(
    agent_steps=250, frames=1000, learner_steps=2, games=3, wall_time=12.0
  )
  row = window.close(counters, 200, 4.0, present)
  del update['clipped']
  assert row == {
    **update, **present, 'clip_fraction': 0.5, 'wall_time': 12.0,
    'frames': 1000, 'agent_steps': 250, 'learner_steps': 2, 'fps': 200.0,
    'episodes': 3, 'episode_return_mean': 20.0, 'episode_length_mean': 75.0,
    'policy_lag_mean': 3.5, 'policy_lag_max': 6.0, 'learner_wait_share': 0.125,
    'learner_update_share': 0.25, 'actor_env_share': 0.1,
    'actor_inference_share': 0.2, 'actor_wait_share': 0.5,
  }  # fmt: skip
  assert window.close(counters, 1000, 0.0, {})['fps'] == 0.0


def test_a_new_window_forgets_updates_but_not_the_last_games():
  window = metrics.Window([1.0], [5.0])
  window.add(_UPDATE, _info([3.0], [7]), np.array([1]), 0.1, 0.1)
  window.close(_counters(), 0, 1.0, {})
  row = window.close(_counters(), 800, 1.0, {})
  assert math.isnan(row['loss'])
  assert row['fps'] == 0
  assert row['episode_return_mean'] == 2.0


def test_games_beyond_the_last_hundred_are_forgotten():
  window = metrics.Window()
  window.add(
    _UPDATE, _info(np.arange(150), np.ones(150)), np.array([1]), 0.1, 0.1
  )
  row = window.close(_counters(), 0, 1.0, {})
  assert row['episode_return_mean'] == np.arange(50, 150).mean()


def test_rows_are_written_and_read_back(tmp_path):
  writer = metrics.MetricsWriter(tmp_path, learner_steps=0)
  writer.write(_row(1, 400))
  writer.write({**_row(2, 123_456_788), 'loss': math.nan})
  writer.close()
  rows = metrics_table.read(tmp_path / 'metrics.csv')
  assert [r['learner_steps'] for r in rows] == [1, 2]
  assert rows[1]['frames'] == 123_456_788
  assert math.isnan(rows[1]['loss'])
  assert rows[0]['grad_norm'] == 7.0
  assert metrics_table.last(tmp_path / 'metrics.csv')['learner_steps'] == 2
  assert list((tmp_path / 'tensorboard').iterdir())


@pytest.mark.parametrize(
  ('restored', 'kept'), [(0, []), (2, [1, 2]), (9, [1, 2, 3])]
)
def test_a_continued_run_has_no_step_twice(tmp_path, restored, kept):
  writer = metrics.MetricsWriter(tmp_path, learner_steps=0)
  for step in (1, 2, 3):
    writer.write(_row(step, 400 * step))
  writer.close()
  writer = metrics.MetricsWriter(tmp_path, learner_steps=restored)
  writer.write(_row(10, 4000))
  writer.close()
  rows = metrics_table.read(tmp_path / 'metrics.csv')
  assert [r['learner_steps'] for r in rows] == [*kept, 10]


def test_a_run_begun_without_newer_columns_goes_on(tmp_path):
  path = tmp_path / 'metrics.csv'
  path.write_text('frames,learner_steps,loss\n400,1,2.5\n')
  writer = metrics.MetricsWriter(tmp_path, learner_steps=1)
  window = metrics.Window()
  writer.write(
    window.close(_counters(2, 800), 400, 1.0, {'logits_deviation': 0.25})
  )
  writer.close()
  old, new = metrics_table.read(path)
  assert (old['frames'], old['loss']) == (400, 2.5)
  assert math.isnan(old['logits_deviation'])
  assert new['logits_deviation'] == 0.25


def test_a_line_cut_short_by_a_crash_is_left_out(tmp_path):
  writer = metrics.MetricsWriter(tmp_path, learner_steps=0)
  writer.write(_row(1, 400))
  writer.close()
  path = tmp_path / 'metrics.csv'
  with open(path, 'a') as file:
    file.write('13.5,800,200')
  assert len(metrics_table.read(path)) == 1
  assert metrics_table.last(path)['learner_steps'] == 1
  metrics.MetricsWriter(tmp_path, learner_steps=5).close()
  assert path.read_text().count('\n') == 2


def test_rows_without_room_are_written_later_and_none_is_lost(tmp_path):
  writer = metrics.MetricsWriter(tmp_path, learner_steps=0)
  writer.write(_row(1, 400))
  assert writer.trouble == ''
  with full_disk.without_room(room=20):
    # More events than tensorboardX's own writer takes before it stands still.
    for step in range(2, 30):
      writer.write(_row(step, 400 * step))
      assert f'metrics.csv waits: no room in {tmp_path} (' in writer.trouble
      rows = metrics_table.read(tmp_path / 'metrics.csv')
      assert [row['learner_steps'] for row in rows] == [1]
  writer.write(_row(30, 12000))
  assert writer.trouble == ''
  writer.close()
  text = (tmp_path / 'metrics.csv').read_text()
  assert text.endswith('\n') and text.count('\n') == 31
  rows = metrics_table.read(tmp_path / 'metrics.csv')
  assert [row['learner_steps'] for row in rows] == list(range(1, 31))
  reader = event_accumulator.EventAccumulator(str(tmp_path / 'tensorboard'))
  reader.Reload()
  assert [e.step for e in reader.Scalars('loss')] == [
    400 * step for step in range(1, 31)
  ]
  assert {e.value for e in reader.Scalars('grad_norm')} == {7.0}
  # TensorBoard draws them over these times, too.
  times = [e.wall_time for e in reader.Scalars('loss')]
  assert times == sorted(times) and 0 <= time.time() - times[0] < 600


def test_what_waits_for_room_is_written_at_the_end(tmp_path):
  writer = metrics.MetricsWriter(tmp_path, learner_steps=0)
  writer.write(_row(1, 400))
  with full_disk.without_room():
    writer.write(_row(2, 800))
    assert writer.trouble
  writer.close()
  rows = metrics_table.read(tmp_path / 'metrics.csv')
  assert [row['learner_steps'] for row in rows] == [1, 2]
  reader = event_accumulator.EventAccumulator(str(tmp_path / 'tensorboard'))
  reader.Reload()
  assert [e.step for e in reader.Scalars('loss')] == [400, 800]
  # What is not known has no curve, nor have the frames that are their axis.
  row = _row(1, 400)
  known = {name for name, value in row.items() if value == value}
  assert known < set(row)
  assert set(reader.Tags()['scalars']) == known - {'frames'}


def test_tensorboard_starts():
  # With the libraries that the lock has beside it.
  done = subprocess.run(
    [sys.executable, '-c', 'from tensorboard import default'],
    capture_output=True, text=True, timeout=300, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr


def test_an_empty_table_has_no_last_row(tmp_path):
  assert metrics_table.last(tmp_path / 'metrics.csv') is None
  metrics.MetricsWriter(tmp_path, learner_steps=0).close()
  assert metrics_table.last(tmp_path / 'metrics.csv') is None
  assert metrics_table.read(tmp_path / 'metrics.csv') == []


@pytest.mark.parametrize(
  'content', [b'a,b\n1,many\n', b'\xff\xfe\x00\n\x00\n', b'a\n1,2\n', None]
)
def test_what_is_no_table_is_refused_in_one_line(tmp_path, content):
  path = tmp_path / 'metrics.csv'
  if content is None:
    path.mkdir()
  else:
    path.write_bytes(content)
  for read in (metrics_table.read, metrics_table.last):
    with pytest.raises(errors.ConfigError, match='is damaged') as caught:
      read(path)
    assert str(path) in str(caught.value)
    assert '\n' not in str(caught.value)


def test_event_files_hold_every_row_once_even_after_continuing(tmp_path):
  for start, steps in ((0, (1, 2, 3)), (2, (3, 4))):
    writer = metrics.MetricsWriter(tmp_path, learner_steps=start)
    for step in steps:
      writer.write(_row(step, 400 * step))
    writer.close()
    time.sleep(1.1)  # Event files of the same second would share a name.
  reader = event_accumulator.EventAccumulator(str(tmp_path / 'tensorboard'))
  reader.Reload()
  losses = reader.Scalars('loss')
  assert [e.step for e in losses] == [400, 800, 1200, 1600]

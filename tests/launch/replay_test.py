"""Q-learning through `run_local`: replays that go on, or are filled again."""

import functools

import jax
import numpy as np
import pytest

from attn_agents.runs import kept_replays, parameters, run_directory, saved_runs
from tests.launch import commands, running

_TINY = [*running.TINY_REPLAY, '--num_actors=1']


def _train(logdir, runtime, frames, *flags):
  run = running.LocalRun(
    logdir, *_TINY, f'--runtime={runtime}', f'--max_frames={frames}', *flags
  )
  assert run.end(timeout=200) == 0, run.text()
  assert run.last_line().startswith('done; checkpoint saved at ')
  return run


@pytest.fixture(scope='module')
def first(tmp_path_factory):
  """Makes a run of each runtime, once."""
  root = tmp_path_factory.mktemp('runs')
  return functools.cache(lambda runtime: _train(root / runtime, runtime, 6000))


@pytest.mark.parametrize(
  ('runtime', 'other'),
  [
    ('threads', 'launchpad'),
    pytest.param(
      'launchpad', 'threads',
      marks=[running.NEEDS_LAUNCHPAD, pytest.mark.slow],
    ),
  ],
)  # fmt: skip
def test_a_replay_goes_on_with_the_checkpoint_of_its_step(
  first, runtime, other
):
  run = first(runtime)
  logdir = run.logdir
  assert '5,000 transitions, at most 0.00 GB of' in run.text()
  rows = run.rows()
  for row in rows:
    assert 0.1 <= row['epsilon'] <= 1.0
    for name in ('q_mean', 'td_error', 'replay_size', 'samples_per_insert'):
      assert row[name] == row[name], name
    # 16 samples for 4 steps, from the 500th on; off by what two unrolls and two
    # batches make, and by the unroll that came in last.
    wanted = 4 * (row['replay_size'] - 500)
    had = row['samples_per_insert'] * row['replay_size']
    assert abs(had - wanted) <= 3 * 4 * 16 + 2 * 16 + 1
  directory = run_directory.RunDirectory(logdir)
  step = saved_runs.newest(directory)
  assert step == rows[-1]['learner_steps']
  assert kept_replays.find(directory.replay, runtime, step)
  size = rows[-1]['replay_size']

  run = _train(logdir, runtime, 9000)
  assert f'continues with that of update {step}' in run.text()
  # The first row may be of an update that came before the actors' first unroll.
  added = run.rows()[len(rows) :]
  assert added[0]['replay_size'] >= size
  assert added[-1]['replay_size'] > size

  # Of another form than the other runtime's, as if there were none.
  if other == 'launchpad':
    return
  step = saved_runs.newest(directory)
  run = _train(logdir, other, 12_000)
  assert f'none was kept with update {step}, so it is filled' in run.text()


def test_another_networks_arrays_are_refused_before_anything_starts(
  first, tmp_path
):
  source = first('threads').logdir
  logdir = tmp_path / 'run'
  words = commands.refused(
    'run_local', *_TINY, '--set=network.lstm_size=8',
    f'--init_from={source}', f'--logdir={logdir}',
  )  # fmt: skip
  assert 'core/lstm/input/kernel: [16, 64] there, [16, 32] now' in words
  assert not logdir.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
  'runtime',
  ['threads', pytest.param('launchpad', marks=running.NEEDS_LAUNCHPAD)],
)
def test_a_run_starts_with_what_another_has_learned(tmp_path, runtime):
  source, logdir = tmp_path / 'source', tmp_path / 'run'
  _train(source, runtime, 3000)
  # So slow that what it saves is what it took over.
  rate = 1e-9
  run = _train(
    logdir, runtime, 2500, f'--init_from={source}',
    f'--set=optimizer.learning_rate={rate}',
    f'--set=learning.final_learning_rate={rate}',
  )  # fmt: skip
  assert run.rows()[-1]['learner_steps'] > 0
  theirs, ours = (_params(path) for path in (source, logdir))
  jax.tree.map(
    functools.partial(np.testing.assert_allclose, rtol=0, atol=1e-6),
    ours, theirs,
  )  # fmt: skip


def _params(logdir):
  run, config = saved_runs.open_run(str(logdir))
  directory, step = saved_runs.find(run, 'newest')
  return parameters.restore(config, directory, step).params

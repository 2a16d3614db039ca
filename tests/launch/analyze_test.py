"""`launch/analyze.py` on a run of Catch, as a user would call it."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from attn_agents.interpretability.recordings import parts, recording
from attn_agents.runs import run_directory
from tests.launch import commands
from tests.watching import runs


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  """A run with checkpoints of an untrained agent."""
  made = runs.Run(tmp_path_factory.mktemp('runs') / 'catch')
  made.save(3)
  made.save(12, factor=2.0)
  return made.directory


@pytest.fixture(scope='module')
def plain(tmp_path_factory):
  """The same of an agent without attention, where none is looked at."""
  made = runs.Run(tmp_path_factory.mktemp('runs') / 'plain', agent='impala_ff')
  made.save(3)
  made.save(12, factor=2.0)
  return made.directory


@pytest.fixture(scope='module')
def recorded(plain):
  """The run whose analyses hold a recording of ten steps."""
  _analyze(plain, '--max_steps=10', '--analyses=weights')
  return plain


def _analyze(run, *args):
  done = commands.run('analyze', f'--run={run.path}', *args, timeout=300)
  assert done.returncode == 0, done.stderr
  return done


def test_records_once_and_draws_often(run, tmp_path):
  args = (
    f'--out={tmp_path}', '--max_steps=40', '--saliency_maps=2',
    '--track=ball=ffffff',
  )  # fmt: skip
  done = _analyze(run, *args, '--analyses=hard_attention,saliency')
  report = tmp_path / 'report_saliency_hard_attention.html'
  assert str(report) in done.stdout
  recorded = recording.Recording(tmp_path / 'recording')
  assert recorded.ended
  steps = np.count_nonzero(recorded['step_type'][1:] != 0)
  assert steps == 40
  before = (tmp_path / 'recording' / 'rows_0.npz').stat().st_mtime_ns
  page = report.read_text()
  assert 'Perturbation saliency: not requested' not in page
  assert 'What each head does: not requested' in page
  _analyze(run, *args, '--analyses=behaviour')
  after = (tmp_path / 'recording' / 'rows_0.npz').stat().st_mtime_ns
  assert after == before
  numbers = json.loads((tmp_path / 'behaviour' / 'numbers.json').read_text())
  assert set(numbers) == {'moving objects', 'ball'}
  page = (tmp_path / 'report_behaviour.html').read_text()
  assert '--analyses=behaviour' in page
  # The report before is still there.
  assert report.is_file()


def test_interrupted_recording_goes_on(plain, tmp_path):
  args = (
    f'--run={plain.path}', f'--out={tmp_path}', '--max_steps=1000',
    '--episodes=500', '--analyses=weights',
  )  # fmt: skip
  # A shell's background jobs, and so what they start, ignore Ctrl-C.
  heard = ('env', '--default-signal=INT')
  process = subprocess.Popen(
    [*heard, sys.executable, str(commands.LAUNCH / 'analyze.py'), *args],
    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
  )  # fmt: skip
  part = tmp_path / 'recording' / 'rows_0.npz'
  deadline = time.monotonic() + 120
  while not part.is_file() and time.monotonic() < deadline:
    time.sleep(0.02)
  os.kill(process.pid, signal.SIGINT)
  _, errors = process.communicate(timeout=60)
  assert (process.returncode, errors) == (130, '')
  assert list(tmp_path.glob('*.html')) == []
  recorded = recording.Recording(tmp_path / 'recording')
  assert not recorded.ended
  assert parts.PART_ROWS <= len(recorded) < 1000
  before = part.stat().st_mtime_ns
  _analyze(plain, *args[1:])
  assert recording.Recording(tmp_path / 'recording').ended
  assert part.stat().st_mtime_ns == before


@pytest.mark.parametrize(
  ('args', 'words'),
  [
    (['--analyses=head'], "did you mean 'heads'"),
    (['--checkpoint=5'], 'the nearest is'),
    (['--game=pong'], 'cannot play pong'),
    (['--game=cath'], "did you mean 'catch'"),
    (['--policy=random'], 'expected sampled or greedy'),
    (['--max_steps=0'], 'at least 1'),
    (['--thresholds=0,2'], '--thresholds=2: expected numbers from 0 to 1'),
    (['--track=player=red'], 'expected NAME=RRGGBB'),
    (['--injection=/nowhere.json'], '/nowhere.json'),
    (['--baseline=/nowhere/at/all'], 'no config.json'),
    (['--baseline={run}'], 'it is the same agent'),
    (
      ['--baseline={run}', '--checkpoint=3', '--out={run}/config.json'],
      'expected a directory',
    ),
    (['--track=a=ffffff', '--track=a=000000'], 'each name once'),
    (['--track=a=ffffff@9,0,3,5'], 'top above bottom'),
    (['--track=a=ffffff@0,0,211,160'], 'within 210 rows and 160 columns'),
    (['--analyses='], 'unknown analysis'),
  ],
)
def test_bad_input_is_one_line_and_exit_code_2(run, args, words):
  before = sorted(run.path.rglob('*'))
  args = (arg.format(run=run.path) for arg in args)
  assert words in commands.refused('analyze', f'--run={run.path}', *args)
  assert sorted(run.path.rglob('*')) == before, 'something was left behind'


def test_more_steps_than_a_report_holds_are_refused_beforehand(run, tmp_path):
  out = tmp_path / 'out'
  done = commands.run(
    'analyze', f'--run={run.path}', f'--out={out}', '--max_steps=6000000'
  )
  assert done.returncode == 2, done
  assert 'which a report of 60 MB holds with' in done.stderr
  assert not out.exists()


def test_another_recording_is_left_as_it_is(recorded):
  line = commands.refused(
    'analyze', f'--run={recorded.path}', '--max_steps=20', '--analyses=weights'
  )
  assert 'another recording (different: plan)' in line


def test_a_run_that_was_moved_keeps_its_recordings(recorded, tmp_path):
  moved = run_directory.RunDirectory(tmp_path / 'after')
  recorded.path.rename(moved.path)
  try:
    (part,) = moved.path.rglob('rows_0.npz')
    before = part.stat().st_mtime_ns
    _analyze(moved, '--max_steps=10', '--analyses=weights')
    assert part.stat().st_mtime_ns == before
    (page,) = moved.path.rglob('*.html')
    assert str(moved.path) in page.read_text()
    assert f'{recorded.path}<' not in page.read_text()
  finally:
    moved.path.rename(recorded.path)


def test_stages_of_training_are_those_of_the_checkpoints(tmp_path):
  made = runs.Run(tmp_path / 'drarl', agent='drarl')
  made.save(4)
  made.save(10, factor=2.0)
  out = tmp_path / 'out'
  done = _analyze(
    made.directory, f'--out={out}', '--max_steps=20', '--saliency_maps=2',
    '--analyses=heads,grad_cam',
  )  # fmt: skip
  assert 'heads: does not apply' in done.stderr
  assert (out / 'heads' / 'heads.mp4').is_file()
  numbers = json.loads((out / 'grad_cam' / 'numbers.json').read_text())
  assert [stage['step'] for stage in numbers['stages']] == [0, 4, 10]
  assert [stage['fraction'] for stage in numbers['stages']] == [0, 0.4, 1]


def test_an_agent_is_compared_with_another_checkpoint_of_its_kind(
  plain, tmp_path
):
  _analyze(
    plain, f'--out={tmp_path}', f'--baseline={plain.path}', '--max_steps=20',
    '--checkpoint=3', '--analyses=gradients',
  )  # fmt: skip
  numbers = json.loads((tmp_path / 'gradients' / 'numbers.json').read_text())
  assert set(numbers) == {
    'impala_ff, checkpoint 3 of plain', 'impala_ff, checkpoint 12 of plain',
  }  # fmt: skip

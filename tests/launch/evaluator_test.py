"""The evaluator beside training, as one more process or thread of a run."""

import csv
import itertools
import json
import os
import signal
import subprocess
import sys

import pytest

from tests.launch import running

_ARGS = [
  *running.TINY_CATCH,
  '--evaluate_every=2000',
  '--set=runtime.evaluation_episodes=8',
]


def _curve(run):
  path = run.logdir / 'evaluation_curve.csv'
  if not path.exists():
    return []
  with path.open() as file:
    return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.parametrize(
  'runtime',
  [pytest.param('launchpad', marks=running.NEEDS_LAUNCHPAD), 'threads'],
)
def test_it_scores_checkpoints_and_keeps_the_best(tmp_path, runtime):
  run = running.LocalRun(tmp_path / 'run', *_ARGS, f'--runtime={runtime}')
  assert 'evaluator' not in run.text()
  run.wait_until(lambda: len(_curve(run)) >= 2)
  assert 'evaluator 8 games at least every 2,000 frames' in run.text()
  assert 'mean return' in run.status('evaluator-0').detail
  run.process.send_signal(signal.SIGINT)
  assert run.end(timeout=20) == 0, run.text()
  assert not run.orphans(least=1)
  rows = _curve(run)
  frames = [int(row['frames']) for row in rows]
  assert all(b // 2000 > a // 2000 for a, b in itertools.pairwise([0, *frames]))
  assert {row['episodes'] for row in rows} == {'8'}
  best = max(rows, key=lambda row: float(row['return_mean']))
  steps = [p.name for p in (run.logdir / 'best').iterdir() if p.name.isdigit()]
  assert steps == [best['learner_steps']]

  # What was kept plays as it did: the same games, the same mean.
  done = subprocess.run(
    [
      sys.executable, str(running.ROOT / 'launch' / 'evaluate.py'),
      f'--run={run.logdir}', '--checkpoint=best', '--episodes=8',
      '--num_envs=4', f'--out={tmp_path / "out"}',
    ],
    capture_output=True, text=True, timeout=120, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  summary = json.loads((tmp_path / 'out' / 'summary.json').read_text())
  assert summary['mean'] == float(best['return_mean'])


@pytest.mark.slow
@running.NEEDS_LAUNCHPAD
def test_a_killed_evaluator_ends_the_run_with_its_name(tmp_path):
  run = running.LocalRun(tmp_path / 'run', *_ARGS, '--runtime=launchpad')
  run.wait_until_learning()
  run.wait_until(lambda: run.status('evaluator-0') is not None)
  os.kill(run.status('evaluator-0').pid, signal.SIGKILL)
  assert run.end(timeout=30) == 1
  assert run.last_line().startswith('failed: evaluator-0: it (pid ')
  assert 'checkpoint saved at' in run.last_line()
  assert not run.orphans()

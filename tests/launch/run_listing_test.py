"""What is said of a run, at the bounds."""

import json
import os
import time

import pytest

from attn_agents.distributed import lifecycle
from attn_agents.runs import run_directory
from configs import errors
from launch import run_listing


@pytest.mark.parametrize(
  ('frames', 'most', 'learner', 'age', 'state'),
  [
    # The learner's own word counts first.
    (5, 100, 'done', 0, 'done'),
    (5, 100, 'failed', 0, 'failed'),
    # All frames are there, or there is no end by frames.
    (100, 100, 'stopped', 0, 'done'),
    (99, 100, 'stopped', 0, 'stopped'),
    (100, 0, 'stopped', 0, 'stopped'),
    (101, 100, None, 999, 'done'),
    # Who said nothing runs as long as metrics.csv grows.
    (5, 100, None, 110, 'running'),
    (5, 100, 'running', 110, 'running'),
    (5, 100, None, 130, 'cut off'),
    (5, 100, 'starting', 130, 'cut off'),
    (None, 100, None, None, 'cut off'),
  ],
)
def test_a_state_is_what_the_learner_said_or_what_its_files_say(
  tmp_path, frames, most, learner, age, state
):
  run = run_directory.RunDirectory(tmp_path)
  if learner:
    status = lifecycle.StatusFile(tmp_path, 'learner')
    status.set(learner, 'why')
  if age is not None:
    run.metrics.touch()
    os.utime(run.metrics, (time.time() - age,) * 2)
  row = None if frames is None else {'frames': frames}
  detail = 'why' if state == 'failed' else ''
  assert run_listing._state(run, row, most) == (state, detail)


def test_a_score_is_of_the_newest_evaluation_or_of_training(tmp_path):
  run = run_directory.RunDirectory(tmp_path)
  assert run_listing._score(run, None) == '-'
  assert run_listing._score(run, {'frames': 1.0}) == '-'
  row = {'episode_return_mean': 12.34567}
  assert run_listing._score(run, row) == '12.35 (training)'
  assert run_listing._score(run, {'episode_return_mean': float('nan')}) == '-'
  for frames, mean in ((900, 2.5), (1000, -21.0), (200, 30.0)):
    directory = run.evaluations / str(frames)
    directory.mkdir(parents=True)
    text = json.dumps({'frames': frames, 'mean': mean})
    (directory / 'summary.json').write_text(text)
  assert run_listing._score(run, row) == '-21'
  (directory / 'summary.json').write_text('{"frames": 9}')
  with pytest.raises(errors.ConfigError) as caught:
    run_listing._score(run, row)
  assert str(caught.value) == (
    f"{directory}/summary.json is damaged (KeyError: 'mean')"
  )


def test_a_damaged_run_says_what_is_wrong(tmp_path):
  run = run_directory.RunDirectory(tmp_path)
  names = {'agent': 's3ta', 'preset': 'small', 'algorithm': 'appo'}
  run.write({'config': names})
  found = run_listing.read(tmp_path, {})
  assert (found.state, found.game, found.where) == ('damaged', '-', '-')
  assert found.detail == "config.json: KeyError: 'max_frames'"

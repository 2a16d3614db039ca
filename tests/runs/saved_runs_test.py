"""Which runs and checkpoints there are."""

import pytest

from attn_agents.runs import run_directory, saved_runs


@pytest.mark.parametrize(
  ('rows', 'steps', 'done'),
  [
    ([], (), False),
    ([(299, 7)], (7,), False),
    ([(300, 7)], (7,), True),
    # After a turn of a population.
    ([(300, 7)], (7, 8), True),
    # Killed before it had saved.
    ([(300, 7)], (5,), False),
    ([(300, 7)], (), False),
  ],
)
def test_a_run_is_trained_when_its_last_frames_are_saved(
  tmp_path, rows, steps, done
):
  run = run_directory.RunDirectory(tmp_path)
  lines = ['frames,learner_steps', *(f'{x},{y}' for x, y in rows)]
  run.metrics.write_text('\n'.join(lines) + '\n')
  for step in steps:
    (run.checkpoints / str(step)).mkdir(parents=True)
  assert saved_runs.is_trained(run, 300) == done


@pytest.mark.parametrize(
  ('seconds', 'step', 'hours', 'done'),
  [
    (7200, 7, 2.0, True),
    (7199, 7, 2.0, False),
    # Killed before it had saved.
    (7200, 5, 2.0, False),
    # Others are asked for now, or none.
    (7200, 7, 3.0, False),
    (7200, 7, 0.0, False),
  ],
)
def test_a_run_is_trained_when_its_hours_are_over(
  tmp_path, seconds, step, hours, done
):
  run = run_directory.RunDirectory(tmp_path)
  run.metrics.write_text(f'wall_time,frames,learner_steps\n{seconds},299,7\n')
  (run.checkpoints / str(step)).mkdir(parents=True)
  assert saved_runs.is_trained(run, 300, hours) == done

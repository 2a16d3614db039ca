"""What is shown of the outputs of jobs, without Slurm."""

import pytest

from attn_agents.clusters import slurm_jobs
from configs import errors
from launch import slurm_queries


def _submitted(tmp_path, runs, outputs):
  """Records of a job, with the lines that each of its outputs has."""
  path = slurm_jobs.new_directory(tmp_path, 'pong', 'now')
  slurm_jobs.write_script(path, '#!/bin/sh\n')
  submission = slurm_jobs.record(path, '12', 'pong', runs)
  for name, lines in outputs.items():
    submission.output(name).write_text(''.join(f'{x}\n' for x in lines))
  return submission


@pytest.mark.parametrize(('number', 'first'), [(1, 0), (40, 0), (41, 1)])
def test_of_one_job_the_last_forty_lines_are_shown(
  tmp_path, capsys, number, first
):
  lines = [f'line {i}' for i in range(number)]
  submission = _submitted(tmp_path, '/runs/pong', {'12': lines})
  assert slurm_queries.logs(tmp_path, '12') == 0
  assert capsys.readouterr().out.splitlines() == [
    f'# {submission.output("12")}; logs of processes are in /runs/pong/logs',
    *lines[first:],
  ]


def test_of_an_array_each_elements_last_line_is_shown(tmp_path, capsys):
  runs = [(index, f'/runs/{index}') for index in range(3)]
  outputs = {'12_0': ['begun', 'done'], '12_1': []}
  submission = _submitted(tmp_path, runs, outputs)
  assert slurm_queries.logs(tmp_path, '12') == 0
  assert capsys.readouterr().out.splitlines() == [
    f'{submission.output("12_0")}: done',
    f'{submission.output("12_1")}: ',
    f'{submission.output("12_2")}: nothing yet',
  ]


def test_a_job_has_to_be_named(tmp_path):
  with pytest.raises(errors.ConfigError, match='--job is not set'):
    slurm_queries.logs(tmp_path, '')

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


def test_each_run_has_a_line_with_what_is_known(tmp_path, capsys, monkeypatch):
  runs = [(index, f'{tmp_path}/runs/{index}') for index in range(2)]
  submission = _submitted(tmp_path, runs, {'12_0': []})
  (submission.path / '12_0.events').write_text(
    't started on n1, restart 0, checkpoint -\nt ended with 0\n'
  )
  (tmp_path / 'runs' / '0').mkdir(parents=True)
  (tmp_path / 'runs' / '0' / 'metrics.csv').write_text('frames\n4000\n')
  asked = []
  monkeypatch.setattr(slurm_queries.slurm_commands, 'queue', dict)
  assert slurm_queries.status(tmp_path, '') == 0
  head, first, second = (
    line.split() for line in capsys.readouterr().out.splitlines()
  )
  assert head == ['job', 'state', 'nodes', 'starts', 'frames', 'where']
  assert (first[0], first[-4:]) == (
    '12_0', ['-', '1', '4000', f'{tmp_path}/runs/0']
  )  # fmt: skip
  assert second[-4:] == ['-', '0', '-', f'{tmp_path}/runs/1']
  assert slurm_queries.status(tmp_path, '12_1') == 0
  assert len(capsys.readouterr().out.splitlines()) == 2
  monkeypatch.setattr(slurm_queries.slurm_commands, 'cancel', asked.append)
  assert slurm_queries.cancel(tmp_path, '12_1') == 0
  assert asked == ['12_1']
  assert capsys.readouterr().out == (
    'cancelled 12_1; what runs saves and ends\n'
  )
  # Of another's job there is nothing to cancel.
  with pytest.raises(errors.ConfigError):
    slurm_queries.cancel(tmp_path, '13')
  assert asked == ['12_1']


def test_where_nothing_was_submitted_that_is_said(tmp_path, capsys):
  assert slurm_queries.status(tmp_path / 'none', '') == 0
  assert capsys.readouterr().out == (
    f'no jobs were submitted with records in {tmp_path}/none\n'
  )
  with pytest.raises(errors.ConfigError):
    slurm_queries.status(tmp_path / 'none', '12')

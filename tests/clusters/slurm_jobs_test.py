"""What is said of jobs, from records alone and with the queue."""

import pytest

from attn_agents.clusters import slurm_jobs
from configs import errors

_STARTED = 'started on n1, restart {}, checkpoint -'


@pytest.mark.parametrize(
  ('events', 'queued', 'words', 'nodes', 'starts'),
  [
    ([], ('PENDING', '', 'Resources'), 'waits (Resources)', '', 0),
    ([_STARTED.format(0)], ('RUNNING', 'n1', 'None'), 'running', 'n1', 1),
    (
      [_STARTED.format(0), 'ended with 75, requeued'],
      ('PENDING', '', 'BeginTime'), 'waits to go on (BeginTime)', '', 1,
    ),
    # The cluster still remembers that it has ended, or no longer does.
    ([_STARTED.format(0), 'ended with 0'], ('COMPLETED', '', 'None'), 'done',
     '', 1),
    ([_STARTED.format(0), 'ended with 0'], None, 'done', '', 1),
    ([_STARTED.format(0), 'ended with 2'], None, 'failed (exit code 2)', '', 1),
    ([_STARTED.format(0), 'told to end', 'ended with 75, cancelled'], None,
     'cancelled', '', 1),
    ([_STARTED.format(0), 'ended with 75, requeued'], ('CANCELLED', '', ''),
     'cancelled', '', 1),
    ([_STARTED.format(0), 'ended with 75, could not requeue itself'], None,
     'stopped, could not requeue itself', '', 1),
    ([_STARTED.format(0), _STARTED.format(1)], None, 'cut off', '', 2),
    ([], ('CANCELLED', '', 'None'), 'cancelled', '', 0),
    ([], None, 'never started', '', 0),
    (['failed: 5 starts in a row brought no new checkpoint'], None,
     'failed: 5 starts in a row brought no new checkpoint', '', 0),
  ],
)  # fmt: skip
def test_states_are_told_from_notes_and_queue(
  events, queued, words, nodes, starts
):
  found = slurm_jobs.state(events, queued)
  assert (found.words, found.nodes, found.starts) == (words, nodes, starts)


@pytest.mark.parametrize(
  ('events', 'queued', 'waits'),
  [
    ([], {'3': ('PENDING', '', 'Resources')}, True),
    (['ended with 75, requeued'], {'3': ('RUNNING', 'n1', '')}, False),
    # Cancelled while it waited.
    (['ended with 75, requeued'], {'4': ('PENDING', '', '')}, False),
    # Slurm does not answer.
    (['ended with 75, requeued'], None, True),
    (['ended with 75, requeued by Slurm'], None, True),
    (['ended with 75, requeued', _STARTED.format(1)], None, False),
    (['ended with 75, cancelled'], None, False),
    (['ended with 0'], None, False),
    ([], None, False),
  ],
)
def test_who_waits_is_in_the_queue_or_was_requeued(events, queued, waits):
  assert slurm_jobs.waits(events, '3', queued) == waits


def _submit(root, job, runs):
  path = slurm_jobs.new_directory(root, 'a', '20260101-000000')
  slurm_jobs.write_script(path, 'text')
  return slurm_jobs.record(path, job, 'a', runs)


def test_records_come_back_in_the_order_of_submission(tmp_path):
  # 9 is before 10, and both have the same name and time.
  first = _submit(tmp_path, '10', [(0, '/a'), (3, '/b')])
  second = _submit(tmp_path, '9', '/c')
  assert first.runs == {'10_0': '/a', '10_3': '/b'}
  assert first.path != second.path
  third = _submit(tmp_path, '11', '/d')
  start = 'a-20260101-000000'
  assert [x.path.name for x in (first, second, third)] == [
    start, f'{start}-2', f'{start}-3',
  ]  # fmt: skip
  assert third.output('11') == third.path / '11.out'
  # People may run a script by hand, too.
  assert (third.path / 'job.sbatch').stat().st_mode & 0o777 == 0o755
  assert slurm_jobs.read(tmp_path) == [second, first, third]
  (first.path / '10_3.events').write_text('2026-01-01T00:00:00Z told to end\n')
  assert slurm_jobs.events(first, '10_3') == ['told to end']
  assert slurm_jobs.events(first, '10_0') == []


def test_jobs_are_found_by_number_or_element(tmp_path):
  first = _submit(tmp_path, '10', [(0, '/a'), (3, '/b')])
  second = _submit(tmp_path, '22', '/c')
  known = [first, second]
  assert slurm_jobs.find(known, '10') == (first, ['10_0', '10_3'])
  assert slurm_jobs.find(known, '10_3') == (first, ['10_3'])
  assert slurm_jobs.find(known, '22') == (second, ['22'])
  for job, line in (
    ('10_4', 'job 10 has no such element; expected 10_0 to 10_3'),
    ('22_0', 'job 22 has no such element; expected 22$'),
    ('221', "unknown job '221'; did you mean '22'"),
  ):
    with pytest.raises(errors.ConfigError, match=line):
      slurm_jobs.find(known, job)
  with pytest.raises(errors.ConfigError, match='no records of jobs here'):
    slurm_jobs.find([], '10')


def test_a_job_that_was_refused_leaves_no_records(tmp_path):
  path = tmp_path / 'a'
  slurm_jobs.write_script(path, 'text')
  slurm_jobs.forget(path)
  assert list(tmp_path.iterdir()) == []

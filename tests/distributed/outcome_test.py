"""How a run has ended, by the last words of its processes."""

import os

import pytest

from attn_agents.distributed import lifecycle, outcome

ALIVE = os.getpid()
GONE = 2**22 - 3


def _status(role, state, pid=ALIVE, time=1.0, detail='', **extra):
  return lifecycle.Status(role, 0, pid, state, detail, time, extra)


def _diagnose(*statuses, code=0, signal=0, missing='', checkpoint=True):
  return outcome.diagnose(
    statuses,
    launcher_code=code,
    stop_signal=signal,
    missing=missing,
    has_checkpoint=checkpoint,
  )


def test_done_is_0_whatever_launchpad_says():
  ending = _diagnose(_status('learner', 'done', saved=1234), code=-9)
  assert ending.code == 0
  assert ending.cause == 'done; checkpoint saved at 1,234 frames'


@pytest.mark.parametrize(
  ('signal', 'code'), [(2, 0), (15, 75), (1, 75), (10, 75)]
)
def test_a_stop_once_saved_says_whether_to_run_it_again(signal, code):
  ending = _diagnose(_status('learner', 'stopped', saved=8), signal=signal)
  assert (ending.code, ending.cause) == (
    code,
    'stopped; checkpoint saved at 8 frames',
  )


@pytest.mark.parametrize('learner', [None, 'starting'])
def test_a_stop_before_anything_was_learned_loses_nothing(learner):
  statuses = [_status('learner', learner, GONE)] if learner else []
  ending = _diagnose(*statuses, signal=15)
  assert (ending.code, ending.cause) == (
    75,
    'stopped; the last checkpoint stands',
  )


def test_a_learner_that_died_while_it_was_asked_to_save_has_not_saved():
  ending = _diagnose(_status('learner', 'running', GONE), signal=15)
  assert ending.code == 143
  assert ending.cause.startswith('stopped before it could save')


@pytest.mark.parametrize(('state', 'signal'), [('done', 0), ('stopped', 2)])
def test_what_the_user_should_know_is_said_at_the_end(state, signal):
  status = _status('learner', state, saved=8, warning='the policy is blind')
  ending = _diagnose(status, signal=signal)
  assert ending.code == 0
  assert ending.cause.endswith('saved at 8 frames; the policy is blind')
  well = _diagnose(
    _status('learner', state, saved=8, warning=''), signal=signal
  )
  assert well.cause.endswith('saved at 8 frames')


@pytest.mark.parametrize(('signal', 'code'), [(2, 130), (15, 143), (1, 129)])
def test_a_stop_with_nothing_saved_has_the_signals_code(signal, code):
  ending = _diagnose(
    _status('learner', 'starting', GONE), signal=signal, checkpoint=False
  )
  assert ending.code == code
  assert 'no checkpoint' in ending.cause


@pytest.mark.parametrize('role', ['reverb', 'learner'])
def test_a_killed_process_is_named(role):
  others = [_status(r, 'stopped') for r in ('reverb', 'learner') if r != role]
  ending = _diagnose(_status(role, 'running', GONE), *others, code=1)
  assert ending.code == 1
  assert ending.cause.startswith(f'failed: {role}-0: it (pid {GONE}) was')


def test_the_first_failure_is_the_cause():
  ending = _diagnose(
    _status('learner', 'failed', time=2.0, detail='queue went away'),
    _status('reverb', 'failed', time=1.0, detail='PortInUseError: port 5'),
    code=1,
  )
  assert ending.code == 1
  assert 'reverb-0: PortInUseError: port 5' in ending.cause


def test_a_killed_launcher_is_named():
  ending = _diagnose(_status('learner', 'stopped', saved=8), code=-9)
  assert ending.code == 1
  assert 'launcher was killed by signal 9' in ending.cause
  assert 'saved at 8 frames' in ending.cause


def test_running_out_of_actors_is_a_failure():
  ending = _diagnose(
    _status('actor_supervisor', 'failed', detail='5 restarts used up'),
    _status('learner', 'stopped', saved=8),
  )
  assert ending.code == 1
  assert 'actor-0: 5 restarts used up (logs/actor-0.log)' in ending.cause


def test_one_lost_actor_of_two_does_not_spoil_the_end():
  ending = _diagnose(
    _status('actor_supervisor', 'failed', detail='5 restarts used up'),
    _status('learner', 'stopped', saved=8),
    signal=2,
  )
  assert ending.code == 0


def _thread(role, state, pid=ALIVE, **fields):
  return lifecycle.Status(role, 0, pid, state, shared_log='threads', **fields)


def test_of_a_killed_process_with_every_role_the_process_is_named():
  ending = _diagnose(
    _thread('actor_supervisor', 'running', GONE),
    _thread('learner', 'running', GONE),
    code=-9,
  )
  assert ending.code == 1
  assert ending.cause == (
    f'failed: the process (pid {GONE}) was killed or crashed '
    '(logs/threads.log); the last checkpoint stands'
  )


def test_a_fault_in_a_thread_is_found_in_the_shared_log():
  ending = _diagnose(
    _thread('actor_supervisor', 'stopped'),
    _thread('learner', 'failed', detail='DivergedError: x', extra={'saved': 8}),
    code=1,
  )
  assert ending.code == 1
  assert ending.cause == (
    'failed: learner-0: DivergedError: x (logs/threads.log); '
    'checkpoint saved at 8 frames'
  )


@pytest.mark.parametrize(
  ('code', 'cause', 'named'),
  [
    (1, 'failed: learner-0: it (pid 7) was killed or crashed', True),
    (143, 'stopped before it could save; the last checkpoint stands', True),
    (1, 'failed: learner-0: StorageError: no room in /runs/a', False),
    (0, 'done; checkpoint saved at 7 frames', False),
    (75, 'stopped; checkpoint saved at 7 frames', False),
  ],
)
def test_a_disk_that_nothing_could_be_said_on_is_named(
  tmp_path, monkeypatch, code, cause, named
):
  ending = outcome.Ending(code, cause)
  assert outcome.with_disk(ending, tmp_path) == ending
  trouble = f'{tmp_path} cannot be written: Read-only file system'
  monkeypatch.setattr(outcome.disk, 'trouble', lambda _: trouble)
  expected = f'{cause}; {trouble}' if named else cause
  assert outcome.with_disk(ending, tmp_path) == outcome.Ending(code, expected)


def test_what_another_host_ended_is_to_be_continued():
  stopped = _status('learner', 'stopped', interrupted='host 1 is lost', saved=8)
  ending = _diagnose(stopped)
  assert (ending.code, ending.cause) == (
    75, 'stopped: host 1 is lost; checkpoint saved at 8 frames'
  )  # fmt: skip
  # One that failed has its own reason, and one that was done is done.
  failed = _status('learner', 'failed', detail='no room', interrupted='host 1')
  assert _diagnose(failed).cause.startswith('failed: learner-0: no room')
  assert _diagnose(_status('learner', 'done', interrupted='host 1')).code == 0
  # A dead process explains more than what it led to.
  ending = _diagnose(stopped, missing='reverb-0 was killed')
  assert (ending.code, ending.cause) == (
    1, 'failed: reverb-0 was killed; checkpoint saved at 8 frames'
  )  # fmt: skip


def test_a_learner_that_stood_still_is_to_be_continued():
  def diagnose(*statuses, **changes):
    found = {
      'launcher_code': -9, 'stop_signal': 0, 'missing': '',
      'has_checkpoint': False, 'stuck': 'learner-0 has not moved for 30 s',
      **changes,
    }  # fmt: skip
    return outcome.diagnose(statuses, **found)

  ending = diagnose(_status('learner', 'running', GONE))
  assert (ending.code, ending.cause) == (
    75,
    'stopped: learner-0 has not moved for 30 s; there is no checkpoint yet',
  )
  assert diagnose(_status('learner', 'done')).code == 0


def test_a_stop_before_the_start_is_no_failure():
  ending = outcome.before_start(15, has_checkpoint=True)
  assert (ending.code, ending.cause) == (
    75, 'stopped; the last checkpoint stands'
  )  # fmt: skip
  ending = outcome.before_start(2, has_checkpoint=False)
  assert (ending.code, ending.cause) == (
    130, 'stopped before it could save; there is no checkpoint yet'
  )  # fmt: skip


def test_a_program_that_ends_by_itself_has_failed():
  ending = _diagnose()
  assert (ending.code, ending.cause) == (
    1, 'failed: the program ended by itself; the last checkpoint stands'
  )  # fmt: skip


@pytest.mark.parametrize(
  ('statuses', 'over'),
  [
    ([], False),
    ([('learner', 'running')], False),
    ([('learner', 'done')], True),
    ([('learner', 'stopped')], True),
    ([('learner', 'failed')], True),
    ([('relay', 'failed')], True),
    ([('evaluator', 'failed')], True),
    # What no run ends by, and one of two actors.
    ([('learner', 'running'), ('mirror', 'failed')], False),
    ([('actor_supervisor', 'failed'), ('actor_supervisor', 'running')], False),
    ([('actor_supervisor', 'failed'), ('actor_supervisor', 'failed')], True),
    ([('evaluator', 'stopped')], False),
  ],
)
def test_a_run_is_over_when_nothing_is_left_to_do(statuses, over):
  assert outcome.is_over([_status(*each) for each in statuses]) is over


@pytest.mark.parametrize(
  ('role', 'state', 'pid'),
  [
    ('learner', 'running', ALIVE),
    # No run ends by this one; this one said that it ends; of this one nobody
    # knows.
    ('mirror', 'running', GONE),
    ('learner', 'stopped', GONE),
    ('learner', 'starting', lifecycle.UNKNOWN_PID),
  ],
  # The number of a process is not in a name: workers collect the same tests.
  ids=['alive', 'not needed', 'said', 'unknown'],
)
def test_who_lives_or_may_be_gone_is_not_dead(role, state, pid):
  assert outcome.first_dead([_status(role, state, pid)]) == ''

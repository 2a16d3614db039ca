"""When a mirror copies, waits and ends, with a bucket in memory."""

import errno
import subprocess
import types as stdlib_types

import pytest

from attn_agents.distributed import lifecycle, mirroring, outcome
from attn_agents.runs.buckets import addresses, mirror, restoring, stores
from attn_agents.utils import stopping
from configs import errors


class _Bucket:
  """Says how each copy goes; the last one goes as the one before."""

  def __init__(self, *copies):
    self.copies, self.pushed = list(copies), []
    self.committed = None

  def push(self, everything):
    self.pushed.append(everything)
    said = self.copies.pop(0) if len(self.copies) > 1 else self.copies[0]
    if isinstance(said, Exception):
      raise said
    self.committed = said


class _Stop:
  """Asked to stop from the `when`-th wait on."""

  def __init__(self, when):
    self._when, self.waits = when, []
    self.event = self

  def __call__(self):
    return len(self.waits) >= self._when

  def wait(self, seconds):
    self.waits.append(seconds)


@pytest.fixture(name='run')
def _run(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)

  def run(bucket, when, others=(), parents=(7,), over=False):
    stop, others, parents = _Stop(when), list(others), list(parents)
    # It begins once, with so many seconds.
    begin = {30.0: stdlib_types.SimpleNamespace(is_over=lambda: over)}
    did = []
    directory = mirroring.run_directory.RunDirectory
    config = stdlib_types.SimpleNamespace(
      runtime=stdlib_types.SimpleNamespace(checkpoints_kept=3)
    )
    monkeypatch.setattr(directory, 'config', lambda self: config)
    for module, name, value in (
      (mirroring.stopping, 'leave_to_parent', lambda: did.append('ignores')),
      (lifecycle, 'die_with_parent', lambda: did.append('dies')),
      (lifecycle, 'StopSignal', lambda: stop),
      (lifecycle, 'log_to_file', lambda *log: did.append(log)),
      (mirroring.os, 'read', lambda *asked: {(0, 2): b'go'}[asked]),
      (
        mirroring.os, 'getppid',
        lambda: parents.pop(0) if len(parents) > 1 else parents[0],
      ),
      (stores, 'connect', lambda address: 'store'),
      (mirror, 'Mirror', lambda run, *how: {('store', 3): bucket}[how]),
      (mirroring, '_others', lambda run: bool(others and others.pop(0))),
      (mirroring.time, 'sleep', stop.waits.append),
      (mirroring.patience, 'Patience', begin.pop),
    ):  # fmt: skip
      monkeypatch.setattr(module, name, value)
    address = addresses.parse('--logdir', 'gs://bucket/run')
    code = mirroring._mirror(address)
    (status,) = lifecycle.read_statuses(address.directory)
    # It has its own log, and no signals of the terminal or the batch system.
    assert did == ['ignores', 'dies', (address.directory, 'mirror-0')]
    return code, (status.state, status.detail), stop.waits

  return run


def test_it_copies_until_all_have_ended_and_all_is_there(run):
  bucket = _Bucket(None, 40, 50)
  # Asked to stop at the second wait; the learner saves for one look more.
  code, said, waits = run(bucket, 2, others=[True])
  assert (code, said) == (0, ('done', 'checkpoint 50 is in gs://bucket/run'))
  assert waits == [1.0, 1.0, 0.1]
  # What is written during the last copy but one may not be in it.
  assert bucket.pushed == [False, False, False, True]


def test_without_a_checkpoint_it_says_so(run):
  code, said, _ = run(_Bucket(None), 0)
  assert (code, said) == (0, ('done', 'no checkpoint is in gs://bucket/run'))


def test_a_bucket_that_fails_is_tried_again_and_sooner_at_the_end(run, capsys):
  trouble = stores.BucketError('no network')
  bucket = _Bucket(trouble, trouble, trouble, 40)
  code, said, waits = run(bucket, 2)
  assert (code, said[0]) == (0, 'done')
  assert waits == [15.0, 15.0, 2.0]
  assert capsys.readouterr().out == 'it waits: no network\n' * 3


def test_a_run_that_another_machine_has_taken_over_is_left(run):
  code, said, _ = run(_Bucket(mirror.TakenOverError('by node7')), 9)
  assert (code, said) == (1, ('failed', 'by node7'))


@pytest.mark.parametrize(
  ('parents', 'over', 'code'), [((7, 1), True, 1), ((7, 1), False, 0),
                                ((7, 7), True, 0)],
)  # fmt: skip
def test_without_a_parent_it_does_not_wait_for_ever(run, parents, over, code):
  trouble = OSError('no network')
  bucket = _Bucket(trouble, trouble, 40)
  found, said, _ = run(bucket, 0, parents=parents, over=over)
  assert found == code
  if code:
    assert said == ('failed', 'it waits: no network')
  else:
    assert said[0] == 'done'


def test_a_parent_that_ends_before_it_says_go_leaves_nothing(
  run, tmp_path, monkeypatch
):
  monkeypatch.setattr(mirroring.os, 'read', lambda descriptor, size: b'')
  monkeypatch.setattr(mirroring.stopping, 'leave_to_parent', lambda: None)
  monkeypatch.setattr(lifecycle, 'die_with_parent', lambda: None)
  monkeypatch.setattr(lifecycle, 'StopSignal', lambda: None)
  address = addresses.parse('--logdir', 'gs://bucket/run')
  assert mirroring._mirror(address) == 1
  assert not list(tmp_path.iterdir())


def _status(role, detail=''):
  return lifecycle.Status(role, 0, 7, 'running', detail)


@pytest.mark.parametrize(
  ('roles', 'others'),
  [((), False), (('mirror',), False), (('mirror', 'learner'), True)],
)
def test_others_of_a_run_may_still_write(tmp_path, monkeypatch, roles, others):
  monkeypatch.setattr(
    lifecycle, 'left_behind', lambda path: [_status(x) for x in roles]
  )
  directory = mirroring.run_directory.RunDirectory(tmp_path)
  assert mirroring._others(directory) is others


@pytest.mark.parametrize('command', ['fetch', 'mirror'])
def test_a_process_does_what_its_command_says(monkeypatch, command):
  monkeypatch.setattr(mirroring, f'_{command}', lambda address: [str(address)])
  assert mirroring.main([command, 'gs://bucket/run']) == ['gs://bucket/run']


@pytest.fixture(name='address')
def _address(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  return addresses.parse('--logdir', 'gs://bucket/run')


@pytest.mark.parametrize(
  ('code', 'out', 'err', 'why'),
  [
    (0, 'a\nb\nit is new there\n', 'a warning\n', ''),
    (2, 'a\n', 'x\ny\nno bucket\n', 'no bucket'),
    (-9, '', '', 'was killed by signal 9'),
  ],
)
def test_what_is_fetched_is_told_and_why_it_is_not(
  address, monkeypatch, capsys, code, out, err, why
):
  asked = []

  def run(command, **options):
    asked.append((command, options['stdin']))
    return subprocess.CompletedProcess(command, code, out, err)

  monkeypatch.setattr(mirroring.subprocess, 'run', run)
  if why:
    with pytest.raises(errors.ConfigError) as caught:
      mirroring.fetch('--logdir', address)
    assert str(caught.value) == f'--logdir=gs://bucket/run: {why}'
  else:
    assert mirroring.fetch('--logdir', address) == 'it is new there'
    assert capsys.readouterr().out == 'a\nb\n'
  ((command, stdin),) = asked
  assert command[1:] == ['-m', mirroring.__name__, 'fetch', 'gs://bucket/run']
  assert stdin == subprocess.DEVNULL


def test_a_run_is_fetched_where_it_is_mirrored_only(
  address, tmp_path, monkeypatch
):
  fetched = []

  def fetch(*asked):
    fetched.append(asked)
    return 'it is new there'

  monkeypatch.setattr(mirroring, 'fetch', fetch)
  run, process = mirroring.open_run('--logdir', str(tmp_path / 'here'))
  assert (run.path, process) == (tmp_path / 'here', None)
  value = 'gs://bucket/run'
  run, process = mirroring.open_run('--logdir', value, mirrored=False)
  assert (run.path, process) == (address.directory, None)
  assert (fetched, [*tmp_path.iterdir()]) == ([], [])
  address.directory.mkdir(parents=True)
  run, process = mirroring.open_run('--logdir', value)
  assert run.is_locked()
  assert fetched == [('--logdir', address)]
  assert process.description == (
    f'gs://bucket/run (it is new there), through {address.directory}'
  )


def test_what_is_left_of_a_former_run_keeps_its_bucket(address, monkeypatch):
  waited = []
  monkeypatch.setattr(
    lifecycle, 'wait_for_former_run', lambda *asked: waited.append(asked)
  )
  with pytest.raises(errors.ConfigError, match='did not end within 14 seconds'):
    mirroring.open_run('--logdir', str(address))
  assert waited == [(address.directory, 14.0)]


@pytest.mark.parametrize('mirrored', [False, True])
def test_a_file_in_the_way_is_refused_by_the_flag(address, mirrored):
  address.directory.parent.mkdir(parents=True)
  address.directory.touch()
  with pytest.raises(errors.ConfigError) as caught:
    mirroring.open_run('--logdir', str(address), mirrored)
  assert str(caught.value) == (
    '--logdir=gs://bucket/run: expected a directory, and '
    f'{address.directory} is a file'
  )


class _Ending:
  """A mirror that ends after some time, and the clock by which it does."""

  def __init__(self, code, after):
    self.now, self.did, self.said = 100.0, [], []
    self.returncode, self._code, self._after = None, code, 100.0 + after

  def poll(self):
    if self.returncode is None and self.now >= self._after:
      self.returncode = self._code
    return self.returncode

  def terminate(self):
    self.did.append('asked')

  def kill(self):
    self.did.append('killed')
    self.returncode = -9

  def monotonic(self):
    return self.now

  def sleep(self, seconds):
    assert seconds == 0.1
    self.now += 0.5


@pytest.fixture(name='end')
def _end(address, monkeypatch):
  def end(process, seconds=60.0, code=0, **requested):
    run = mirroring.run_directory.RunDirectory(address.directory)
    made = mirroring.MirrorProcess(address, run, 'it is new there')
    made._process = process
    requests = stopping.Requests()
    vars(requests).update(requested)
    began = process.now
    for module, name, value in (
      (mirroring, 'time', process),
      (mirroring.output, 'say', process.said.append),
      (
        mirroring.patience, 'Patience',
        lambda limit: stdlib_types.SimpleNamespace(
          is_over=lambda: process.now > began + limit
        ),
      ),
    ):  # fmt: skip
      monkeypatch.setattr(module, name, value)
    ending = made.end(outcome.Ending(code, 'done'), requests, seconds)
    return ending.code, ending.cause, process.now - began

  return end


def test_what_is_left_is_waited_for_and_told_once(end):
  process = _Ending(0, 3.5)
  assert end(process) == (0, 'done; gs://bucket/run has it', 3.5)
  assert process.did == ['asked']
  assert process.said == ['copying what is left to gs://bucket/run']
  # Of what takes two seconds nobody need know.
  process = _Ending(0, 2.5)
  assert end(process, code=75) == (75, 'done; gs://bucket/run has it', 2.5)
  assert process.said == []


@pytest.mark.parametrize(
  ('seconds', 'requested', 'after'),
  [
    (60.0, {}, 61.0),
    # A machine that stops a run gives it less time.
    (60.0, {'first': 15}, 21.0),
    (60.0, {'first': 2, 'in_a_hurry': True}, 0.5),
  ],
)
def test_a_mirror_that_takes_too_long_is_killed(end, seconds, requested, after):
  process = _Ending(0, 999.0)
  code, cause, took = end(process, seconds, **requested)
  assert (code, took, process.did) == (1, after, ['asked', 'killed'])
  assert cause.startswith(
    'done; gs://bucket/run lacks some of it (the mirror was killed by signal '
    '9); it lies in '
  )


def test_what_a_mirror_said_last_is_why_some_is_lacking(end, address):
  for role, detail in (('learner', 'training'), ('mirror', 'it waits: no way')):
    lifecycle.StatusFile(address.directory, role).set('running', detail)
  code, cause, _ = end(_Ending(1, 0.0), code=75)
  assert code == 75
  assert cause.startswith(
    'done; gs://bucket/run lacks some of it (it waits: no way); it lies in '
    f'{address.directory}, '
  )


@pytest.mark.parametrize(
  ('error', 'line'),
  [
    (None, ''),
    (errors.ConfigError('gs://bucket/run: another run'), 'another run'),
    (stores.BucketError('no way'), 'no way'),
    (OSError('no such thing'), 'no such thing'),
    (OSError(errno.EROFS, 'x'), 'cannot be written: Read-only file system'),
  ],
)
def test_what_cannot_be_fetched_is_said_in_one_line(
  address, monkeypatch, capsys, error, line
):
  did = []

  class _Restoring:
    def __init__(self, run, store):
      did.append((run.path, store))

    def check(self):
      did.append('check')
      if error is not None:
        raise error

    def restore(self):
      return 'it is new there'

  monkeypatch.setattr(restoring, 'Restoring', _Restoring)
  monkeypatch.setattr(stores, 'connect', lambda address: 'store')
  code = mirroring._fetch(address)
  assert did == [(address.directory, 'store'), 'check']
  said = capsys.readouterr()
  if error is None:
    assert (code, said.out) == (0, 'it is new there\n')
  else:
    assert (code, said.out) == (2, '')
    assert said.err in (f'{line}\n', f'{address.directory} {line}\n')

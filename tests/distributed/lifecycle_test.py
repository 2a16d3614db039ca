"""What processes of a run say of themselves, and whether they still live."""

import errno
import json
import os
import pathlib
import subprocess
import sys
import time

import psutil
import pytest

from attn_agents.distributed import lifecycle, outcome
from tests.distributed import flushed


def test_status_round_trip_and_extra_facts_stay(tmp_path):
  file = lifecycle.StatusFile(tmp_path, 'learner', 3)
  file.set('starting', 'two\nlines', frames=5)
  file.set('running', 'x')
  (status,) = lifecycle.read_statuses(tmp_path)
  assert status.name == 'learner-3'
  assert (status.state, status.detail) == ('running', 'x')
  assert status.extra == {'frames': 5}
  assert status.pid == os.getpid()
  lifecycle.clear_statuses(tmp_path)
  assert not list(lifecycle.read_statuses(tmp_path))


def test_status_is_one_line(tmp_path):
  lifecycle.StatusFile(tmp_path, 'queue').set('failed', 'a\n  b\n')
  text = (tmp_path / 'status' / 'queue-0.json').read_text()
  assert json.loads(text)['detail'] == 'a b'


def test_a_status_without_room_is_written_over_the_old_one(
  tmp_path, monkeypatch
):
  file = lifecycle.StatusFile(tmp_path, 'learner')
  file.set('starting', 'a long detail ' * 9)
  path = tmp_path / 'status' / 'learner-0.json'
  size = path.stat().st_size

  def refuse(*_):
    raise OSError(errno.ENOSPC, 'No space left on device')

  monkeypatch.setattr(pathlib.Path, 'write_text', refuse)
  error = OSError(errno.ENOSPC, 'No space left on device')
  file.set('running', 'training')
  (status,) = lifecycle.read_statuses(tmp_path)
  assert (status.state, status.detail) == ('running', 'training')
  assert path.stat().st_size == size
  file.set_failed(error)
  (status,) = lifecycle.read_statuses(tmp_path)
  assert status.state == 'failed'
  assert status.detail.startswith(f'StorageError: no room in {tmp_path} (')
  assert [p.name for p in path.parent.iterdir()] == ['learner-0.json']


@pytest.mark.parametrize(
  'error',
  [
    OSError(errno.EIO, os.strerror(errno.EIO), '/usr/roms/pong.bin'),
    RuntimeError('pty read: Input/output error'),
  ],
)
def test_what_is_no_full_disk_is_told_as_it_is(tmp_path, error):
  file = lifecycle.StatusFile(tmp_path, 'actor')
  file.set_failed(error)
  (status,) = lifecycle.read_statuses(tmp_path)
  assert status.detail == f'{type(error).__name__}: {error}'


def test_what_is_half_written_is_removed_and_other_errors_are_raised(
  tmp_path, monkeypatch
):
  file = lifecycle.StatusFile(tmp_path, 'learner')
  file.set('starting')
  path = tmp_path / 'status' / 'learner-0.json'

  def refuse(*_):
    raise OSError(number, os.strerror(number))

  monkeypatch.setattr(os, 'replace', refuse)
  number = errno.EDQUOT
  file.set('running')
  assert [p.name for p in path.parent.iterdir()] == ['learner-0.json']
  number = errno.EINVAL
  with pytest.raises(OSError, match='Invalid argument'):
    file.set('running', 'more')


def test_a_status_that_finds_no_room_in_place_leaves_the_old_one(
  tmp_path, monkeypatch
):
  """Whether the longer text or the place of the old one cannot be written."""
  file = lifecycle.StatusFile(tmp_path, 'learner')
  file.set('starting', 'short')
  path = tmp_path / 'status' / 'learner-0.json'
  before = path.read_bytes()
  write, left = os.pwrite, [0]

  def take(file, data, offset):
    part = data[: left[0]]
    if not part and data != before:
      raise OSError(errno.ENOSPC, 'No space left on device')
    left[0] -= len(part)
    return write(file, part or data, offset)

  def refuse(*_):
    raise OSError(errno.ENOSPC, 'No space left on device')

  monkeypatch.setattr(pathlib.Path, 'write_text', refuse)
  monkeypatch.setattr(os, 'pwrite', take)
  monkeypatch.setattr(sys, 'stdout', output := flushed.Flushed())
  for number, room in enumerate((0, 30, 120), 1):
    left[0] = room
    file.set('running', 'a longer detail ' * 5)
    assert path.read_bytes() == before
    told = output.flushed.splitlines()
    assert len(told) == number
    assert told[-1].startswith('status not written ([Errno 28] No space left ')
    assert told[-1].count('a longer detail') == 5
  left[0] = 10**6
  file.set('running', 'a longer detail ' * 5)
  (status,) = lifecycle.read_statuses(tmp_path)
  assert status.state == 'running'


@pytest.mark.parametrize('kept', [0, 60, 100])
def test_a_status_that_stays_damaged_is_told(tmp_path, monkeypatch, kept):
  lifecycle.StatusFile(tmp_path, 'actor_supervisor', 3).set('running', 'x' * 99)
  path = tmp_path / 'status' / 'actor_supervisor-3.json'
  path.write_bytes(path.read_bytes()[:kept])
  slept = []
  monkeypatch.setattr(time, 'sleep', slept.append)
  (status,) = lifecycle.read_statuses(tmp_path)
  assert (status.name, status.state) == ('actor_supervisor-3', 'unreadable')
  assert status.pid == (os.getpid() if kept else lifecycle.UNKNOWN_PID)
  assert status.detail == f'{path} is damaged'
  assert status.time == path.stat().st_mtime
  # As often, and as shortly after one another.
  assert slept == [0.01] * 5
  # Alive, or nobody knows.
  assert not outcome.first_dead([status])


def test_the_death_of_a_process_is_seen_though_its_status_is_damaged(tmp_path):
  child = subprocess.Popen(['true'])
  child.wait()
  status = tmp_path / 'status' / 'learner-0.json'
  status.parent.mkdir()
  status.write_text(f'{{"role": "learner", "index": 0, "pid": {child.pid}, "s')
  dead = outcome.first_dead(list(lifecycle.read_statuses(tmp_path)))
  assert dead.startswith(f'learner-0: it (pid {child.pid}) was killed')


def test_a_status_that_is_being_written_is_read_again(tmp_path, monkeypatch):
  lifecycle.StatusFile(tmp_path, 'learner').set('running', 'x')
  path = tmp_path / 'status' / 'learner-0.json'
  whole = path.read_text()
  path.write_text(whole[: len(whole) // 2])
  monkeypatch.setattr(time, 'sleep', lambda _: path.write_text(whole))
  (status,) = lifecycle.read_statuses(tmp_path)
  assert status.detail == 'x'


def test_nothing_is_written_after_the_final_status(tmp_path):
  file = lifecycle.StatusFile(tmp_path, 'learner')
  file.set('stopped')
  file.set('running', 'training')
  (status,) = lifecycle.read_statuses(tmp_path)
  assert status.state == 'stopped'


def test_a_former_run_is_waited_for_but_not_a_reused_pid(tmp_path):
  child = subprocess.Popen(['sleep', '60'])
  try:
    file = lifecycle.StatusFile(tmp_path, 'learner')
    file.set('running')
    path = tmp_path / 'status' / 'learner-0.json'
    status = json.loads(path.read_text())
    path.write_text(json.dumps({**status, 'pid': child.pid}))
    start = time.monotonic()
    assert not lifecycle.wait_for_former_run(tmp_path, timeout=1.0)
    assert time.monotonic() - start >= 1.0
    (left,) = lifecycle.left_behind(tmp_path)
    assert left.pid == child.pid
    assert not lifecycle.wait_for_former_run(tmp_path, 60.0, lambda: True)
    # Written before that process was born: its pid was someone else's.
    path.write_text(json.dumps({**status, 'pid': child.pid, 'time': 1.0}))
    start = time.monotonic()
    assert lifecycle.wait_for_former_run(tmp_path, timeout=5.0)
    # Without waiting.
    assert time.monotonic() - start < 4.0
  finally:
    child.kill()
    child.wait()
  assert not lifecycle.is_alive(child.pid)


def test_a_status_that_goes_away_meanwhile_is_none(tmp_path, monkeypatch):
  """As a mirror, which goes on, may replace its own."""
  gone, there = tmp_path / 'gone-0.json', tmp_path / 'there-0.json'
  there.touch()
  monkeypatch.setattr(pathlib.Path, 'glob', lambda *_: [gone, there])
  lifecycle.clear_statuses(tmp_path)
  assert not there.exists()
  assert list(lifecycle.read_statuses(tmp_path)) == []


@pytest.mark.parametrize(('later', 'left'), [(-0.5, 0), (0.0, 1), (0.5, 1)])
def test_a_process_is_no_older_than_what_it_said(tmp_path, later, left):
  born = psutil.Process().create_time()
  path = tmp_path / 'status' / 'learner-0.json'
  path.parent.mkdir()
  status = lifecycle.Status(
    'learner', 0, os.getpid(), 'running', '', born + later
  )
  path.write_text(json.dumps(vars(status)))
  assert len(lifecycle.left_behind(tmp_path)) == left

"""Files are written whole, or stay as they were."""

import errno
import os

import pytest

from attn_agents.utils import whole_files
from tests import full_disk


def test_a_file_is_replaced_whole(tmp_path):
  path = tmp_path / 'a.json'
  for content in ('first', 'second'):
    with whole_files.replacing(path) as partial:
      partial.write_text(content)
      assert not path.exists() or path.read_text() == 'first'
    assert path.read_text() == content
  assert list(tmp_path.iterdir()) == [path]


def test_after_an_error_the_file_is_as_it_was(tmp_path):
  path = tmp_path / 'a.json'
  path.write_text('first')
  for error in (OSError(errno.ENOSPC, ''), KeyboardInterrupt()):
    with pytest.raises(type(error)), whole_files.replacing(path) as partial:
      partial.write_text('half')
      raise error
    assert path.read_text() == 'first'
    assert list(tmp_path.iterdir()) == [path]


def test_records_wait_for_room_and_none_is_cut(tmp_path):
  path = tmp_path / 'file'
  before = os.umask(0)
  try:
    file = whole_files.PatientFile(path)
  finally:
    os.umask(before)
  # Others may read it.
  assert path.stat().st_mode & 0o777 == 0o644
  assert file.trouble == ''
  file.append(b'first\n')
  assert file.trouble == ''
  with full_disk.without_room(room=3):
    file.append(b'second\n')
    assert path.read_bytes() == b'first\n'
    file.append(b'third\n')
    assert file.trouble.startswith(f'file waits: no room in {tmp_path} (about ')
    assert path.read_bytes() == b'first\n'
  file.append(b'fourth\n')
  assert file.trouble == ''
  assert path.read_bytes() == b'first\nsecond\nthird\nfourth\n'
  with full_disk.without_room():
    file.append(b'fifth\n')
  file.close()
  assert path.read_bytes().endswith(b'fourth\nfifth\n')


def test_records_that_are_lost_are_counted(tmp_path, monkeypatch):
  monkeypatch.setattr(whole_files, '_MOST_WAITING', 3)
  path = tmp_path / 'file'
  file = whole_files.PatientFile(path)
  with full_disk.without_room():
    for i in range(3):
      file.append(b'%d\n' % i)
    assert file.trouble.startswith('file waits: no room in ')
    for i in range(3, 5):
      file.append(b'%d\n' % i)
    lost = 'file lacks 2 of its records, for lack of room'
    assert file.trouble.startswith(f'{lost}; file waits: no room in ')
  file.append(b'5\n')
  assert file.trouble == lost
  assert path.read_bytes() == b'2\n3\n4\n5\n'
  with full_disk.without_room():
    file.append(b'6\n')
    file.append(b'7\n')
    file.close()
  # They are lost, even if there is room later.
  file.flush()
  assert file.trouble == 'file lacks 4 of its records, for lack of room'
  assert path.read_bytes() == b'2\n3\n4\n5\n'


def test_what_is_no_matter_of_the_disk_is_raised(tmp_path):
  file = whole_files.PatientFile(tmp_path / 'file')
  with full_disk.without_room(number=errno.EBADF):
    with pytest.raises(OSError):
      file.append(b'x')
    with pytest.raises(OSError):
      file.close()
  with pytest.raises(OSError, match='Bad file descriptor'):
    os.fstat(file._file)


def test_a_write_that_takes_a_part_is_gone_on_with(tmp_path, monkeypatch):
  path = tmp_path / 'file'
  path.write_bytes(b'before')
  write = os.pwrite
  monkeypatch.setattr(os, 'pwrite', lambda f, data, at: write(f, data[:2], at))
  with open(path, 'r+b') as file:
    whole_files.overwrite(file.fileno(), b'afterwards')
  assert path.read_bytes() == b'afterwards'


@pytest.mark.parametrize('room', [0, 3, 8])
def test_what_does_not_fit_in_place_leaves_what_was_there(
  tmp_path, monkeypatch, room
):
  path = tmp_path / 'file'
  path.write_bytes(b'before')
  write, left = os.pwrite, [room]

  def take(file, data, at):
    if not left[0] and data != b'before':
      raise OSError(errno.ENOSPC, 'No space left on device')
    part = data if data == b'before' else data[: left[0]]
    left[0] -= min(left[0], len(part))
    return write(file, part, at)

  monkeypatch.setattr(os, 'pwrite', take)
  with open(path, 'r+b') as file, pytest.raises(OSError, match='No space'):
    whole_files.overwrite(file.fileno(), b'afterwards')
  assert path.read_bytes() == b'before'

"""What is said of a disk without room, or that cannot be written."""

import errno
import os
import pathlib

import pytest

from attn_agents.utils import disk
from configs import errors

# As libraries say it.
_TENSORSTORE = (
  'RESOURCE_EXHAUSTED: Error writing "a/0" in OCDBT database: Failed to write '
  '287871butes to file 14 [OS error 28: ENOSPC No space left on device]'
)
_REVERB = '/runs/a/replay/unfinished/2026/chunks; No space left on device'


@pytest.mark.parametrize(
  'error',
  [
    OSError(errno.ENOSPC, 'No space left on device'),
    ValueError(_TENSORSTORE),
    IndexError(_REVERB),
    # NumPy's `tofile`, which has no number.
    OSError('1900800 requested and 548736 written'),
  ],
)
def test_the_directory_and_the_room_are_named(error, tmp_path):
  for raised in (error, _raised_from(error)):
    found = disk.explained(raised, tmp_path, 37_200_000)
    line = str(found)
    assert line.startswith(f'no room in {tmp_path} (about 37.2 MB are needed, ')
    assert line.endswith(' are free)') and '\n' not in line
    assert found.errno == errno.ENOSPC
    assert disk.explained(found, '/elsewhere') is found


def _raised_from(error):
  try:
    try:
      raise error
    except Exception as cause:
      raise RuntimeError('saving failed') from cause
  except RuntimeError as raised:
    return raised


def test_a_file_elsewhere_and_a_directory_that_is_not_there(tmp_path):
  error = OSError(errno.ENOSPC, 'No space', str(tmp_path / 'a' / 'file'))
  line = str(disk.explained(error, '/proc'))
  assert line.startswith(f'no room in {tmp_path}/a (') and 'are free' in line
  assert str(disk.explained(error, tmp_path)).startswith(
    f'no room in {tmp_path} ('
  )
  unknown = disk.explained(OSError(errno.ENOSPC, 'No space'))
  assert str(unknown) == 'no room in a directory'


def test_a_quota_and_a_disk_that_went_read_only(tmp_path):
  quota = OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
  assert 'the quota is used up' in str(disk.explained(quota, tmp_path))
  broken = OSError(errno.EROFS, os.strerror(errno.EROFS))
  assert (
    str(disk.explained(broken, tmp_path))
    == f'{tmp_path} cannot be written: Read-only file system'
  )


def test_other_errors_are_left_as_they_are(tmp_path):
  for error in (ValueError('shape'), FileNotFoundError(2, 'no', 'x')):
    assert disk.explained(error, tmp_path) is None
    with pytest.raises(type(error)) as caught, disk.explaining(tmp_path):
      raise error
    assert caught.value is error
  with (
    pytest.raises(disk.StorageError, match=r'\([^,]* are free\)$') as caught,
    disk.explaining(tmp_path),
  ):
    raise ValueError(_TENSORSTORE)
  # What is explained already has no other cause.
  again = disk.StorageError(errno.ENOSPC, 'no room in x')
  with pytest.raises(disk.StorageError) as caught, disk.explaining(tmp_path):
    raise again
  assert caught.value is again and again.__cause__ is None


_ROM = OSError(errno.EIO, os.strerror(errno.EIO), '/usr/roms/pong.bin')


@pytest.mark.parametrize(
  'error',
  [
    OSError(errno.ENXIO, os.strerror(errno.ENXIO)),
    RuntimeError('pty read: Input/output error'),
    _ROM,
    # Its number is the truth, whatever its text says.
    OSError(errno.ECONNRESET, os.strerror(errno.ENOSPC)),
  ],
)
def test_what_only_sounds_like_a_disk_is_left_as_it_is(error, tmp_path):
  for raised in (error, _raised_from(error)):
    assert disk.explained(raised, of_a_write=False) is None
    assert disk.explained(raised, tmp_path, of_a_write=False) is None
    assert disk.explained(raised, tmp_path) is None


@pytest.mark.parametrize(
  'number', [errno.EIO, errno.ESTALE, errno.EACCES, errno.EPERM]
)
def test_a_broken_disk_is_named_where_something_is_written(number, tmp_path):
  path = str(tmp_path / 'a' / 'file')
  for error in (OSError(number, ''), OSError(number, '', path)):
    assert disk.explained(error, tmp_path, of_a_write=False) is None
    with (
      pytest.raises(disk.StorageError, match=f'{tmp_path} cannot be written'),
      disk.explaining(tmp_path),
    ):
      raise error


def test_an_error_that_was_dealt_with_explains_no_other(tmp_path):
  try:
    try:
      raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
      raise ValueError('a bad name') from None
  except ValueError as error:
    assert disk.explained(error, tmp_path) is None


def test_where_nothing_can_be_written_is_refused_by_its_flag(
  tmp_path, monkeypatch
):
  file = tmp_path / 'file'
  file.touch()
  link = tmp_path / 'link'
  link.symlink_to(tmp_path / 'gone')
  for place, what in ((file, 'a file'), (link, 'a link to nothing')):
    for path in (place, place / 'below' / 'it'):
      with pytest.raises(errors.ConfigError) as caught:
        disk.require_writable('--out', path)
      assert str(caught.value) == (
        f'--out={path}: expected a directory, and {place} is {what}'
      )
  monkeypatch.chdir(tmp_path)
  disk.require_writable('--out', 'new/one')
  # As the system answers; root may write whatever modes say.
  wanted = os.W_OK | os.X_OK
  monkeypatch.setattr(
    os, 'access', lambda path, mode: path != tmp_path or mode & wanted != wanted
  )
  for path in ('.', 'new/one'):
    with pytest.raises(
      errors.ConfigError, match=f'^--out={path}: {tmp_path} cannot be written'
    ):
      disk.require_writable('--out', path)
  with pytest.raises(errors.ConfigError, match=f'^--json={file}: {tmp_path} '):
    disk.require_writable('--json', file, tmp_path)
  assert sorted(tmp_path.iterdir()) == [file, link]


def test_a_bucket_is_no_directory():
  with pytest.raises(errors.ConfigError) as caught:
    disk.require_writable('--root', 'gs://bucket/runs')
  assert str(caught.value).startswith(
    '--root=gs://bucket/runs: expected a directory; a bucket can be '
  )


def test_a_directory_is_tried(tmp_path, monkeypatch):
  assert disk.trouble(tmp_path) == ''

  def refuse(*_):
    raise OSError(errno.ENOSPC, 'No space left on device')

  monkeypatch.setattr(pathlib.Path, 'write_bytes', refuse)
  assert disk.trouble(tmp_path).startswith(f'no room in {tmp_path} (')
  assert list(tmp_path.iterdir()) == []


def test_sizes_in_words():
  assert disk.in_words(0) == '0 bytes'
  assert disk.in_words(37_249_000) == '37.2 MB'
  assert disk.in_words(2.5e9) == '2.5 GB'
  limits = {999: '999 bytes', 1e3: '1.0 kB', 1e6: '1.0 MB', 1e9: '1.0 GB'}
  assert {size: disk.in_words(size) for size in limits} == limits


def test_a_new_directory_is_empty_or_not_there(tmp_path):
  for new in (tmp_path, tmp_path / 'gone' / 'below'):
    disk.require_new('--out', new)
  file = tmp_path / 'file'
  file.touch()
  for path in (file, tmp_path):
    with pytest.raises(errors.ConfigError) as caught:
      disk.require_new('--out', path)
    assert str(caught.value).startswith(
      f'--out={path} exists and is not empty; '
    )

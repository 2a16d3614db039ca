"""Addresses of runs in buckets: `gs://bucket/path` or `s3://bucket/path`."""

import dataclasses
import pathlib
import re

from configs import errors

# Google Cloud Storage, and Amazon's S3 with what speaks its protocol.
SCHEMES = ('gs', 's3')
# As users of other tools write them.
_OTHER_NAMES = {'gcs': 'gs', 's3a': 's3', 's3n': 's3', 'aws': 's3'}
_SCHEME = re.compile(r'([A-Za-z][A-Za-z0-9+.-]*):/+')
_BUCKET = re.compile(r'[a-z0-9][a-z0-9._-]*[a-z0-9]')
_BUCKET_LENGTHS = range(3, 64)
_BAD_IN_BUCKET = re.compile(r'[^a-z0-9._-]')
# The directory of this machine below which runs of buckets lie.
_LOCAL = pathlib.Path('runs')


@dataclasses.dataclass(frozen=True)
class Address:
  """Where a run lies.

  Attributes:
    scheme: one of `SCHEMES`.
    bucket: its name.
    path: in the bucket, without a slash at either end.
  """

  scheme: str
  bucket: str
  path: str

  def __str__(self) -> str:
    return f'{self.scheme}://{self.bucket}/{self.path}'

  @property
  def directory(self) -> pathlib.Path:
    """The run's directory on this machine, below the working directory."""
    return (_LOCAL / self.scheme / self.bucket / self.path).absolute()


def is_address(value: str) -> bool:
  """Whether a value means a place that is no directory, a wrong one too."""
  return _SCHEME.match(value) is not None


def parse(flag: str, value: str) -> Address:
  """Reads an address.

  Args:
    flag: that has it, e.g. '--logdir'.
    value: of the flag, of which `is_address` is true.

  Raises:
    ConfigError: it is not well formed, with the nearest that is.
  """
  found = _SCHEME.match(value)
  assert found is not None
  scheme = found[1].lower()
  bucket, _, path = value[found.end() :].partition('/')
  parts = [part for part in path.split('/') if part]
  if scheme not in SCHEMES:
    near = _OTHER_NAMES.get(scheme)
    hint = f'; did you mean {near}://{bucket}/{path}?' if near else ''
    raise errors.ConfigError(
      f'{flag}={value}: expected a directory, gs://bucket/path or '
      f's3://bucket/path{hint}'
    )
  if len(bucket) not in _BUCKET_LENGTHS or not _BUCKET.fullmatch(bucket):
    near = _BAD_IN_BUCKET.sub('-', bucket.lower()).strip('._-')[:63]
    hint = f'; the nearest is {near}' if len(near) in _BUCKET_LENGTHS else ''
    raise errors.ConfigError(
      f"{flag}={value}: the bucket's name is '{bucket}'; expected 3 to 63 "
      f'lower-case letters, digits, dots, dashes or underscores{hint}'
    )
  if not parts:
    raise errors.ConfigError(
      f'{flag}={value}: expected a path in the bucket, e.g. '
      f'{scheme}://{bucket}/runs/try1'
    )
  if bad := [part for part in parts if part in ('.', '..')]:
    raise errors.ConfigError(
      f"{flag}={value}: '{bad[0]}' is no name in a bucket; expected "
      f'{scheme}://{bucket}/'
      + '/'.join(part for part in parts if part not in bad)
    )
  return Address(scheme, bucket, '/'.join(parts))

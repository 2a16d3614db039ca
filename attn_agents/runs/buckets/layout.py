"""How a run lies in a bucket: names, what counts, and what is left out.

In the bucket, a run looks as it does on disk. Tables and other files are
replaced whole. A directory that is written once (a checkpoint, a replay) counts
when it has `committed.json`, which is written last and lists the files of the
directory with sizes and digests.
"""

import contextlib
import hashlib
import json
import pathlib
import re
from collections.abc import Iterable, Mapping

from attn_agents.runs.buckets import stores
from configs import errors

COMMIT = 'committed.json'
CONFIG = 'config.json'
PROBE = 'probe'
CHECKPOINT = re.compile(r'(\d+)')
REPLAY = re.compile(r'[a-z]+-(\d+)')
# Folders of directories that are written once, and the names of those that are
# complete.
FOLDERS: Mapping[str, re.Pattern[str]] = {
  'checkpoints': CHECKPOINT,
  'best': CHECKPOINT,
  'replay': REPLAY,
}
# Orbax's mark of what is not complete; a start removes it.
UNFINISHED = '.orbax-checkpoint-tmp'
# What is of one process, half written, or secret.
LEFT_OUT = re.compile(
  r'lock|(status|keys[^/]*)/.*|.*\.partial|.*\.orbax-checkpoint-tmp.*'
)


def committed(store: stores.Store) -> dict[str, set[str]]:
  """The directories in a bucket that count, by folder.

  Raises:
    BucketError: it cannot be read.
  """
  there: dict[str, set[str]] = {folder: set() for folder in FOLDERS}
  for folder in FOLDERS:
    for name in store.sizes(f'{folder}/'):
      _, directory, *rest = name.split('/')
      if rest == [COMMIT]:
        there[folder].add(directory)
  return there


def started(content: bytes | None, where: str) -> list[str]:
  """The times at which a run was started, oldest first.

  Args:
    content: of its config.json; None if there is none.
    where: it lies, for the message.

  Raises:
    ConfigError: it is damaged.
  """
  if content is None:
    return []
  try:
    return [str(time) for time in json.loads(content)['started']]
  except (KeyError, TypeError, ValueError) as error:
    raise errors.ConfigError(
      f'{where}: {CONFIG} is damaged or of no run ({error})'
    ) from error


def complete(place: pathlib.Path, pattern: re.Pattern[str]) -> list[str]:
  """Names of complete directories, newest first."""
  with contextlib.suppress(FileNotFoundError):
    names = [p.name for p in place.iterdir() if pattern.fullmatch(p.name)]
    return sorted(names, key=lambda name: -step_of(name, pattern))
  return []


def step_of(name: str, pattern: re.Pattern[str]) -> int:
  """The learner step in a directory's name; -1 if it has none."""
  found = pattern.fullmatch(name)
  return int(found[1]) if found else -1


def newest(names: Iterable[str], pattern: re.Pattern[str]) -> int | None:
  """The largest step of directories; None if there are none."""
  return max((step_of(name, pattern) for name in names), default=None)


def digest_of(path: pathlib.Path) -> str:
  """Of a file's content, in hexadecimal digits."""
  with open(path, 'rb') as file:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
      digest.update(block)
  return digest.hexdigest()

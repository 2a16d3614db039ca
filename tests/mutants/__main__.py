"""The command; see the package."""

import concurrent.futures
import dataclasses
import pathlib
import queue
import sys
import threading

from absl import flags

from attn_agents.utils import disk
from configs import errors
from launch import command_line, paths
from tests.chaos import ledger
from tests.mutants import (
  copies,
  drawing,
  records,
  reporting,
  selecting,
  trying,
)

_ROOT = paths.define('root', None, 'Directory for what is seen.')
_SEED = flags.DEFINE_integer('seed', 0, 'Seed of the draw.')
_COUNT = flags.DEFINE_integer('count', 100, 'Changes.', lower_bound=1)
_ONLY = flags.DEFINE_list(
  'only', [], 'Try these again, as 7-012 for the twelfth of seed 7.'
)
_LIST = flags.DEFINE_bool('list', False, 'Only print what is drawn.')
_REPORT = flags.DEFINE_bool('report', False, 'Only print what was seen.')
_WORKERS = flags.DEFINE_integer(
  'workers', 2, 'Changes at a time, each in a copy of its own.', lower_bound=1
)
_MOST = flags.DEFINE_float(
  'most_seconds', 300.0,
  'Tests of one change are chosen until they take so long together.',
)  # fmt: skip
_PATIENCE = flags.DEFINE_float(
  'patience', 1.0, 'Multiplies limits of time, for a busy machine.',
  lower_bound=1.0,
)  # fmt: skip
_IMPORTS = flags.DEFINE_bool(
  'imports_only', False,
  'Choose tests by what they import: no record is made.',
)  # fmt: skip
_FAR_FILES = flags.DEFINE_integer(
  'far_files', 3,
  'With --imports_only, files that import the changed one through others.',
)  # fmt: skip
_TREE = pathlib.Path(__file__).parents[2]


def main() -> int:
  """Does what the flags say; returns the exit code."""
  if not _ROOT.value:
    raise errors.ConfigError('--root is missing: expected a directory')
  root = pathlib.Path(_ROOT.value).absolute()
  disk.require_writable('--root', root)
  root.mkdir(parents=True, exist_ok=True)
  try:
    drawn = drawing.kept(
      root / f'{_SEED.value}.json', _TREE, _SEED.value, _COUNT.value
    )
  except ValueError as error:
    raise errors.ConfigError(str(error)) from error
  names = [each.id for each in drawn]
  for name in _ONLY.value:
    if name not in names:
      raise errors.unknown('change', name, names)
  seen = root / f'{_SEED.value}.jsonl'
  if _LIST.value:
    print('\n'.join(reporting.shown(each) for each in drawn))
    return 0
  if not _REPORT.value:
    tried = _tried(seen)
    todo = [
      each
      for each in drawn
      if (each.id in _ONLY.value if _ONLY.value else each.id not in tried)
    ]
    _try(root, seen, todo)
  tried = _tried(seen)
  if _REPORT.value:
    print(f'{reporting.table(drawn, tried)}\n')
  print(reporting.summary(drawn, tried))
  return 0


def _tried(seen: pathlib.Path) -> dict[str, trying.Tried]:
  """The newest of each change."""
  found = (trying.Tried(**x) for x in ledger.read(seen))
  return {each.id: each for each in found}


def _try(
  root: pathlib.Path, seen: pathlib.Path, todo: list[drawing.Drawn]
) -> None:
  if not todo:
    return
  record = root / 'record.json'
  if not record.exists() and not _IMPORTS.value:
    records.write(record, records.make(root, _TREE, _WORKERS.value))
  found = records.read(record) if record.exists() else records.Record.empty()
  selector = selecting.Selector(_TREE, found, _FAR_FILES.value)
  free: queue.Queue[trying.Runner] = queue.Queue()
  for i in range(min(_WORKERS.value, len(todo))):
    copy = root / f'copy-{i}'
    copies.make(_TREE, copy)
    free.put(trying.Runner(copy, _PATIENCE.value))
  writing = threading.Lock()

  def one(drawn: drawing.Drawn) -> None:
    runner = free.get()
    try:
      tried = trying.try_one(
        runner,
        drawn,
        selector.stages(drawn, _MOST.value),
        found.is_sure,
        records.SURE_SECONDS * _PATIENCE.value,
      )
    except drawing.MovedError as error:
      print(error)
      return
    finally:
      free.put(runner)
    if not tried.tests:
      print(f'{reporting.shown(drawn)}\n  no test was chosen: not tried')
      return
    with writing:
      ledger.append(seen, dataclasses.asdict(tried))
      caught = f'{tried.how}: {tried.caught}' if tried.caught else 'SURVIVED'
      print(f'{reporting.shown(drawn)}\n  {tried.seconds:.0f} s, {caught}')
      sys.stdout.flush()

  try:
    with concurrent.futures.ThreadPoolExecutor(free.qsize()) as pool:
      for result in [pool.submit(one, each) for each in todo]:
        result.result()
  finally:
    while not free.empty():
      free.get().close()


if __name__ == '__main__':
  sys.exit(command_line.run(main))

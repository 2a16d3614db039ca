"""Which lines each test executes, its children too, and how long it takes."""

import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from typing import Any

from attn_agents.utils import whole_files
from tests.mutants import copies, drawing, noting

_SETTINGS = """[run]
core = ctrace
parallel = true
data_file = {data}/lines
context = ${{{context}-}}
patch = _exit
plugins = tests.mutants.flushing
include =
{include}
"""

# What takes less fails for no other reason than a change.
SURE_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Record:
  """What was seen.

  Attributes:
    seconds: of each test.
    failed: tests that failed without a change.
    names: of tests, or of files for what their tests share.
    lines: of each file and line, places in `names`.
    digests: of the files with tests.
  """

  seconds: dict[str, float]
  failed: list[str]
  names: list[str]
  lines: dict[str, dict[str, list[int]]]
  digests: dict[str, str]

  @classmethod
  def empty(cls) -> 'Record':
    """Where nothing was recorded."""
    return cls({}, [], [], {}, {})

  def tests_of(self, file: str, lines: Iterable[int]) -> set[str]:
    """Tests that executed one of the lines other than by importing it."""
    seen = self.lines.get(file, {})
    found: set[str] = set()
    for line in lines:
      for place in seen.get(str(line), ()):
        name = self.names[place]
        if name in self.seconds:
          found.add(name)
        else:
          found.update(self._of_file.get(name, ()))
    return found

  def passes(self, test: str) -> bool:
    """Whether it passed without a change, if that was recorded."""
    return test not in self._failed

  def is_sure(self, test: str) -> bool:
    """Whether it passed, so fast that it waits for no other process."""
    passed = test in self.seconds and self.passes(test)
    return passed and self.seconds[test] < SURE_SECONDS

  @functools.cached_property
  def _failed(self) -> frozenset[str]:
    return frozenset(self.failed)

  @functools.cached_property
  def _of_file(self) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for test in self.seconds:
      found.setdefault(test.split('::')[0], []).append(test)
    return found


def digest(tree: pathlib.Path, file: str) -> str:
  """Of a file's bytes."""
  return hashlib.sha256((tree / file).read_bytes()).hexdigest()


def read(path: pathlib.Path) -> Record:
  """What `write` wrote."""
  return Record(**json.loads(path.read_text()))


def write(path: pathlib.Path, record: Record) -> None:
  """As JSON; whoever finds the file finds all of it."""
  with whole_files.replacing(path) as partial:
    partial.write_text(json.dumps(dataclasses.asdict(record)))


def make(
  root: pathlib.Path,
  tree: pathlib.Path,
  workers: int,
  tests: Sequence[str] = (),
) -> Record:
  """Runs tests in a copy of the tree; by default those of `make test`.

  What is not recorded counts as new, see `selecting.Selector.stages`.
  """
  from tests.mutants import recording

  copy, data = root / 'recorded', root / 'data'
  notes = root / 'notes.jsonl'
  shutil.rmtree(data, ignore_errors=True)
  data.mkdir(parents=True)
  notes.unlink(missing_ok=True)
  copies.make(tree, copy)
  include = '\n'.join(f'  {copy}/{x}/*' for x in drawing.FOLDERS)
  settings = root / 'coverage.ini'
  settings.write_text(
    _SETTINGS.format(data=data, include=include, context=recording.CONTEXT)
  )
  command = [
    copies.python(copy), '-m', 'pytest', '-p', 'tests.mutants.recording', '-p',
    'tests.mutants.noting', '-n', str(workers), '--dist=loadfile', *tests,
  ]  # fmt: skip
  # The plugin of coverage is a module of the tree.
  variables = {
    'COVERAGE_PROCESS_START': str(settings),
    'PYTHONPATH': str(copy),
    noting.VARIABLE: str(notes),
  }
  subprocess.run(
    command, cwd=copy, env={**os.environ, **variables}, check=False
  )
  found = collect(data, notes, copy)
  shutil.rmtree(data)
  shutil.rmtree(copy)
  return found


def collect(
  data: pathlib.Path, notes: pathlib.Path, copy: pathlib.Path
) -> Record:
  """Reads what all processes have left.

  Args:
    data: directory of coverage's files.
    notes: file of `noting`.
    copy: the tree that was run.
  """
  import coverage

  seconds, failed = {}, []
  for line in notes.read_text().splitlines():
    note: dict[str, Any] = json.loads(line)
    if 'test' in note:
      seconds[note['test']] = note['seconds']
      if not note['passed']:
        failed.append(note['test'])
  places: dict[str, int] = {}
  lines: dict[str, dict[str, set[int]]] = {}
  for path in sorted(data.iterdir()):
    part = coverage.CoverageData(str(path))
    try:
      part.read()
    except coverage.CoverageException:
      # Of a process that was killed as it wrote.
      continue
    for file in part.measured_files():
      of_file = lines.setdefault(str(pathlib.Path(file).relative_to(copy)), {})
      for line, names in part.contexts_by_lineno(file).items():
        for name in filter(None, names):
          place = places.setdefault(name, len(places))
          of_file.setdefault(str(line), set()).add(place)
  tests = {x.split('::')[0] for x in seconds}
  return Record(
    seconds,
    failed,
    list(places),
    {f: {n: sorted(x) for n, x in each.items()} for f, each in lines.items()},
    {x: digest(copy, x) for x in tests},
  )

"""Which tests could notice a change, those that likely do first."""

import ast
import dataclasses
import functools
import itertools
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tests.mutants import drawing, records

_TOPS = ('attn_agents', 'configs', 'launch', 'tests', 'results', 'benchmarks')


@dataclasses.dataclass(frozen=True)
class Chosen:
  """Tests to run.

  Attributes:
    tests: names of tests, or of whole files.
    seconds: how long they took when they were recorded.
  """

  tests: list[str]
  seconds: float


class Selector:
  """Chooses among the tests of a tree."""

  def __init__(
    self, tree: pathlib.Path, record: records.Record, far_files: int = 3
  ):
    """Reads the imports of all its files.

    Args:
      tree: with the tests.
      record: what they execute.
      far_files: without a record, so many files are chosen that import the
        changed one through others only.
    """
    self._far_files = far_files
    self._record = record
    self._imports = {
      str(path): set(imported(tree, path))
      for path in [*drawing.sources(tree), *_tests(tree)]
    }
    self._files = sorted(x for x in self._imports if x.endswith('_test.py'))
    self._sizes = {x: (tree / x).stat().st_size for x in self._files}
    # Tests that are newer than the record.
    self._new = {
      x for x in self._files if record.digests.get(x) != records.digest(tree, x)
    }

  def stages(self, drawn: drawing.Drawn, most: float) -> Iterator[Chosen]:
    """Sets of tests, to be run until one fails.

    First those that executed the statement and whose files import the file,
    then the others that executed it, then all tests of files that import it,
    directly or not, the nearest and fastest first. Without a record, those
    beside the file's own test come before the others.

    Args:
      drawn: what was changed.
      most: seconds of recorded time, all stages together.
    """
    rank = {x: self._rank(x, drawn.file) for x in self._files}
    lines = range(drawn.first, drawn.last + 1)
    executed = {
      x
      for x in self._record.tests_of(drawn.file, lines)
      if x.split('::')[0] not in self._new
    }
    files = {x.split('::')[0] for x in executed}
    files |= {x for x in self._files if rank[x] < 3}
    seconds = self._record.seconds
    others = {
      x for x in seconds if x.split('::')[0] in files - self._new
    } - executed
    near = {x for x in executed if rank[x.split('::')[0]] < 2}
    left = most
    if not seconds:
      yield from self._unrecorded(drawn.file, rank)
      return
    for new, some in (({0}, near), ({1}, executed - near), (set(), others)):
      # How long a new file takes is not known; it is taken if it is near.
      chosen = sorted((x for x in self._new if rank[x] in new), key=self._cost)
      spent = 0.0
      for name in sorted(
        filter(self._record.passes, some),
        key=lambda x: (rank[x.split('::')[0]], seconds[x]),
      ):
        if spent + seconds[name] <= left:
          chosen.append(name)
          spent += seconds[name]
      left -= spent
      if chosen:
        yield Chosen(chosen, spent)

  def _unrecorded(self, file: str, rank: Mapping[str, int]) -> Iterator[Chosen]:
    """Whole files: its own test, those beside that, and the others.

    Of those that import the file through others only, few are chosen, with the
    most alike path: of the same folder, or of a like name.
    """
    mirror = self._mirror(file)
    far = [x for x in self._new if rank[x] == 2]
    far.sort(key=lambda x: (-len(_common(x, str(mirror))), self._cost(x)))
    chosen = [x for x in self._new if rank[x] < 2] + far[: self._far_files]

    def place(test: str) -> int:
      if rank[test] == 0:
        return 0
      if pathlib.PurePath(test).parent == mirror.parent:
        return 1
      return 1 + rank[test]

    # Each place is a stage, so that the first need not wait for the others.
    for which in range(4):
      some = sorted((x for x in chosen if place(x) == which), key=self._cost)
      if some:
        yield Chosen(some, 0.0)

  def _cost(self, test: str) -> tuple[bool, int, str]:
    """Less of what likely takes less time, where that was not recorded."""
    # Tests of commands start processes.
    return test.startswith('tests/launch/'), self._sizes[test], test

  def _mirror(self, file: str) -> pathlib.PurePath:
    """Where a file's own test is, if it has one."""
    path = pathlib.PurePath(file.removeprefix('attn_agents/'))
    return 'tests' / path.with_name(f'{path.stem}_test.py')

  def _rank(self, test: str, file: str) -> int:
    """0: the file's own test, 1: imports it, 2: indirectly, 3: does not."""
    if pathlib.PurePath(test) == self._mirror(file):
      return 0
    if file in self._imports[test]:
      return 1
    return 2 if file in self._reached(test) else 3

  @functools.cache  # noqa: B019 - lives as long as the command
  def _reached(self, file: str) -> frozenset[str]:
    """All that a file imports, directly or not."""
    found: set[str] = set()
    todo = [file]
    while todo:
      for each in self._imports.get(todo.pop(), ()):
        if each not in found:
          found.add(each)
          todo.append(each)
    return frozenset(found)


def _tests(tree: pathlib.Path) -> Iterable[pathlib.Path]:
  for path in sorted((tree / 'tests').rglob('*.py')):
    yield path.relative_to(tree)


def imported(tree: pathlib.Path, path: pathlib.Path) -> Iterator[str]:
  """Files of the tree that a file imports, or starts by name."""
  for node in ast.walk(ast.parse((tree / path).read_text())):
    if isinstance(node, ast.Import):
      for alias in node.names:
        yield from _existing(tree, alias.name.split('.'))
    elif isinstance(node, ast.ImportFrom) and node.module:
      for alias in node.names:
        parts = node.module.split('.')
        yield from _existing(tree, parts)
        yield from _existing(tree, [*parts, alias.name])
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
      # A command, as 'run_local.py' or 'launch.run_local'.
      name = node.value.removeprefix('launch/').removeprefix('launch.')
      name = name.removesuffix('.py')
      if name.isidentifier() and (tree / 'launch' / f'{name}.py').is_file():
        yield f'launch/{name}.py'


def _existing(tree: pathlib.Path, parts: Sequence[str]) -> Iterator[str]:
  if parts[0] in _TOPS:
    base = pathlib.PurePath(*parts)
    for name in (f'{base}.py', f'{base}/__init__.py'):
      if (tree / name).is_file():
        yield name


def _common(one: str, other: str) -> str:
  """What both begin with."""
  pairs = itertools.takewhile(
    lambda x: x[0] == x[1], zip(one, other, strict=False)
  )
  return ''.join(x for x, _ in pairs)

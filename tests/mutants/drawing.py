"""Which changes are tried: lines drawn at random, then a change of each."""

import dataclasses
import hashlib
import json
import pathlib
import random
from collections.abc import Iterator
from typing import Any

from tests.mutants import changes

FOLDERS = ('attn_agents', 'configs', 'launch')


@dataclasses.dataclass(frozen=True)
class Drawn:
  """One change of one file.

  Attributes:
    id: 'SEED-NUMBER'.
    file: from the root of the tree.
    line, kind, first, last, at_import: see `changes.Change`.
    before, after: the lines that differ, whole.
  """

  id: str
  file: str
  line: int
  kind: str
  first: int
  last: int
  at_import: bool
  before: str
  after: str


class MovedError(Exception):
  """The lines that a change replaces are not in the file any more."""


def sources(tree: pathlib.Path) -> Iterator[pathlib.Path]:
  """The modules that are changed, in order, from the root of the tree."""
  for folder in FOLDERS:
    for path in sorted((tree / folder).rglob('*.py')):
      yield path.relative_to(tree)


def draw(tree: pathlib.Path, seed: int, count: int) -> list[Drawn]:
  """The first `count` of the endless draw of a seed.

  Every line that can be changed is as likely as every other one, and so are
  the changes of a line. No line is drawn twice.
  """
  texts = {str(path): (tree / path).read_text() for path in sources(tree)}
  lines: dict[tuple[str, int], list[changes.Change]] = {}
  for name, text in texts.items():
    for change in changes.find(text):
      lines.setdefault((name, change.line), []).append(change)
  rng = random.Random(seed)
  order = sorted(lines)
  rng.shuffle(order)
  drawn: list[Drawn] = []
  for place in order:
    if len(drawn) == count:
      break
    name = place[0]
    candidates = lines[place]
    rng.shuffle(candidates)
    for change in candidates:
      if changes.is_one(texts[name], change):
        number = f'{seed}-{len(drawn) + 1:03}'
        drawn.append(_drawn(number, name, texts[name], change))
        break
  return drawn


def _drawn(number: str, name: str, text: str, change: changes.Change) -> Drawn:
  data = text.encode()
  start = data.rfind(b'\n', 0, change.start) + 1
  end = data.find(b'\n', change.end)
  end = len(data) if end < 0 else end
  before = data[start:end].decode()
  new = changes.applied(text, change).encode()
  after = new[start : len(new) - (len(data) - end)].decode()
  return Drawn(
    number, name, change.line, change.kind, change.first, change.last,
    change.at_import, before, after,
  )  # fmt: skip


def apply(text: str, drawn: Drawn) -> str:
  """The text with the change, also if its lines have moved.

  Raises:
    MovedError: they are not there.
  """
  lines = text.split('\n')
  before = drawn.before.split('\n')
  places = [
    i
    for i in range(len(lines) - len(before) + 1)
    if lines[i : i + len(before)] == before
  ]
  if not places:
    raise MovedError(f'{drawn.id}: {drawn.file} no longer has {drawn.before!r}')
  place = min(places, key=lambda i: abs(i + 1 - drawn.line))
  lines[place : place + len(before)] = drawn.after.split('\n')
  return '\n'.join(lines)


def kept(
  path: pathlib.Path, tree: pathlib.Path, seed: int, count: int
) -> list[Drawn]:
  """What was drawn when the file was first written, and more if asked for.

  A draw outlives changes of the tree; one that goes on needs the same tree.

  Raises:
    ValueError: more are asked for, and the tree is another one.
  """
  found: dict[str, Any] = {'changes': []}
  if path.exists():
    found = json.loads(path.read_text())
  old = [Drawn(**x) for x in found['changes']]
  if len(old) >= count:
    return old[:count]
  if old and found['tree'] != digest(tree):
    raise ValueError(
      f'{path} holds {len(old)} changes of another tree; expected '
      f'--count={len(old)} or less, or another --seed'
    )
  new = draw(tree, seed, count)
  text = json.dumps(
    {
      'seed': seed,
      'tree': digest(tree),
      'changes': [dataclasses.asdict(x) for x in new],
    },
    indent=1,
  )
  path.write_text(text + '\n')
  return new


def digest(tree: pathlib.Path) -> str:
  """Of all that can be changed."""
  found = hashlib.sha256()
  for path in sources(tree):
    found.update(str(path).encode() + b'\0' + (tree / path).read_bytes())
  return found.hexdigest()

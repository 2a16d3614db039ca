"""Checks that what the documents refer to exists; prints what does not.

    python docs/check_links.py

- Links between documents, and from them into the repository, lead to a file,
  and to a heading where they name one. Links to other hosts are not followed.
- Paths and modules of this project that a document names exist.
- A module is shown once in the API, with its package or by itself.
- Every page of docs/ is in the navigation of mkdocs.yml, and another page links
  to it.

Exit codes: 0 all well, 1 something is missing.
"""

import functools
import pathlib
import re
import sys
import unicodedata
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).parents[1]

_DOCUMENTS = (
  '*.md',
  'docs/**/*.md',
  'benchmarks/*.md',
  'findings/*.md',
  'results/*.md',
)
# These name files that are not ours, or not any more.
_OTHER_FILES = ('CHANGELOG.md', 'peers.md')
_FENCED = re.compile(r'^( *)(```+|~~~+).*?^\1\2', re.DOTALL | re.MULTILINE)
_CODE = re.compile(r'`[^`\n]*`')
_LINK = re.compile(r'\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)')
_DEFINITION = re.compile(r'^ {0,3}\[[^\]]+\]:\s+(\S+)', re.MULTILINE)
_ATTRIBUTE = re.compile(r'\b(?:href|src)="([^"]+)"')
_HEADING = re.compile(r'^#{1,6}\s+(.+?)\s*#*$', re.MULTILINE)
_SCHEME = re.compile(r'[a-z][a-z0-9+.-]*:', re.IGNORECASE)
_TOP = (
  'attn_agents|benchmarks|configs|docs|findings|launch|notebooks|requirements|'
  'results|tests'
)
# What follows says whether it is a pattern rather than a path.
_PATH = re.compile(rf'(?<![\w./<-])((?:{_TOP})/[\w./-]*)([<*{{…]?)')
_BARE_FILE = re.compile(r'`((?:\w+/)*\w+\.py)`')
_MODULE = re.compile(
  r'(?<![\w./-])((?:attn_agents|benchmarks|configs|launch)(?:\.(?!md\b)\w+)+)'
)
_SHOWN = re.compile(r'^::: ([\w.]+)$', re.MULTILINE)
_NAVIGATION = re.compile(r'^\s*- (?:[^:\n]+: )?(\S+\.md)\s*$', re.MULTILINE)


def problems(root: pathlib.Path) -> list[str]:
  """What is wrong, a line each; empty if nothing is.

  Args:
    root: of the repository.
  """
  documents = sorted(
    {path for pattern in _DOCUMENTS for path in root.glob(pattern)}
  )
  found: list[str] = []
  linked: set[pathlib.Path] = set()
  for document in documents:
    name = document.relative_to(root)
    text = document.read_text()
    for target in _targets(text):
      path, _, anchor = target.partition('#')
      there = (document.parent / path).resolve() if path else document
      if there != document:
        linked.add(there)
      if why := _dead_link(there, anchor):
        found.append(f'{name}: link to {target}: {why}')
    if name.name not in _OTHER_FILES:
      found.extend(f'{name}: {each}' for each in _missing(text, root))
  found.extend(_shown_twice(root))
  found.extend(_lost_pages(root, linked))
  return found


def _targets(text: str) -> Iterator[str]:
  """Where a document's links and images lead, other hosts left out."""
  text = _CODE.sub('', _FENCED.sub('', text))
  for pattern in (_LINK, _DEFINITION, _ATTRIBUTE):
    for match in pattern.finditer(text):
      if not _SCHEME.match(match[1]):
        yield match[1]


def _dead_link(path: pathlib.Path, anchor: str) -> str:
  """Why a link leads nowhere, or ''."""
  if not path.exists():
    return 'there is no such file'
  if anchor and path.suffix != '.md':
    return 'only documents have anchors'
  if anchor and anchor not in anchors(path.read_text()):
    return 'there is no such heading'
  return ''


def anchors(text: str) -> set[str]:
  """Anchors of a document's headings.

  Only those that a forge and the site make alike, since readers use both.
  """
  found: set[str] = set()
  for match in _HEADING.finditer(_FENCED.sub('', text)):
    heading = re.sub(r'\]\([^)]*\)', '', match[1]).replace('[', '')
    plain = unicodedata.normalize('NFKD', heading)
    plain = plain.encode('ascii', 'ignore').decode()
    kept = re.sub(r'[^\w\s-]', '', plain).strip().lower()
    on_site = re.sub(r'[-\s]+', '-', kept)
    on_forge = re.sub(r'[^\w\s-]', '', heading.lower()).replace(' ', '-')
    if on_site == on_forge:
      found.add(on_site)
  return found


def _missing(text: str, root: pathlib.Path) -> Iterator[str]:
  """Paths and modules that a document names and that are not there."""
  for path, pattern in _PATH.findall(text):
    if not pattern and not (root / path.rstrip('.')).exists():
      yield f'there is no {path}'
  for path in _BARE_FILE.findall(text):
    if not any(f'/{each}'.endswith(f'/{path}') for each in _sources(root)):
      yield f'no file is called {path}'
  for name in _MODULE.findall(text):
    if not _has_module(name, root):
      yield f'there is no {name}'


@functools.cache
def _sources(root: pathlib.Path) -> tuple[str, ...]:
  """Paths of this project's Python files."""
  folders = [root / name for name in _TOP.split('|')]
  return tuple(
    path.relative_to(root).as_posix()
    for path in (
      *root.glob('*.py'),
      *(p for f in folders for p in f.rglob('*.py')),
    )
  )


def _has_module(name: str, root: pathlib.Path) -> bool:
  """Whether a dotted name is a module, or something that its text has."""
  place, rest = root, name.split('.')
  while rest and (place / rest[0]).is_dir():
    place = place / rest.pop(0)
  if rest and (place / f'{rest[0]}.py').is_file():
    source = place / f'{rest.pop(0)}.py'
  else:
    source = place / '__init__.py'
  if not source.is_file():
    return False
  text = source.read_text()
  return all(re.search(rf'\b{part}\b', text) for part in rest)


def _shown_twice(root: pathlib.Path) -> Iterator[str]:
  """Modules that the API has twice; a package brings all that it has."""
  shown = [
    (page.relative_to(root), name)
    for page in sorted(root.glob('docs/**/*.md'))
    for name in _SHOWN.findall(page.read_text())
  ]
  for index, (page, name) in enumerate(shown):
    for _, other in shown[:index] + shown[index + 1 :]:
      if f'{name}.'.startswith(f'{other}.'):
        yield f'{page}: {name} is shown by {other} already'


def _lost_pages(root: pathlib.Path, linked: set[pathlib.Path]) -> Iterator[str]:
  """Pages that nobody finds, and places in the navigation without a page."""
  docs = root / 'docs'
  pages = {p.relative_to(docs).as_posix() for p in docs.rglob('*.md')}
  shown = set(_NAVIGATION.findall((root / 'mkdocs.yml').read_text()))
  for page in sorted(pages - shown):
    yield f'docs/{page}: is not in the navigation of mkdocs.yml'
  for page in sorted(shown - pages):
    yield f'mkdocs.yml: there is no docs/{page}'
  for page in sorted(pages - {'index.md'}):
    if (docs / page).resolve() not in linked:
      yield f'docs/{page}: no other document links to it'


def main() -> int:
  """Prints the problems; returns the exit code."""
  found = problems(ROOT)
  for line in found:
    print(line)
  return 1 if found else 0


if __name__ == '__main__':
  sys.exit(main())

"""Copies of the tree, each with an environment of its own."""

import os
import pathlib
import shutil
import subprocess

_PACKAGES = pathlib.Path('lib/python3.10/site-packages')


def make(tree: pathlib.Path, copy: pathlib.Path) -> None:
  """Makes the copy what the tree is: all that git does not ignore, and .venv.

  The environment's files are linked, not copied; what it says of where the
  package is names the copy.
  """
  copy.mkdir(parents=True, exist_ok=True)
  listed = subprocess.run(
    ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    cwd=tree, check=True, capture_output=True, text=True,
  ).stdout  # fmt: skip
  wanted = {x for x in listed.split('\0') if (tree / x).is_file()} - {''}
  for folder in (x for x in copy.iterdir() if x.name != '.venv'):
    for path in folder.rglob('*.py'):
      if str(path.relative_to(copy)) not in wanted:
        path.unlink()
  for name in wanted:
    target = copy / name
    if not _same(tree / name, target):
      target.parent.mkdir(parents=True, exist_ok=True)
      shutil.copy2(tree / name, target)
  if not (copy / '.venv').exists():
    _link_environment(tree, copy)
  # Compiled once, and by content: a change is seen however fast it comes.
  subprocess.run(
    [python(copy), '-m', 'compileall', '-q', '-x', r'\.venv',
     '--invalidation-mode=checked-hash', '.'],
    cwd=copy, check=True,
  )  # fmt: skip


def python(copy: pathlib.Path) -> str:
  """The copy's interpreter."""
  return str(copy / '.venv' / 'bin' / 'python')


def _same(a: pathlib.Path, b: pathlib.Path) -> bool:
  return b.is_file() and a.read_bytes() == b.read_bytes()


def _link_environment(tree: pathlib.Path, copy: pathlib.Path) -> None:
  unfinished = copy / '.venv.unfinished'
  shutil.rmtree(unfinished, ignore_errors=True)
  shutil.copytree(
    tree / '.venv', unfinished, symlinks=True, copy_function=_link
  )
  packages = unfinished / _PACKAGES
  # What `pip install --editable` has written.
  for path in packages.glob('__editable__*'):
    text = path.read_text().replace(str(tree), str(copy))
    path.unlink()
    path.write_text(text)
  for path in packages.glob('__pycache__/__editable__*'):
    path.unlink()
  unfinished.rename(copy / '.venv')


def _link(source: str, target: str) -> None:
  try:
    os.link(source, target)
  except OSError:
    # Another file system.
    shutil.copy2(source, target)

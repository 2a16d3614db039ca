"""Writes flags.csv: what every command takes. Run when one is to change.

python -m tests.launch.flags
"""

import csv
import importlib
import pathlib
import sys
import types
from collections.abc import Iterator

from tests.launch import commands as launched

PATH = pathlib.Path(__file__).with_name('flags.csv')
# absl knows modules that do not own the flags they define by their addresses,
# which other modules must not get.
_SEEN: list[types.ModuleType] = []


def commands() -> list[str]:
  """The names of all commands."""
  return [
    path.stem
    for path in sorted(launched.LAUNCH.glob('*.py'))
    if "if __name__ == '__main__':" in path.read_text()
  ]


def rows() -> list[tuple[str, str, str, str]]:
  """(flag, what it takes, its default, commands that have it).

  To be called in a process of its own, whose flags are taken away.
  """
  found: dict[tuple[str, str, str], list[str]] = {}
  for command in commands():
    for flag in _defined(command):
      found.setdefault(flag, []).append(command)
  return [(*flag, ' '.join(having)) for flag, having in sorted(found.items())]


def _defined(command: str) -> Iterator[tuple[str, str, str]]:
  """Those of one command, as if no other had been loaded."""
  from absl import flags

  for name in list(flags.FLAGS):
    delattr(flags.FLAGS, name)
  for name in [x for x in sys.modules if x.partition('.')[0] == 'launch']:
    _SEEN.append(sys.modules.pop(name))
  importlib.import_module(f'launch.{command}')
  for module, defined in flags.FLAGS.flags_by_module_dict().items():
    if module.startswith('launch.'):
      for flag in defined:
        takes = f'{flag.flag_type()}, {flag.parser.syntactic_help}'
        default = flag.default_as_str
        yield flag.name, takes.rstrip(', '), '' if default is None else default


def main() -> None:
  """Writes the file, or with an argument the rows to stdout."""
  if sys.argv[1:]:
    _write(sys.stdout)
    return
  with open(PATH, 'w', newline='') as file:
    _write(file)


def _write(file) -> None:
  writer = csv.writer(file, lineterminator='\n')
  writer.writerow(('flag', 'takes', 'default', 'commands'))
  writer.writerows(rows())


if __name__ == '__main__':
  main()

"""Docstrings as the API pages show them."""

import re

import griffe

_SECTION = re.compile(r'^\w[\w ]*:$', re.MULTILINE)
_NAMES = re.compile(r'( +)(\w+)((?:, \w+)+): ')
_ITEM = re.compile(r'[-*] |\d+\. ')


class Readable(griffe.Extension):
  """Keeps the line breaks of equations, and the names of fields apart."""

  def on_object(self, *, obj: griffe.Object, **_: object) -> None:
    """Called for each module, class, function and attribute."""
    if obj.docstring is not None:
      text = equations_are_code(obj.docstring.value)
      obj.docstring.value = one_name_an_item(text)


def one_name_an_item(text: str) -> str:
  """A docstring whose items with several names are an item for each.

  The first keeps the explanation, the others refer to it.
  """
  lines: list[str] = []
  others: list[str] = []
  indent = -1
  for line in text.splitlines():
    if others and len(line) - len(line.lstrip()) <= indent:
      lines.extend(others)
      others = []
    if names := _NAMES.match(line):
      first, indent = names[2], len(names[1])
      others = [
        f'{names[1]}{other}: see `{first}`.'
        for other in names[3].removeprefix(', ').split(', ')
      ]
      lines.append(f'{names[1]}{first}: {line[names.end() :]}')
    else:
      lines.append(line)
  return '\n'.join([*lines, *others])


def equations_are_code(text: str) -> str:
  """A docstring with its equations and examples as Markdown's code.

  Those are the paragraphs with indented lines, and single lines that set
  something equal and end without a full stop. Sections such as `Args:` are left
  as they are.

  Args:
    text: of the docstring, its first line not indented.
  """
  section = _SECTION.search(text)
  end = len(text) if section is None else section.start()
  blocks = text[:end].split('\n\n')
  return '\n\n'.join(map(_as_code, blocks)) + text[end:]


def _as_code(block: str) -> str:
  lines = block.splitlines()
  indented = any(line.startswith('  ') for line in lines)
  equation = len(lines) == 1 and ' = ' in block and block[-1] not in '.:'
  if _ITEM.match(block) or not (indented or equation):
    return block
  return '\n'.join(f'    {line}' if line.strip() else line for line in lines)

"""Docstrings as the API pages show them."""

import re

import griffe

_SECTION = re.compile(r'^\w[\w ]*:$', re.MULTILINE)
_ITEM = re.compile(r'[-*] |\d+\. ')


class EquationsAreCode(griffe.Extension):
  """Keeps the line breaks of equations and examples."""

  def on_object(self, *, obj: griffe.Object, **_: object) -> None:
    """Called for each module, class, function and attribute."""
    if obj.docstring is not None:
      obj.docstring.value = equations_are_code(obj.docstring.value)


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

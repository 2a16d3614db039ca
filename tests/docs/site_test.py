"""What the site does to pages and docstrings."""

import types

from docs import docstrings, hooks


def _page(path: str):
  return types.SimpleNamespace(file=types.SimpleNamespace(src_uri=path))


def _on_site(markdown: str, path: str = 'results.md') -> str:
  return hooks.on_page_markdown(markdown, page=_page(path), config=None)


def test_links_within_the_site_stay():
  text = '[a](tried.md#pong) [b](#here) [c](api/core.md) ![d](images/a.png)'
  assert _on_site(text) == text
  assert _on_site('[up](../agents.md)', 'api/core.md') == '[up](../agents.md)'


def test_links_to_other_hosts_stay():
  assert _on_site('[a](https://example.org)') == '[a](https://example.org)'


def test_links_into_the_repository_become_paths():
  assert _on_site('[small/x](../results/small/x)') == '`results/small/x`'
  assert _on_site('[`results/`](../results/README.md)') == '`results/`'
  assert _on_site('[notes](../../BUILD_NOTES.md)', 'api/core.md') == (
    'notes (`BUILD_NOTES.md`)'
  )


def test_equations_are_code():
  text = (
    'Does it.\n\nloss = a\n       + b\n\nx = y + 1\n\nwhere y = 2 is odd.\n\n'
    '- an item\n  goes on\n\nArgs:\n  x: this.\n\n  y = 3\n'
  )
  assert docstrings.equations_are_code(text) == (
    'Does it.\n\n    loss = a\n           + b\n\n    x = y + 1\n\n'
    'where y = 2 is odd.\n\n- an item\n  goes on\n\nArgs:\n  x: this.\n\n'
    '  y = 3\n'
  )


def test_a_docstring_of_prose_stays():
  text = 'One line.\n\nMore of it, over\ntwo lines.'
  assert docstrings.equations_are_code(text) == text


def test_each_name_is_an_item():
  text = 'Attributes:\n  a, b, c: three of\n    them.\n  d: one.\n'
  assert docstrings.one_name_an_item(text) == (
    'Attributes:\n  a: three of\n    them.\n  b: see `a`.\n  c: see `a`.\n'
    '  d: one.'
  )
  assert docstrings.one_name_an_item('Says a, b: c.') == 'Says a, b: c.'

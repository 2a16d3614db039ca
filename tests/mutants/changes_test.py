"""Each kind of change, on text that has one of it."""

import pytest

from tests.mutants import changes


def _made(text):
  """The texts that all changes make, without what does not change."""
  assert all(changes.is_one(text, x) for x in changes.find(text))
  return [changes.applied(text, x) for x in changes.find(text)]


@pytest.mark.parametrize(
  ('text', 'made'),
  [
    ('a < b', ['a <= b', 'a > b']),
    ('a <= b', ['a < b', 'a > b']),
    ('a >= b', ['a > b', 'a < b']),
    ('a == b', ['a != b']),
    ('a is not b', ['a is b']),
    ('a not  in b', ['a in b']),
    ('(a) + (b)', ['(a) - (b)']),
    ('a // b', ['a * b']),
    ('a ** b', ['a * b']),
    ('a and b and c', ['a or b and c', 'a and b or c']),
    ('not a', ['(a)']),
    ('-a', ['(a)']),
    ('7', ['8', '6']),
    ('0', ['1']),
    ('0.5', ['1.0']),
    ('True', ['False']),
    ('a if b else c', ['a if (not (b)) else c']),
    ('[a for a in b if c]', ['[a for a in b if (not (c))]']),
    ("a['x'] + b['y']", ["a['y'] + b['y']", "a['x'] - b['y']",
                         "a['x'] + b['x']"]),
    ('min(a)', ['pass', 'max(a)']),
    ('x = a.argmax()', ['x = a.argmin()']),
    ('x = f(a, b, c)', ['x = f(b, a, c)']),
    ('x = f(a, b=c, d=e)', ['x = f(a, d=e)', 'x = f(a, b=c, )']),
    ("f'{a + b} and {c}'", ["f'{a - b} and {c}'"]),
    ('a += b', ['pass', 'a -= b']),
    ('a.b = c', ['pass']),
    ('f()', ['pass']),
    ('def f():\n  raise a', ['def f():\n  pass']),
    ('def f():\n  return a', ['def f():\n  return None']),
    ('def f(a=1):\n  pass', ['def f(a=2):\n  pass', 'def f(a=0):\n  pass']),
    ('while a:\n  continue', ['while (not (a)):\n  continue',
                              'while a:\n  break']),
    ('if a < 1:\n  b', ['if a <= 1:\n  b', 'if a > 1:\n  b', 'if a < 2:\n  b',
                        'if a < 0:\n  b']),
    ('é = ü < ö', ['é = ü <= ö', 'é = ü > ö']),
  ],
)  # fmt: skip
def test_each_kind(text, made):
  assert sorted(_made(text)) == sorted(made)


@pytest.mark.parametrize(
  'text',
  [
    '"""What it is."""',
    '# 1 + 1',
    'import a',
    'from a import b',
    'a: list[1]',
    'def f(a: x[1]) -> y[2]:\n  pass',
    '@f(1)\ndef g():\n  pass',
    "x = 'a' + b",
    "x = 'words'",
    "def f():\n  return None",
    'if TYPE_CHECKING:\n  a(1)',
    'a = max(b, c)'.replace('max', 'gcd'),
    'x = zip(a, strict=True)',
    "X = A | B",
  ],
)  # fmt: skip
def test_what_is_left_alone(text):
  assert _made(text) == []


def test_nothing_within_a_message_is_changed():
  text = "def f():\n  raise a(f'{1 + 1}', 7)"
  assert _made(text) == ['def f():\n  pass']


def test_a_change_says_where_it_is():
  text = 'x = 1\ndef f(a):\n  if a:\n    return g(\n      a, 2\n    )\n'
  places = {
    (x.kind, x.line, x.first, x.last, x.at_import) for x in changes.find(text)
  }
  assert places == {
    ('constant', 1, 1, 1, True),
    # A condition's statement is its head alone.
    ('condition', 3, 3, 3, False),
    ('returned', 4, 4, 6, False),
    ('arguments', 5, 4, 6, False),
    ('constant', 5, 4, 6, False),
  }


def test_what_is_no_program_or_the_same_one_is_no_change():
  change = changes.find('x = f(a=1, b=2)')[0]
  assert changes.is_one('x = f(a=1, b=2)', change)
  # Without a key there is no value.
  assert not changes.is_one('x = {1: 2}', _other(change, 5, 6, ''))
  assert not changes.is_one('x = 1', _other(change, 4, 5, '0x1'))


def _other(change, start, end, after):
  return changes.Change(
    change.kind, start, end, after, 1, 1, 1, change.at_import
  )

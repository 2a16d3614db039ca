"""The single changes that are possible in a module's text.

Only what runs is changed: neither comments, docstrings, annotations, imports,
decorators nor the words of messages and of other strings. `raise` may go, but
nothing within it is changed.
"""

import ast
import dataclasses
import re
from collections.abc import Iterator

_COMPARED = {
  ast.Lt: ('<', ('<=', '>')), ast.LtE: ('<=', ('<', '>')),
  ast.Gt: ('>', ('>=', '<')), ast.GtE: ('>=', ('>', '<')),
  ast.Eq: ('==', ('!=',)), ast.NotEq: ('!=', ('==',)),
  ast.Is: ('is', ('is not',)), ast.IsNot: ('is not', ('is',)),
  ast.In: ('in', ('not in',)), ast.NotIn: ('not in', ('in',)),
}  # fmt: skip
_COMPUTED = {
  ast.Add: ('+', '-'), ast.Sub: ('-', '+'), ast.Mult: ('*', '/'),
  ast.Div: ('/', '*'), ast.FloorDiv: ('//', '*'), ast.Mod: ('%', '*'),
  ast.Pow: ('**', '*'), ast.BitOr: ('|', '&'), ast.BitAnd: ('&', '|'),
}  # fmt: skip
_PAIRS = (
  ('max', 'min'), ('argmax', 'argmin'), ('nanmax', 'nanmin'), ('any', 'all'),
  ('maximum', 'minimum'), ('floor', 'ceil'), ('zeros', 'ones'),
  ('zeros_like', 'ones_like'), ('mean', 'sum'), ('startswith', 'endswith'),
)  # fmt: skip
_OTHER_NAMES = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}
# Calls that give the same whichever argument comes first.
_SYMMETRIC = {'max', 'min', 'maximum', 'minimum', 'gcd', 'add', 'multiply'}
# `zip(strict=True)` only guards what is never so.
_UNTOUCHED_KEYWORDS = {'strict'}
_TEXTS = (ast.JoinedStr, ast.List, ast.Tuple, ast.ListComp)


@dataclasses.dataclass(frozen=True)
class Change:
  """One change.

  Attributes:
    kind: what is changed.
    start, end: the bytes that `after` replaces.
    after: what is there instead.
    line: number of the line that it starts in, from 1.
    first, last: lines of the statement, without what is nested in it.
    at_import: whether it runs when the module is imported.
  """

  kind: str
  start: int
  end: int
  after: str
  line: int
  first: int
  last: int
  at_import: bool


def applied(text: str, change: Change) -> str:
  """The text with the change."""
  data = text.encode()
  after = change.after.encode()
  return (data[: change.start] + after + data[change.end :]).decode()


def is_one(text: str, change: Change) -> bool:
  """Whether what it makes is Python, and another program."""
  try:
    new = ast.parse(applied(text, change))
  except SyntaxError:
    return False
  return ast.dump(new) != ast.dump(ast.parse(text))


def find(text: str) -> list[Change]:
  """All changes of a module's text, in the order of the text."""
  finder = _Finder(text)
  finder.visit(ast.parse(text))
  return sorted(finder.found, key=lambda c: (c.start, c.end, c.after))


class _Finder(ast.NodeVisitor):
  """Collects changes in `found`."""

  def __init__(self, text: str):
    self.found: list[Change] = []
    self._data = text.encode()
    self._starts = [0]
    for line in self._data.splitlines(keepends=True):
      self._starts.append(self._starts[-1] + len(line))
    self._keys = sorted(_keys(ast.parse(text)))
    self._statement = (1, 1)
    self._functions = 0

  def visit(self, node: ast.AST) -> None:
    if isinstance(node, ast.stmt):
      self._statement = node.lineno, _header_end(node)
    super().visit(node)

  # Where things are.

  def _span(self, node: ast.AST) -> tuple[int, int]:
    at = node
    return (
      self._starts[at.lineno - 1] + at.col_offset,  # type: ignore[attr-defined]
      self._starts[at.end_lineno - 1] + at.end_col_offset,  # type: ignore[attr-defined]
    )

  def _text(self, node: ast.AST) -> str:
    start, end = self._span(node)
    return self._data[start:end].decode()

  def _add(self, kind: str, start: int, end: int, after: str) -> None:
    if self._data[start:end].decode() != after:
      line = self._data.count(b'\n', 0, start) + 1
      self.found.append(
        Change(kind, start, end, after, line, *self._statement,
               not self._functions)
      )  # fmt: skip

  def _replace(self, kind: str, node: ast.AST, after: str) -> None:
    self._add(kind, *self._span(node), after)

  def _operator(
    self, kind: str, left: ast.AST, right: ast.AST, old: str, new: str
  ) -> None:
    """Replaces an operator between two operands."""
    start, end = self._span(left)[1], self._span(right)[0]
    between = self._data[start:end].decode()
    word = old[0].isalpha()
    pattern = re.escape(old).replace(r'\ ', r'\s+')
    found = re.search(rf'\b{pattern}\b' if word else pattern, between)
    if found:
      self._add(kind, start + found.start(), start + found.end(), new)

  # What is left alone.

  def visit_Import(self, node: ast.Import) -> None:
    pass

  def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
    pass

  def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
    if node.value is not None:
      self.visit(node.value)

  def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
    self._of_function(node)

  def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
    self._of_function(node)

  def _of_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    for default in [*node.args.defaults, *node.args.kw_defaults]:
      if default is not None:
        self.visit(default)
    self._functions += 1
    for statement in node.body:
      self.visit(statement)
    self._functions -= 1

  def visit_ClassDef(self, node: ast.ClassDef) -> None:
    for statement in node.body:
      self.visit(statement)

  def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
    # Before Python 3.12 positions within it are not always those of the text.
    for value in node.values:
      if isinstance(value, ast.FormattedValue) and self._is_there(value.value):
        self.visit(value.value)

  def _is_there(self, node: ast.expr) -> bool:
    try:
      there = ast.parse(self._text(node), mode='eval').body
    except (SyntaxError, UnicodeDecodeError, ValueError):
      return False
    return ast.dump(there) == ast.dump(node)

  # Statements.

  def visit_Raise(self, node: ast.Raise) -> None:
    if self._functions and node.exc is not None:
      self._replace('statement', node, 'pass')

  def visit_Expr(self, node: ast.Expr) -> None:
    if isinstance(node.value, ast.Call):
      self._replace('statement', node, 'pass')
    self.generic_visit(node)

  def visit_Assign(self, node: ast.Assign) -> None:
    if all(isinstance(x, ast.Attribute | ast.Subscript) for x in node.targets):
      self._replace('statement', node, 'pass')
    self.generic_visit(node)

  def visit_AugAssign(self, node: ast.AugAssign) -> None:
    old, new = _COMPUTED.get(type(node.op), ('', ''))
    if old and not _is_text(node.value):
      self._operator(
        'arithmetic', node.target, node.value, f'{old}=', f'{new}='
      )
    self._replace('statement', node, 'pass')
    self.generic_visit(node)

  def visit_Return(self, node: ast.Return) -> None:
    if node.value is not None and not _is_none(node.value):
      self._replace('returned', node.value, 'None')
    self.generic_visit(node)

  def visit_Continue(self, node: ast.Continue) -> None:
    self._replace('statement', node, 'break')

  def visit_Break(self, node: ast.Break) -> None:
    self._replace('statement', node, 'continue')

  def visit_If(self, node: ast.If) -> None:
    if not self._text(node.test).endswith('TYPE_CHECKING'):
      self._negate(node.test)
      self.generic_visit(node)

  def visit_While(self, node: ast.While) -> None:
    self._negate(node.test)
    self.generic_visit(node)

  # Expressions.

  def _negate(self, test: ast.expr) -> None:
    if not isinstance(test, ast.Compare | ast.Constant) and not _is_not(test):
      self._replace('condition', test, f'(not ({self._text(test)}))')

  def visit_IfExp(self, node: ast.IfExp) -> None:
    self._negate(node.test)
    self.generic_visit(node)

  def visit_comprehension(self, node: ast.comprehension) -> None:
    for test in node.ifs:
      self._negate(test)
    self.generic_visit(node)

  def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
    if isinstance(node.op, ast.Not | ast.USub):
      self._replace('sign', node, f'({self._text(node.operand)})')
    self.generic_visit(node)

  def visit_BoolOp(self, node: ast.BoolOp) -> None:
    old, new = 'and', 'or'
    if isinstance(node.op, ast.Or):
      old, new = new, old
    for left, right in zip(node.values, node.values[1:], strict=False):
      self._operator('condition', left, right, old, new)
    self.generic_visit(node)

  def visit_Compare(self, node: ast.Compare) -> None:
    operands = [node.left, *node.comparators]
    for i, operator in enumerate(node.ops):
      old, others = _COMPARED[type(operator)]
      for new in others:
        self._operator('comparison', operands[i], operands[i + 1], old, new)
    self.generic_visit(node)

  def visit_BinOp(self, node: ast.BinOp) -> None:
    old, new = _COMPUTED.get(type(node.op), ('', ''))
    # Sums of texts are wording, and at the top `|` joins types.
    joins = isinstance(node.op, ast.BitOr) and not self._functions
    if old and not (_is_text(node.left) or _is_text(node.right) or joins):
      self._operator('arithmetic', node.left, node.right, old, new)
    self.generic_visit(node)

  def visit_Constant(self, node: ast.Constant) -> None:
    if isinstance(node.value, bool):
      self._replace('constant', node, str(not node.value))
    elif isinstance(node.value, int):
      self._replace('constant', node, str(node.value + 1))
      if node.value:
        self._replace('constant', node, str(node.value - 1))
    elif isinstance(node.value, float):
      self._replace('constant', node, repr(node.value * 2 or 1.0))

  def visit_Subscript(self, node: ast.Subscript) -> None:
    key = node.slice
    if isinstance(key, ast.Constant) and isinstance(key.value, str):
      place = self._keys.index(key.value)
      other = self._keys[(place + 1) % len(self._keys)]
      self._replace('key', key, repr(other))
    self.generic_visit(node)

  def visit_Name(self, node: ast.Name) -> None:
    if isinstance(node.ctx, ast.Load) and node.id in _OTHER_NAMES:
      self._replace('name', node, _OTHER_NAMES[node.id])

  def visit_Attribute(self, node: ast.Attribute) -> None:
    if node.attr in _OTHER_NAMES:
      end = self._span(node)[1]
      start = end - len(node.attr)
      self._add('name', start, end, _OTHER_NAMES[node.attr])
    self.generic_visit(node)

  def visit_Call(self, node: ast.Call) -> None:
    starred = any(isinstance(x, ast.Starred) for x in node.args[:2])
    if len(node.args) > 1 and not starred and _name(node) not in _SYMMETRIC:
      first, second = node.args[:2]
      a, b = self._span(first), self._span(second)
      between = self._data[a[1] : b[0]].decode()
      self._add(
        'arguments', a[0], b[1],
        self._text(second) + between + self._text(first),
      )  # fmt: skip
    self._drop_keywords(node)
    self.visit(node.func)
    for argument in node.args:
      self.visit(argument)
    for keyword in node.keywords:
      if keyword.arg not in _UNTOUCHED_KEYWORDS:
        self.visit(keyword.value)

  def _drop_keywords(self, node: ast.Call) -> None:
    parts = sorted([*node.args, *node.keywords], key=self._span)
    for i, part in enumerate(parts):
      if not isinstance(part, ast.keyword) or part.arg is None:
        continue
      if part.arg in _UNTOUCHED_KEYWORDS:
        continue
      start, end = self._span(part)
      if i + 1 < len(parts):
        end = self._span(parts[i + 1])[0]
      self._add('argument', start, end, '')


def _keys(tree: ast.AST) -> Iterator[str]:
  """Texts that something is looked up by."""
  found = set()
  for node in ast.walk(tree):
    if isinstance(node, ast.Subscript):
      if isinstance(node.slice, ast.Constant):
        found.add(node.slice.value)
    elif isinstance(node, ast.Dict):
      found.update(k.value for k in node.keys if isinstance(k, ast.Constant))
  yield from (x for x in found if isinstance(x, str))


def _header_end(node: ast.stmt) -> int:
  """The last line of a statement without the statements within it."""
  body = getattr(node, 'body', None)
  if isinstance(body, list) and body:
    return max(node.lineno, body[0].lineno - 1)
  return node.end_lineno or node.lineno


def _is_text(node: ast.AST) -> bool:
  if isinstance(node, ast.Constant):
    return isinstance(node.value, str | bytes)
  return isinstance(node, _TEXTS)


def _is_none(node: ast.expr) -> bool:
  return isinstance(node, ast.Constant) and node.value is None


def _is_not(node: ast.expr) -> bool:
  return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _name(node: ast.Call) -> str:
  function = node.func
  if isinstance(function, ast.Attribute):
    return function.attr
  return function.id if isinstance(function, ast.Name) else ''

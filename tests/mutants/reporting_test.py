"""What a draw has shown, in tables."""

from tests.mutants import drawing, reporting, trying


def _drawn(number, file, before, after):
  return drawing.Drawn(number, file, 3, 'constant', 3, 3, False, before, after)


_DRAWN = [
  _drawn(
    '1-001', 'attn_agents/losses/a.py', '  x = min(a, b)', '  x = max(a, b)'
  ),
  _drawn('1-002', 'attn_agents/losses/b.py', '  a | b', '  a & b'),
  _drawn('1-003', 'configs/c.py', 'x = 1', 'x = 2'),
  _drawn('1-004', 'launch/d.py', 'x = 1', 'x = 2'),
]  # fmt: skip
_TRIED = {
  '1-001': trying.Tried('1-001', 'tests/a_test.py::it', 'fails', 1.0, 3),
  '1-002': trying.Tried('1-002', '', '', 1.0, 3),
  '1-003': trying.Tried('1-003', 'tests/c_test.py', 'is not collected', 1.0, 3),
}


def test_areas_are_counted_and_survivors_shown():
  assert reporting.summary(_DRAWN, _TRIED).splitlines() == [
    '| area | changes | caught |',
    '| --- | --- | --- |',
    '| attn_agents/losses | 2 | 1 |',
    '| configs | 1 | 1 |',
    '| all | 3 | 2 |',
    '',
    'survived: 1-002 attn_agents/losses/b.py:3 constant',
    '  -   a | b',
    '  +   a & b',
  ]


def test_each_change_has_a_row_with_the_test_that_noticed():
  _, _, *rows = reporting.table(_DRAWN, _TRIED).splitlines()
  assert rows == [
    '| 1-001 | attn_agents/losses/a.py:3 | `x = min(a, b)` becomes '
    '`x = max(a, b)` | `tests/a_test.py::it` |',
    # A bar would end the cell.
    '| 1-002 | attn_agents/losses/b.py:3 | `a \\| b` becomes `a & b` | '
    '`nothing` |',
    '| 1-003 | configs/c.py:3 | `x = 1` becomes `x = 2` | `tests/c_test.py` |',
  ]

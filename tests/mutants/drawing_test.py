"""What is drawn, and that it can be put into the tree."""

import collections
import pathlib

import pytest

from tests.mutants import drawing

_FEW = 'def f(a):\n  return a < 1\n'
_MANY = '"""Words."""\n' + ''.join(f'x{i} = f({i})\n' for i in range(9))


@pytest.fixture(name='tree')
def _tree(tmp_path):
  for name, text in {
    'attn_agents/deep/few.py': _FEW, 'configs/many.py': _MANY,
    'launch/none.py': '"""Nothing."""\n', 'tests/other.py': 'x = 1\n',
  }.items():  # fmt: skip
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
  return tmp_path


def test_a_seed_draws_the_same_and_more_of_it(tree):
  few, many = drawing.draw(tree, 1, 4), drawing.draw(tree, 1, 8)
  assert few == many[:4]
  assert few != drawing.draw(tree, 2, 4)
  assert [x.id for x in few] == ['1-001', '1-002', '1-003', '1-004']


def test_every_line_is_as_likely_and_none_is_drawn_twice(tree):
  # Ten lines can be changed, one of them of the file of two lines.
  everything = drawing.draw(tree, 1, 100)
  assert len(everything) == len({(x.file, x.line) for x in everything}) == 10
  counts = collections.Counter(
    drawing.draw(tree, seed, 1)[0].file for seed in range(300)
  )
  assert set(counts) == {'attn_agents/deep/few.py', 'configs/many.py'}
  assert 15 <= counts['attn_agents/deep/few.py'] <= 50


def test_a_change_is_put_where_its_lines_are_now(tree):
  for drawn in drawing.draw(tree, 3, 100):
    text = (tree / drawn.file).read_text()
    changed = drawing.apply(text, drawn)
    assert changed != text
    lines = changed.split('\n')
    assert lines[drawn.line - 1] == drawn.after
    moved = drawing.apply('# New.\n' * 3 + text, drawn)
    assert moved == '# New.\n' * 3 + changed
    with pytest.raises(drawing.MovedError, match=drawn.id):
      drawing.apply(text.replace(drawn.before, 'gone'), drawn)


def test_of_several_such_lines_the_nearest_is_changed():
  drawn = drawing.Drawn(
    '1-001', 'a.py', 4, 'constant', 4, 4, True, 'x = 1', 'x = 2'
  )
  text = 'x = 1\n\n\n\nx = 1\n'
  assert drawing.apply(text, drawn) == 'x = 1\n\n\n\nx = 2\n'


def test_a_change_of_several_lines_keeps_them_together(tree):
  path = pathlib.Path(tree, 'configs/many.py')
  path.write_text('x = f(\n  a,\n  b\n)\n')
  (drawn,) = (
    x for x in drawing.draw(tree, 1, 9) if x.file == 'configs/many.py'
  )
  assert (drawn.before, drawn.after) == ('  a,\n  b', '  b,\n  a')


def test_what_was_drawn_is_kept_while_the_tree_changes(tree, tmp_path):
  path = tmp_path / 'drawn.json'
  first = drawing.kept(path, tree, 5, 4)
  assert first == drawing.draw(tree, 5, 4)
  assert drawing.kept(path, tree, 5, 8)[:4] == first
  (tree / 'launch' / 'none.py').write_text('y = 7\n')
  assert drawing.kept(path, tree, 5, 3) == first[:3]
  with pytest.raises(ValueError, match='--count=8 or less'):
    drawing.kept(path, tree, 5, 9)

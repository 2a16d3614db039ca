"""Names of arrays, what tells two trees apart, and what messages say of it."""

import numpy as np
import pytest

from attn_agents.runs import named_trees

_TREE = {'a': {'w': np.float32([[1, 2, 3, 4]])}, 'b': [np.int32(5)]}


def test_names_are_paths_and_nested_dicts_have_them_again():
  named = named_trees.flatten(_TREE)
  assert list(named) == ['a/w', 'b/0']
  assert named_trees.nest(named) == {
    'a': {'w': named['a/w']}, 'b': {'0': named['b/0']}
  }  # fmt: skip
  with pytest.raises(ValueError, match='two arrays of the tree have the same'):
    named_trees.flatten({'a/w': np.int32(1), 'a': {'w': np.int32(2)}})


@pytest.mark.parametrize(
  'other',
  [
    {'a': {'w': np.float32([[1, 2, 3, 5]])}, 'b': [np.int32(5)]},
    {'a': {'w': np.float32([[1, 2], [3, 4]])}, 'b': [np.int32(5)]},
    {'a': {'v': np.float32([[1, 2, 3, 4]])}, 'b': [np.int32(5)]},
    {'a': {'w': np.float32([[1, 2, 3, 4]])}, 'b': [np.uint32(5)]},
  ],
)
def test_a_digest_is_of_values_shapes_names_and_dtypes(other):
  assert named_trees.digest(other) != named_trees.digest(_TREE)
  again = {'b': _TREE['b'], 'a': {'w': _TREE['a']['w'].copy()}}
  assert named_trees.digest(again) == named_trees.digest(_TREE)
  assert len(named_trees.digest(_TREE)) == 64


@pytest.mark.parametrize(
  ('lines', 'listed'),
  [
    ('abcdef', 'a; b; c; d; e; f'),
    ('abcdefg', 'a; b; c; d; e; f; and 1 more'),
    ('abcdefgh', 'a; b; c; d; e; f; and 2 more'),
  ],
)
def test_six_lines_are_listed(lines, listed):
  assert named_trees.listed(list(lines)) == listed


def test_misfits_are_in_the_order_of_the_expected_parts():
  spec = ('float32', [2])
  expected = {'w/b': spec, 'w/a': spec, 'a/x': spec, 'a/same': spec}
  found = {
    'extra/z': spec, 'w/c': spec, 'a/x': ('float32', (3,)), 'a/same': spec
  }  # fmt: skip
  assert named_trees.misfits(found, expected) == [
    'w/a: missing', 'w/b: missing', 'w/c: not expected',
    'a/x: [3] there, [2] now', 'extra/z: not expected',
  ]  # fmt: skip

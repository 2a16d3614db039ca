"""What an analysis finds is on disk, and what it does not is not."""

import json

import numpy as np
from matplotlib import figure as figure_lib

from attn_agents.interpretability import findings


def test_findings_are_saved_where_nothing_was_and_again(tmp_path):
  directory = tmp_path / 'new' / 'heads'
  nothing = findings.Findings(how_to_read='')
  assert nothing.save(directory) == {}
  assert list(directory.iterdir()) == []
  figure = figure_lib.Figure(figsize=(1, 1))
  numbers, arrays = {'rows': [1, 2]}, {'maps': np.eye(2)}
  for number in (1, 2):
    numbers['number'] = number
    drawn = findings.Findings(
      '', figures={'a': figure}, numbers=numbers, arrays=arrays
    ).save(directory)
    assert drawn == {'a': (directory / 'a.png').read_bytes()}
    text = (directory / 'numbers.json').read_text()
    assert json.loads(text) == numbers
    # For people, too: a line for each number, and the last one ends.
    assert '\n  "rows": [\n    1,\n' in text and text.endswith('}\n')
    np.testing.assert_array_equal(
      np.load(directory / 'arrays.npz')['maps'], np.eye(2)
    )
  assert sorted(path.name for path in directory.iterdir()) == [
    'a.png', 'arrays.npz', 'numbers.json',
  ]  # fmt: skip


def test_nothing_is_shared_between_findings():
  first, second = (findings.Findings(how_to_read='') for _ in range(2))
  for name in ('figures', 'captions', 'numbers', 'arrays'):
    assert getattr(first, name) == {}
    assert getattr(first, name) is not getattr(second, name)

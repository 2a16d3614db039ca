"""Which tests are run for a change, and in which order."""

import pytest

from tests.mutants import drawing, records, selecting

_FILES = {
  'attn_agents/__init__.py': '',
  'attn_agents/a/__init__.py': '',
  'attn_agents/a/b.py': 'x = 1\n',
  'attn_agents/user.py': 'from attn_agents.a import b\n',
  'launch/run_it.py': 'import attn_agents.user\n',
  'tests/__init__.py': '',
  'tests/a/b_test.py': 'from attn_agents.a import b\n',
  'tests/near_test.py': 'import attn_agents.a.b\n',
  'tests/user_test.py': 'from tests import helper\n',
  'tests/helper.py': 'from attn_agents import user\n',
  'tests/command_test.py': "name = 'run_it.py'\n",
  'tests/apart_test.py': 'import numpy\n',
}
_SECONDS = {
  'tests/a/b_test.py::slow': 5.0, 'tests/a/b_test.py::fast': 1.0,
  'tests/a/b_test.py::not_there': 0.5, 'tests/near_test.py::one': 0.25,
  'tests/user_test.py::one': 2.0, 'tests/user_test.py::other': 3.0,
  'tests/command_test.py::one': 4.0, 'tests/apart_test.py::one': 0.1,
  'tests/near_test.py::fails': 0.1,
}  # fmt: skip
_NAMES = [*_SECONDS, 'tests/user_test.py']


def _record(tree, lines):
  return records.Record(
    _SECONDS, ['tests/near_test.py::fails'], _NAMES,
    {'attn_agents/a/b.py': lines},
    {x: records.digest(tree, x) for x in _FILES if x.endswith('_test.py')},
  )  # fmt: skip


@pytest.fixture(name='tree')
def _tree(tmp_path):
  for name, text in _FILES.items():
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
  return tmp_path


def _drawn(first=1, last=1):
  return drawing.Drawn(
    '1-001', 'attn_agents/a/b.py', first, 'constant', first, last, True, 'x',
    'y',
  )  # fmt: skip


def _stages(tree, lines, most=100.0, drawn=None):
  selector = selecting.Selector(tree, _record(tree, lines))
  return list(selector.stages(drawn or _drawn(), most))


def _at(*names):
  return [_NAMES.index(x) for x in names]


def test_those_that_executed_the_line_come_first_and_the_nearest_of_them(tree):
  executed = _at(
    'tests/a/b_test.py::slow', 'tests/near_test.py::one',
    'tests/near_test.py::fails', 'tests/user_test.py::other',
    'tests/a/b_test.py::fast',
  )  # fmt: skip
  near, executed, whole = _stages(tree, {'1': executed})
  assert near.tests == [
    'tests/a/b_test.py::fast', 'tests/a/b_test.py::slow',
    'tests/near_test.py::one',
  ]  # fmt: skip
  assert near.seconds == 6.25
  assert executed.tests == ['tests/user_test.py::other']
  # What shares a file with them, and what imports the file through others.
  assert whole.tests == [
    'tests/a/b_test.py::not_there', 'tests/user_test.py::one',
    'tests/command_test.py::one',
  ]  # fmt: skip


def test_what_a_files_tests_share_counts_for_all_of_them(tree):
  (first, *_) = _stages(tree, {'2': _at('tests/user_test.py')}, 100.0,
                        _drawn(1, 2))  # fmt: skip
  assert first.tests == ['tests/user_test.py::one', 'tests/user_test.py::other']


def test_lines_of_other_statements_do_not_count(tree):
  lines = {'3': _at('tests/apart_test.py::one')}
  chosen = [x for stage in _stages(tree, lines) for x in stage.tests]
  assert 'tests/apart_test.py::one' not in chosen
  assert chosen


def test_no_more_is_chosen_than_there_is_time_for(tree):
  lines = {'1': _at('tests/a/b_test.py::slow', 'tests/near_test.py::one')}
  stages = _stages(tree, lines, most=1.0)
  chosen = [x for stage in stages for x in stage.tests]
  assert chosen == ['tests/near_test.py::one', 'tests/a/b_test.py::not_there']
  assert sum(stage.seconds for stage in stages) == 0.75


def test_tests_that_are_newer_than_the_record_run_whole(tree):
  record = _record(tree, {'1': _at('tests/near_test.py::one')})
  (tree / 'tests/near_test.py').write_text('import attn_agents.a.b  # New.\n')
  (tree / 'tests/a/b2_test.py').write_text('import attn_agents.a.b\n')
  stages = list(selecting.Selector(tree, record).stages(_drawn(), 100.0))
  chosen = [x for stage in stages for x in stage.tests]
  assert chosen[:2] == ['tests/a/b2_test.py', 'tests/near_test.py']
  assert 'tests/near_test.py::one' not in chosen


def test_without_a_record_files_are_chosen_by_what_they_import(tree):
  empty = records.Record.empty()
  stages = list(selecting.Selector(tree, empty).stages(_drawn(), 100.0))
  assert [x.tests for x in stages] == [
    ['tests/a/b_test.py'], ['tests/near_test.py'],
    ['tests/command_test.py', 'tests/user_test.py'],
  ]  # fmt: skip


def test_without_a_record_tests_of_the_same_folder_come_first(tree):
  (tree / 'tests/a/beside_test.py').write_text("x = 'run_it.py'\n" + '#' * 99)
  (tree / 'tests/a/direct_test.py').write_text('import attn_agents.a.b\n')
  empty = records.Record.empty()
  stages = list(selecting.Selector(tree, empty).stages(_drawn(), 100.0))
  assert [x.tests for x in stages] == [
    ['tests/a/b_test.py'],
    ['tests/a/direct_test.py', 'tests/a/beside_test.py'],
    ['tests/near_test.py'],
    ['tests/command_test.py', 'tests/user_test.py'],
  ]  # fmt: skip


def test_of_those_that_import_it_through_others_the_like_ones_run(tree):
  (tree / 'tests/launch').mkdir()
  for name, length in {
    'launch/inner_long': 90, 'launch/inner_short': 10, 'launch/other': 1,
    'elsewhere': 1,
  }.items():  # fmt: skip
    path = tree / 'tests' / f'{name}_test.py'
    path.write_text("x = 'run_it.py'\n" + '#' * length)
  (tree / 'launch/inner.py').write_text('y = 1\n')
  (tree / 'launch/run_it.py').write_text('from launch import inner\n')
  drawn = drawing.Drawn(
    '1-001', 'launch/inner.py', 1, 'constant', 1, 1, True, 'y', 'z'
  )
  selector = selecting.Selector(tree, records.Record.empty(), far_files=3)
  (only,) = selector.stages(drawn, 100.0)
  assert only.tests == [
    'tests/launch/other_test.py', 'tests/launch/inner_short_test.py',
    'tests/launch/inner_long_test.py',
  ]  # fmt: skip

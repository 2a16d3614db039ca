"""The judge of answers to malformed input, and the table of inputs."""

import dataclasses

import pytest

from tests.chaos import inputs, malformed

_GOOD = malformed.Answer('x', 2, stderr=('error: x=1: expected 2',))


@pytest.mark.parametrize(
  ('changes', 'words'),
  [
    ({'code': None}, 'did not end'),
    ({'code': 0}, 'exit code 0'),
    ({'code': -11}, 'exit code -11'),
    ({'stderr': ('Traceback (most', 'KeyError: 1')}, 'a traceback: KeyError'),
    ({'stderr': ('one', 'two')}, '2 lines'),
    ({'stdout': ('a table',)}, '2 lines'),
    ({'stderr': ()}, '0 lines'),
    ({'code': 1, 'stderr': ('oh',)}, 'without a cause'),
    ({'written': ('new',)}, 'wrote new'),
  ],
)
def test_a_wrong_answer_is_named(changes, words):
  assert words in malformed.broken(dataclasses.replace(_GOOD, **changes))


@pytest.mark.parametrize(
  'answer',
  [_GOOD, dataclasses.replace(_GOOD, code=1, stderr=('failed: no array',))],
)
def test_a_good_answer_breaks_no_rule(answer):
  assert malformed.broken(answer) == ''


def test_sixty_inputs_or_more_each_with_its_name():
  names = [case.name for case in inputs.cases()]
  assert len(names) >= 60
  assert len(set(names)) == len(names)


def test_what_a_command_writes_is_seen(tmp_path):
  (tmp_path / 'whole' / 'run').mkdir(parents=True)
  case = inputs.Case(
    'none', ('convert', '--run={run}'),
    lambda here: (here / 'run' / 'config.json').write_text('[]'),
  )  # fmt: skip
  answer = malformed.ask(case, tmp_path / 'whole', tmp_path / 'here')
  assert answer.code == 2
  assert answer.written == ()
  assert malformed.broken(answer) == ''
  before = malformed._contents(tmp_path)
  (tmp_path / 'new').mkdir()
  (tmp_path / 'whole' / 'run' / 'file').write_text('x')
  changed = malformed._contents(tmp_path)
  assert set(changed) - set(before) == {'new', 'whole/run/file'}

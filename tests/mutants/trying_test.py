"""What counts as caught."""

import json

import pytest

from tests.mutants import drawing, selecting, trying

_DRAWN = drawing.Drawn(
  '1-001', 'a.py', 1, 'constant', 1, 1, True, 'x = 1', 'x = 2'
)


class _Runner:
  """Fails what it is told to, with the change and without it."""

  def __init__(self, copy, changed=(), unchanged=()):
    self.copy = copy
    self._failures = {'x = 2\n': list(changed), 'x = 1\n': list(unchanged)}
    self.runs = []

  def first_failure(self, tests, seconds):
    text = (self.copy / 'a.py').read_text()
    self.runs.append((text, list(tests)))
    failures = self._failures[text]
    for test in tests:
      if test in failures:
        failures.remove(test)
        return trying.Failure(test, 'fails', 2.0)
    return trying.Failure()


def _try(tmp_path, changed, unchanged=(), sure=(), sure_seconds=1.0):
  (tmp_path / 'a.py').write_text('x = 1\n')
  runner = _Runner(tmp_path, changed, unchanged)
  stages = [
    selecting.Chosen(['f::a', 'f::b'], 1.0), selecting.Chosen(['f::c'], 1.0),
  ]  # fmt: skip
  tried = trying.try_one(
    runner, _DRAWN, stages, lambda x: x in sure, sure_seconds
  )
  assert (tmp_path / 'a.py').read_text() == 'x = 1\n'
  return tried, runner.runs


def test_a_test_that_fails_twice_and_passes_without_the_change(tmp_path):
  tried, runs = _try(tmp_path, ['f::b', 'f::b'])
  assert (tried.caught, tried.how, tried.tests) == ('f::b', 'fails', 2)
  assert runs == [
    ('x = 2\n', ['f::a', 'f::b']), ('x = 2\n', ['f::b']), ('x = 1\n', ['f::b']),
  ]  # fmt: skip


def test_what_is_sure_is_not_tried_again(tmp_path):
  tried, runs = _try(tmp_path, ['f::b'], sure=['f::b'])
  assert (tried.caught, len(runs)) == ('f::b', 1)
  tried, runs = _try(tmp_path, ['f::b'], sure_seconds=2.5)
  assert (tried.caught, len(runs)) == ('f::b', 1)


@pytest.mark.parametrize(
  ('changed', 'unchanged'), [(['f::a'], []), (['f::a', 'f::a'], ['f::a'])]
)
def test_a_test_that_fails_for_nothing_is_passed_over(
  tmp_path, changed, unchanged
):
  tried, runs = _try(tmp_path, changed, unchanged)
  assert (tried.caught, tried.flaky, tried.tests) == ('', ('f::a',), 3)
  # The others are still run.
  assert runs[-2:] == [('x = 2\n', ['f::b']), ('x = 2\n', ['f::c'])]


def test_what_nothing_notices_survives(tmp_path):
  tried, runs = _try(tmp_path, [])
  assert (tried.caught, tried.how, tried.tests) == ('', '', 3)
  assert len(runs) == 2


@pytest.mark.parametrize(
  ('code', 'lines', 'found'),
  [
    (0, [], ()),
    # Every test was left out.
    (5, [], ()),
    (1, [{'started': 'f::a'}, {'failed': 'f::a'}], ('f::a', 'fails')),
    (
      1,
      [{'failed': 'f::a'}, {'test': 'f::a', 'seconds': 0.5}],
      ('f::a', 'fails', 0.5),
    ),
    (2, [{'failed': 'f.py'}], ('f.py', 'is not collected', 0.0)),
    (-1, [{'started': 'f::a'}, {'started': 'f::b'}], ('f::b', 'hangs')),
    # The process ended within a test.
    (3, [{'started': 'f::a'}], ('f::a', 'fails')),
    (4, [], ('collection', 'is not collected')),
  ],
)
def test_ends_of_pytest(tmp_path, code, lines, found):
  notes = tmp_path / 'notes.jsonl'
  notes.write_text(''.join(json.dumps(x) + '\n' for x in lines))
  assert trying.judge(code, notes) == trying.Failure(*found)


def test_pytest_that_says_nothing_is_an_error(tmp_path):
  with pytest.raises(RuntimeError, match='ended with 3'):
    trying.judge(3, tmp_path / 'none')

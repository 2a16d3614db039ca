"""The section on the object plays one game twice and shows where it was."""

import pathlib

import numpy as np
import pytest

from attn_agents.interpretability import context
from attn_agents.interpretability.injection import (
  compute,
  divergence,
  options,
  section,
)
from tests.interpretability import given

_OBJECT = compute.Injection(
  np.zeros((1, 1, 4), np.uint8), (0.0, 0.0), name='dot'
)


def _divergence(area, first=None):
  rows = np.arange(float(len(area)))
  return divergence.Divergence(
    rows[:, None], rows[:, None], rows + 1, rows + 2, first, rows[:, None],
    rows[:, None], np.array(area),
  )  # fmt: skip


@pytest.fixture(name='run')
def _run(monkeypatch):
  asked, drawn = [], []

  def run(area, attends):
    arrays = {'attention': np.arange(8)} if attends else {}
    shown, hidden = given.Recorded(8, **arrays), given.Recorded(8)
    shown['frame'] = shown['frame'] + 100
    forced, paired = _divergence(area), _divergence(area[:6], 3)

    def record_pair(*args):
      asked.append(args)
      return shown, hidden

    novel = section.novel_object
    monkeypatch.setattr(novel, 'record_pair', record_pair)
    monkeypatch.setattr(novel, 'teacher_forced', lambda *args: forced)
    monkeypatch.setattr(novel, 'paired', lambda *args: paired)
    for name in ('frames', 'divergence'):
      monkeypatch.setattr(
        section.figure, name, lambda *args, of=name: drawn.append((of, args))
      )
    made = given.make(
      given.Recorded(8, **arrays),
      chosen=[options.Options(injected=_OBJECT, steps=44)],
    )
    made.__dict__['grid'] = 'grid'
    return section.run(made), asked, drawn

  return run


@pytest.mark.parametrize('attends', [True, False])
def test_moments_with_the_object_are_shown_of_both_games(run, attends):
  found, ((_, plan, injected, directory),), drawn = run(
    [0, 1, 1, 0, 1, 1, 1, 0], attends
  )
  assert injected is _OBJECT
  assert (plan.num_episodes, plan.max_steps, plan.seed) == (1, 44, 9)
  assert directory == pathlib.Path('there/injection') / _OBJECT.digest
  (_, (hidden, shown, seen, times)), (_, (seconds, forced)) = drawn
  # The second game ends after six rows.
  rows = [1, 2, 4, 5]
  assert hidden[:, 0, 0, 0].tolist() == rows
  assert shown[:, 0, 0, 0].tolist() == [row + 100 for row in rows]
  assert times == [0.5, 1.0, 2.0, 2.5]
  assert (seen is not None) == attends
  if attends:
    assert seen.tolist() == rows
  assert seconds.tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]
  assert 'differ from step 3 on' in found.how_to_read
  assert found.numbers['same_rows']['rows'] == 8
  assert found.numbers['played_on']['rows'] == 6
  assert len(found.arrays) == 8
  np.testing.assert_array_equal(
    found.arrays['same_rows_policy_kl'], forced.policy_kl
  )
  assert len(found.arrays['played_on_value_difference']) == 6


def test_an_object_that_was_never_there_is_told(run):
  with pytest.raises(context.DoesNotApplyError, match='screen in 8 rows'):
    run([0] * 8, True)

"""Who is called blind, when, and how often that is said."""

import math

import pytest

from attn_agents.learning import blindness

_LATE = blindness.SETTLED_STEPS
_SEEING, _BLIND = 0.3, 0.006


def _row(deviation, steps=_LATE, share=0.5):
  return {
    'agent_steps': steps, 'logits_deviation': deviation,
    'logits_deviation_share': share,
  }  # fmt: skip


def _told(*rows, head='policy'):
  watch = blindness.Watch(head)
  return [watch.add(row) for row in rows], watch.warning


def test_a_blind_run_is_told_once_after_three_rows():
  told, warning = _told(*[_row(_BLIND)] * 6)
  assert told[:2] == ['', ''] and told[3:] == [''] * 3
  assert told[2] == warning
  assert warning == (
    'the policy hardly depends on the screen: its logits deviate by 0.006 '
    'over states (docs/metrics.md, Sight)'
  )


def test_a_seeing_run_is_told_nothing():
  assert _told(*[_row(_SEEING)] * 6) == ([''] * 6, '')
  assert _told(*[_row(blindness.LEAST_DEVIATION)] * 6) == ([''] * 6, '')


def test_rows_of_a_young_run_do_not_count():
  told, warning = _told(*[_row(_BLIND, _LATE - 1)] * 6)
  assert (told, warning) == ([''] * 6, '')
  told, _ = _told(*[_row(_BLIND, _LATE - 1)] * 2, *[_row(_BLIND)] * 3)
  assert told[:4] == [''] * 4 and told[4]


def test_rows_must_follow_each_other():
  told, warning = _told(*[_row(_BLIND)] * 2, _row(_SEEING), *[_row(_BLIND)] * 2)
  assert (told, warning) == ([''] * 5, '')


def test_who_sees_again_ends_without_a_warning():
  told, warning = _told(*[_row(_BLIND)] * 3, _row(_SEEING))
  assert told[2] and warning == ''
  # Blind once more: not said again until the end.
  told, warning = _told(*[*[_row(_BLIND)] * 3, _row(_SEEING)] * 2)
  assert [bool(line) for line in told] == [False, False, True] + [False] * 5
  told, warning = _told(*[_row(_BLIND)] * 3, _row(_SEEING), *[_row(_BLIND)] * 3)
  assert warning and not any(told[3:])


def test_of_action_values_the_share_counts():
  small_but_seeing = [_row(1e-4, share=0.5)] * 4
  assert _told(*small_but_seeing, head='action_values')[1] == ''
  large_but_blind = [_row(3.0, share=0.004)] * 4
  _, warning = _told(*large_but_blind, head='action_values')
  assert 'its action values deviate by 0.004 of their size over' in warning
  assert _told(*large_but_blind)[1] == ''


@pytest.mark.parametrize('row', [_row(math.nan), {'agent_steps': _LATE}])
def test_what_is_not_known_is_not_said(row):
  assert _told(*[row] * 4) == ([''] * 4, '')

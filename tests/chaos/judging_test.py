"""Every rule is shown a round that breaks it, and one that does not."""

import dataclasses
import json

import pytest

from tests.chaos import judging

_SAVED = 'stopped; checkpoint saved at 800 frames'
_GOOD = judging.Observed(
  number=0, runtime='threads', algorithm='appo', kind='signals',
  detail='3 x SIGTERM', moment='training', allowed={'75': '^stopped; '},
  outcome='75', lines=(_SAVED,), seconds=2.0, reported=800, start=800, seen=800,
)  # fmt: skip


def _refused(*lines):
  return {'outcome': '2', 'allowed': {'2': 'read-only'}, 'lines': lines}


@pytest.mark.parametrize(
  ('changes', 'rule'),
  [
    ({'outcome': '0'}, 'ends as the table of exit codes says'),
    ({'outcome': judging.HANGS}, 'ends as the table of exit codes says'),
    ({'lines': ('done; saved',)}, 'ends as the table of exit codes says'),
    (_refused('error: x', 'error: read-only'), 'says why in one line'),
    (
      {'lines': ('OSError: stopped; ',), 'allowed': {'75': ''}},
      'says why in one line',
    ),
    ({'orphans': ('python -m actor',)}, 'leaves no process behind'),
    ({'next': 'error: damaged'}, 'continues'),
    ({'start': 799}, 'loses no checkpoint'),
    ({'rows': 'step 5 twice'}, 'keeps its rows'),
    ({'seconds': 31.0}, 'notices in time'),
    (
      {
        **_refused('error: read-only'),
        'kind': 'read_only',
        'moment': 'between',
        'seconds': 31.0,
      },
      'notices in time',
    ),
  ],
)
def test_a_round_that_breaks_one_rule_is_named_by_it(changes, rule):
  assert list(judging.broken(dataclasses.replace(_GOOD, **changes))) == [rule]


@pytest.mark.parametrize(
  'changes',
  [
    {},
    _refused('error: the directory is read-only'),
    {'outcome': '-9', 'allowed': {'-9': ''}, 'lines': ()},
    {
      'outcome': judging.GOES_ON, 'allowed': {judging.GOES_ON: ''},
      'lines': ('a table',), 'seconds': 90.0, 'start': None,
    },
    {
      **_refused('error: read-only'), 'kind': 'damage', 'moment': 'between',
      'seconds': 31.0,
    },
  ],
)  # fmt: skip
def test_a_good_round_breaks_none(changes):
  assert judging.broken(dataclasses.replace(_GOOD, **changes)) == {}


def test_all_rules_are_shown():
  shown = {
    mark.args[1][i][1]
    for mark in test_a_round_that_breaks_one_rule_is_named_by_it.pytestmark
    for i in range(len(mark.args[1]))
  }
  assert shown == set(judging.RULES)


def test_lost_frames_are_those_learned_anew():
  assert dataclasses.replace(_GOOD, seen=1000).lost == 200
  assert dataclasses.replace(_GOOD, seen=1000, start=None).lost == 0


def test_json_gives_the_same_back():
  text = json.dumps(dataclasses.asdict(_GOOD))
  assert judging.from_json(json.loads(text)) == _GOOD

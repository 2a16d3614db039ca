"""Lines that outlive a sitting, and the table of them."""

import dataclasses

from tests.chaos import judging, ledger

_SEEN = judging.Observed(
  number=0, runtime='threads', algorithm='ppo', kind='kill', detail='program',
  moment='training', allowed={'1': '^failed: '}, outcome='1',
  lines=('failed: the process was killed',), seconds=1.0, reported=400,
  start=400, seen=900,
)  # fmt: skip


def test_a_line_that_was_cut_short_is_left_out(tmp_path):
  path = tmp_path / 'lines.jsonl'
  assert ledger.read(path) == []
  ledger.append(path, {'a': 1})
  with path.open('a') as file:
    file.write('{"a": ')
  assert ledger.read(path) == [{'a': 1}]


def test_the_table_counts_and_names_what_is_broken():
  other = dataclasses.replace(_SEEN, number=7, start=100, seconds=3.0)
  text = ledger.summary([_SEEN, other])
  assert '| kill | 2 | 1: 2 | 2, at most 3 | 650, at most 800 | 1 |' in text
  assert 'round 7: kill program' in text
  assert '"loses no checkpoint"' in text
  assert 'round 0' not in text


def test_the_table_says_that_no_clock_was_set_back_under_launchpad():
  clock = dataclasses.replace(_SEEN, kind='clock')
  words = 'under --runtime=threads only'
  assert words in ledger.summary([_SEEN, clock])
  assert words not in ledger.summary([_SEEN])

"""The judge of a soak is shown what leaks, and what does not."""

import dataclasses

import pytest

from tests.chaos import ledger, soak


def _samples(minutes=60, **last):
  """One process, the same at every minute but for the last ten."""
  samples = [
    soak.Sample(
      minute, 'learner-0', 7, 10**9 + (minute < 20) * 10**8, 2 * 10**9, 30, 20
    )
    for minute in range(minutes + 1)
  ]
  return [
    dataclasses.replace(s, **last) if s.minute > minutes - 10 else s
    for s in samples
  ]


def test_what_settles_in_the_first_minutes_is_no_leak():
  (growth,) = soak.judge(_samples(anonymous=int(1.029e9)))
  assert growth.broken == ''
  assert growth.minutes == (20, 60)
  assert growth.anonymous == (1e9, 1.029e9)


@pytest.mark.parametrize(
  ('last', 'words'),
  [
    ({'anonymous': int(1.031e9)}, 'memory +3.1%'),
    ({'anonymous': int(0.9e9)}, 'memory -10.0%'),
    ({'files': 31}, 'files 30 to 31'),
    ({'threads': 22}, 'threads 20 to 22'),
    ({'pid': 8}, 'was started again'),
  ],
)
def test_what_grows_or_changes_is_named(last, words):
  (growth,) = soak.judge(_samples(**last))
  assert growth.broken == words


def test_a_pool_that_breathes_is_constant_and_one_that_grows_is_not():
  samples = [
    dataclasses.replace(s, threads=20 + s.minute % 2) for s in _samples()
  ]
  (growth,) = soak.judge(samples)
  assert growth.broken == ''
  more = [
    dataclasses.replace(s, threads=s.threads + (s.minute > 40) * 2)
    for s in samples
  ]
  (growth,) = soak.judge(more)
  assert growth.broken == 'threads 20.5 to 22.5'


def test_a_process_that_is_gone_at_the_end_is_named():
  samples = _samples()
  samples += [dataclasses.replace(s, name='actor-0') for s in samples[:30]]
  broken = {g.name: g.broken for g in soak.judge(samples)}
  assert broken == {'learner-0': '', 'actor-0': 'not there always'}


def test_the_report_says_whether_a_rule_was_broken(tmp_path):
  assert soak.report(tmp_path) == ('', True)
  for sample in _samples(files=31):
    ledger.append(tmp_path / 'soak.jsonl', dataclasses.asdict(sample))
  text, good = soak.report(tmp_path)
  assert not good
  assert '| learner-0 | 20 and 60 | 1000 and 1000 | 30 and 31 |' in text


@pytest.mark.parametrize(
  ('minutes', 'good'), [(1, False), (118, False), (119, True)]
)
def test_a_soak_that_is_too_short_proves_nothing(tmp_path, minutes, good):
  for sample in _samples(minutes, anonymous=10**9 + (minutes < 20) * 10**8):
    ledger.append(tmp_path / 'soak.jsonl', dataclasses.asdict(sample))
  text, fine = soak.report(tmp_path)
  assert '| learner-0 |' in text
  assert fine == good
  assert ('too short' in text) != good

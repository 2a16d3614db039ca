"""Time in which a process stood still is not time that it waited."""

import pytest

from attn_agents.utils import patience


class _Clock:
  def __init__(self):
    self.time = 1000.0

  def __call__(self):
    return self.time


@pytest.fixture(name='clock')
def _clock(monkeypatch):
  made = _Clock()
  monkeypatch.setattr(patience, '_now', made)
  return made


def _seconds_until_over(clock, waiting, step=0.1, most=10_000.0):
  start = clock.time
  while not waiting.is_over():
    assert clock.time - start < most, 'never'
    clock.time += step
  return clock.time - start


@pytest.mark.parametrize('seconds', [0.5, 6.0, 600.0])
def test_without_a_stop_it_is_a_plain_time_limit(clock, seconds):
  waiting = patience.Patience(seconds)
  assert _seconds_until_over(clock, waiting) == pytest.approx(seconds, abs=0.2)


@pytest.mark.parametrize(('seconds', 'fresh'), [(6.0, 6.0), (600.0, 10.0)])
@pytest.mark.parametrize('stopped', [20.0, 7200.0])
def test_a_stop_just_before_the_end_leaves_a_fresh_look(
  clock, seconds, fresh, stopped
):
  waiting = patience.Patience(seconds)
  while clock.time < 1000.0 + seconds - 0.3:
    assert not waiting.is_over()
    clock.time += 0.1
  clock.time += stopped
  assert _seconds_until_over(clock, waiting) == pytest.approx(fresh, abs=0.5)


def test_a_stop_at_the_beginning_takes_one_long_look_away(clock):
  waiting = patience.Patience(600.0)
  clock.time += 3600.0
  assert _seconds_until_over(clock, waiting) == pytest.approx(595.0, abs=0.2)


def test_taking_turns_with_another_job_still_ends(clock):
  waiting = patience.Patience(600.0)
  ran = 0.0
  while not waiting.is_over():
    assert ran < 3000.0, 'never'
    clock.time += 0.1
    ran += 0.1
    if round(ran * 10) % 50 == 0:
      clock.time += 30.0
  assert 600.0 <= ran <= 1250.0


def test_a_machine_that_is_merely_slow_still_ends(clock):
  waiting = patience.Patience(600.0)
  assert 600.0 <= _seconds_until_over(clock, waiting, step=7.0) <= 1200.0


@pytest.mark.parametrize(
  ('seconds', 'long', 'bound'), [(14.0, 6.0, 60.0), (600.0, 6.0, 1500.0)]
)
def test_looks_that_are_long_now_and_then_still_end(
  clock, seconds, long, bound
):
  waiting = patience.Patience(seconds)
  start, number = clock.time, 0
  while not waiting.is_over():
    assert clock.time - start <= bound
    clock.time += (0.2, long)[number % 2]
    number += 1
  assert clock.time - start >= seconds


@pytest.mark.parametrize(
  ('seconds', 'step', 'looks'),
  [
    # One second of each long look counts, from the first of which there are as
    # many more as there were.
    (2.0, 100.0, 4),
    # A quarter of the limit.
    (8.0, 100.0, 6),
    # Five seconds, from the first of which there are ten more at least.
    (40.0, 100.0, 9),
    (12.0, 100.0, 5),
    # A look as long as what counts is not too long, nor is the limit itself.
    (8.0, 2.0, 5),
  ],
)
def test_how_much_of_a_long_look_counts(clock, seconds, step, looks):
  waiting = patience.Patience(seconds)
  for _ in range(looks - 1):
    clock.time += step
    assert not waiting.is_over()
  clock.time += step
  assert waiting.is_over()

"""What is drawn, and what is looked at, without any run."""

import collections
import os
import signal
import subprocess
import time

import pytest

from tests.chaos import faults, rounds, started


def test_a_sitting_goes_on_with_what_the_last_would_have_drawn():
  drawn = [rounds.choose(3, number, {}) for number in range(20)]
  again = [rounds.choose(3, number, {}) for number in range(20)]
  assert [c for c, _ in drawn] == [c for c, _ in again]
  assert [r.random() for _, r in drawn] == [r.random() for _, r in again]
  assert [rounds.choose(4, n, {})[0] for n in range(20)] != [
    c for c, _ in drawn
  ]


def test_a_hundred_rounds_hold_every_kind_runtime_and_algorithm():
  drawn = [rounds.choose(0, number, {})[0] for number in range(100)]
  for field, there in (
    ('kind', faults.MOMENTS),
    ('runtime', rounds.RUNTIMES),
    ('algorithm', rounds.ALGORITHMS),
  ):
    counts = collections.Counter(getattr(c, field) for c in drawn)
    assert set(counts) == set(there)
    assert min(counts.values()) >= 4
  for choice in drawn:
    assert choice.moment in faults.MOMENTS[choice.kind]


def test_what_cannot_be_made_here_is_not_drawn():
  missing = {'clock': '', 'full_disk': ''}
  kinds = {rounds.choose(0, n, missing)[0].kind for n in range(100)}
  assert kinds == set(faults.MOMENTS) - set(missing)


def test_processes_are_found_by_what_their_environment_says():
  mark = 'ATTN_AGENTS_CHAOS=of_a_test'
  name, _, value = mark.partition('=')
  process = subprocess.Popen(
    ['sh', '-c', 'sleep 60 & wait'], env={**os.environ, name: value}
  )
  try:
    deadline = time.monotonic() + 20
    # The shell, and what it started.
    while len(started.marked(mark)) < 2 and time.monotonic() < deadline:
      time.sleep(0.05)
    assert process.pid in started.marked(mark)
    (child,) = set(started.marked(mark)) - {process.pid}
    process.kill()
    process.wait()
    assert started.marked(mark) == [child], 'an orphan is one, too'
    os.kill(child, signal.SIGKILL)
    while started.marked(mark) and time.monotonic() < deadline:
      time.sleep(0.05)
    assert started.marked(mark) == []
  finally:
    for pid in started.marked(mark):
      started.send(pid, signal.SIGKILL)


def _rows(*steps):
  return [{'learner_steps': s, 'frames': 40.0 * s} for s in steps]


@pytest.mark.parametrize(
  ('after', 'start', 'words'),
  [
    (_rows(1, 2, 3, 5, 6), 120, ''),
    (_rows(1, 2, 3, 4, 5), None, ''),
    (_rows(1, 2, 3, 3), 120, 'twice'),
    (_rows(1, 2, 3, 2), 120, 'go back'),
    (_rows(1, 3, 5), 120, 'are gone'),
    (_rows(1, 2, 3), None, 'are gone'),
  ],
)
def test_rows_that_are_lost_or_twice_are_seen(after, start, words):
  found = started.wrong_rows(_rows(1, 2, 3, 4), after, start)
  assert words in found
  assert bool(words) == bool(found)


def test_frames_of_the_last_line():
  assert started.frames_said(
    ['x', 'done; checkpoint saved at 6,048 frames']
  ) == (6048)
  assert started.frames_said(['checkpoint saved at 8 frames', 'failed: x']) == 0
  assert started.frames_said([]) == 0

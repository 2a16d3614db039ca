"""The pace, by a clock that moves only when somebody waits or plays."""

import threading

import numpy as np
import pytest

from attn_agents.watching import pace, shots

_FRAME = np.zeros((2, 2, 3), np.uint8)


class _Clock:
  """Time, and what `pace.show_rows` did when."""

  def __init__(self, monkeypatch, until):
    self.now, self.until, self.shown = 100.0, 100.0 + until, []
    self.ready = []
    monkeypatch.setattr(pace.time, 'monotonic', lambda: self.now)

  def play(self, rows_per_second, play_seconds=lambda row: 0.001, pause=(0, 0)):
    """The times rows were shown at, from 0."""
    clock, pause = self, [100.0 + p for p in pause]

    class Watched(threading.Event):
      def is_set(self):
        return not pause[0] <= clock.now < pause[1]

      def wait(self, timeout=None):
        clock.now += 0.0 if self.is_set() else timeout
        return self.is_set()

    class Stop(threading.Event):
      def is_set(self):
        return clock.now > clock.until

      def wait(self, timeout=None):
        clock.now += timeout
        return self.is_set()

    def rows():
      for row in range(10_000):
        self.now += play_seconds(row)
        yield shots.Shot(_FRAME, (), {'row': row})

    pace.show_rows(
      rows(), rows_per_second, lambda _: self.shown.append(self.now),
      Watched(), Stop(), lambda: self.ready.append(len(self.shown)),
    )  # fmt: skip
    return np.array(self.shown) - 100.0


def test_the_pace_is_even(monkeypatch):
  clock = _Clock(monkeypatch, 3)
  times = clock.play(20, lambda row: 0.002 * (row % 7))
  assert clock.ready == [0], 'once, before anything is shown'
  np.testing.assert_allclose(np.diff(times), 1 / 20)
  assert len(times) in (60, 61)


def test_a_short_stall_is_caught_up_with(monkeypatch):
  times = _Clock(monkeypatch, 3).play(
    20, lambda row: 0.2 if row == 10 else 0.001
  )
  on_time = times[0] + np.arange(len(times)) / 20
  assert times[10] - on_time[10] == pytest.approx(0.2 - 1 / 20)
  np.testing.assert_allclose(times[16:], on_time[16:])


def test_of_a_long_stall_most_is_lost(monkeypatch):
  times = _Clock(monkeypatch, 8).play(
    20, lambda row: 3.0 if row == 10 else 0.001
  )
  late = times - times[0] - np.arange(len(times)) / 20
  assert late[10] == pytest.approx(3.0 - 1 / 20)
  # The next is due at once, as are those of a quarter of a second.
  np.testing.assert_allclose(late[20:], late[10] - 0.25 - 1 / 20)


def test_what_takes_too_long_goes_as_fast_as_it_can(monkeypatch):
  times = _Clock(monkeypatch, 3).play(20, lambda row: 0.1)
  np.testing.assert_allclose(np.diff(times), 0.1)


def test_the_game_pauses_while_nobody_watches(monkeypatch):
  played = []
  times = _Clock(monkeypatch, 5).play(
    20, lambda row: played.append(row) or 0.001, pause=(1, 3.5)
  )
  (pause,) = np.flatnonzero(np.diff(times) > 0.06)
  assert times[pause] < 1.1 and 3.5 <= times[pause + 1] < 3.7
  # Not hurried afterwards, and no row left out.
  np.testing.assert_allclose(np.diff(times[pause + 1 :]), 1 / 20)
  assert len(played) - len(times) <= 1


def test_it_ends_while_nobody_watches(monkeypatch):
  assert _Clock(monkeypatch, 2).play(20, pause=(0, 1e9)).size == 0

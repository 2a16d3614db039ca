"""What the probes of results/ measure, on cases whose answer is known."""

import numpy as np
import pytest

from attn_agents import types
from results import probes


def test_boxers_are_found_where_they_stand():
  screens = np.full((60, 2, 84, 84), 130, np.uint8)
  # The score is outside of the ring.
  screens[:, :, :5] = 255
  for t in range(60):
    screens[t, 0, 20 + t % 30, 30:33] = 200
    screens[t, 1, 40:43, 10 + t % 40] = 40
  light, dark = probes.boxers(screens)
  t = np.arange(60)
  np.testing.assert_array_equal(light[:, 0, 0], 31 - 8)
  np.testing.assert_array_equal(light[:, 0, 1], 20 + t % 30 - 14)
  np.testing.assert_array_equal(dark[:, 1, 0], 10 + t % 40 - 8)
  np.testing.assert_array_equal(dark[:, 1, 1], 41 - 14)
  # Of those that are not there.
  assert not light[:, 1].any()
  assert not dark[:, 0].any()


def test_a_difference_is_the_deviation_of_what_has_nothing_in_common():
  one, other = np.random.default_rng(0).normal(0, 2, (2, 100_000, 3))
  # What all actions have in common changes no policy.
  assert probes.difference(one, one + 5) == pytest.approx(0, abs=1e-9)
  expected = 2 * np.sqrt(2 / 3)
  assert probes.difference(one, other) == pytest.approx(expected, rel=0.01)


def _play():
  screens = np.random.default_rng(0).integers(0, 255, (4, 3, 84, 84, 1))
  timestep = types.TimeStep(
    screens.astype(np.uint8), *np.random.default_rng(1).normal(size=(3, 4, 3))
  )
  return probes.Play(timestep, np.arange(12).reshape(4, 3))


def test_each_change_leaves_all_else_as_it_was():
  play = _play()
  seen = {name: change(play) for name, change in probes.CHANGES.items()}
  for name, changed in seen.items():
    for field in ('reward', 'discount', 'step_type'):
      assert getattr(changed.timestep, field) is getattr(play.timestep, field)
    same = np.array_equal(changed.action, play.action)
    assert same != (name == 'actions of another game')
  own = play.timestep.observation
  others = np.roll(own, 1, axis=1)
  screens = {name: x.timestep.observation for name, x in seen.items()}
  np.testing.assert_array_equal(screens['screens of another game'], others)
  assert screens['actions of another game'] is own
  top = screens['score and clock of another game']
  np.testing.assert_array_equal(top[:, :, :13], others[:, :, :13])
  np.testing.assert_array_equal(top[:, :, 13:], own[:, :, 13:])
  moved = screens['the ring two pixels to the right']
  np.testing.assert_array_equal(moved[:, :, 13:72, 2:], own[:, :, 13:72, :-2])
  np.testing.assert_array_equal(moved[:, :, :13], own[:, :, :13])
  np.testing.assert_array_equal(moved[:, :, 72:], own[:, :, 72:])

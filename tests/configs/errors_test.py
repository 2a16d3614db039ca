"""What messages name: the nearest name, or the nearest number that fits."""

import pytest

from configs import errors


@pytest.mark.parametrize(
  ('choices', 'listed'),
  [
    ('ab', 'a, b'),
    ('abcdefghijkl', 'a, b, c, d, e, f, g, h, i, j, k, l'),
    ('abcdefghijklm', 'a, b, c, d, e, f, g, h, i, j, k, l, ...'),
  ],
)
def test_where_nothing_is_near_twelve_are_listed(choices, listed):
  words = str(errors.unknown('thing', '1234', list(choices)))
  assert words == f"unknown thing '1234'; expected one of {listed}"


def test_the_nearest_of_several_is_named():
  words = str(errors.unknown('game', 'BOXIN', ['bowling', 'pong', 'boxing']))
  assert words == "unknown game 'BOXIN'; did you mean 'boxing'?"


def test_the_nearest_divisor_may_be_the_least_one_and_of_two_is_the_larger():
  assert errors.nearest_divisor(32, 3, least=8) == 8
  assert errors.nearest_divisor(32, 12) == 16


def test_the_nearest_multiple_is_at_least_one_time_the_number():
  assert [errors.nearest_multiple(n, 4) for n in (1, 5, 7, 12)] == [4, 4, 8, 12]

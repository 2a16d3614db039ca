"""Numbers near others that things can be shared out by."""


def nearest_divisor(number: int, near: int, least: float = 1) -> int:
  """The divisor of `number` closest to `near`, the larger one on a tie.

  Args:
    number: what is shared out.
    near: the wish.
    least: smaller divisors are not considered; at most `number`.
  """
  divisors = [d for d in range(1, number + 1) if number % d == 0 and d >= least]
  return min(divisors, key=lambda d: (abs(d - near), -d))


def nearest_multiple(number: int, of: int) -> int:
  """The positive multiple of `of` closest to `number`."""
  return max(1, round(number / of)) * of

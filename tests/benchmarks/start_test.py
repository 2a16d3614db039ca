"""The benchmark of starts runs, and measures what it says."""

import pytest

from tests.benchmarks import cabled


@pytest.mark.slow
def test_a_new_and_a_continued_run_of_two_checkouts(tmp_path):
  details = cabled.smoke(
    'start', tmp_path, '--runtime=threads', '--agent=impala_shallow',
    f'--before={cabled.ROOT}',
  )  # fmt: skip
  seconds = details['seconds']
  assert set(seconds) == {
    'before, new',
    'before, continued',
    'new',
    'continued',
  }
  assert all(1 < x < 300 for (x,) in seconds.values())

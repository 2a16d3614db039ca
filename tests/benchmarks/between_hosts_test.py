"""The benchmark between hosts runs, and both ways carry."""

import pytest

from tests.benchmarks import cabled


@pytest.mark.slow
def test_it_runs(tmp_path):
  costs = cabled.smoke('between_hosts', tmp_path)['core_seconds_per_gb']
  relays = {
    name: [took for part, took in rounds[0].items() if 'relay' in part]
    for name, rounds in costs.items()
  }
  assert len(relays) == 4
  for name, took in relays.items():
    # Those that nothing goes through do nothing.
    assert (sum(took) > 0) == name.startswith('relay'), costs

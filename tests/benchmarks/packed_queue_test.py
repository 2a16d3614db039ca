"""The benchmark of the packed queue runs, and counts what it says."""

import pytest

from tests.benchmarks import cabled


@pytest.mark.slow
def test_it_runs(tmp_path):
  details = cabled.smoke(
    'packed_queue', tmp_path, '--relayed', '--size=210x160x3',
    f'--before={cabled.ROOT}',
  )  # fmt: skip
  costs = details['costs']
  assert set(costs) == {'before', 'as is', 'packed', 'packed for devices'}
  (as_is,), (packed,) = (costs[x]['both ends'] for x in ('as is', 'packed'))
  # The rest is states and logits, which are noise here.
  assert 3 * packed['bytes'] < as_is['bytes']
  idle = packed['relay of the learner host']
  (relayed,) = costs['packed']['both ends, relayed']
  assert relayed['relay of the learner host'] > 10 * idle

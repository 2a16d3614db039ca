"""The benchmark of the packed queue runs, and counts what it says."""

import json
import pathlib
import subprocess
import sys

import pytest

from benchmarks import cable

_ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.slow
def test_it_runs(tmp_path):
  try:
    with cable.two_hosts():
      pass
  except cable.UnavailableError as error:
    pytest.skip(str(error))
  path = tmp_path / 'figures.json'
  done = subprocess.run(
    [sys.executable, '-m', 'benchmarks.packed_queue', '--smoke', '--relayed',
     '--size=210x160x3', f'--json={path}', f'--before={_ROOT}'],
    cwd=_ROOT, capture_output=True, text=True, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  costs = json.loads(path.read_text())['details']['costs']
  assert set(costs) == {'before', 'as is', 'packed'}
  (as_is,), (packed,) = (costs[x]['both ends'] for x in ('as is', 'packed'))
  # The rest is states and logits, which are noise here.
  assert 3 * packed['bytes'] < as_is['bytes']
  idle = packed['relay of the learner host']
  (relayed,) = costs['packed']['both ends, relayed']
  assert relayed['relay of the learner host'] > 10 * idle


def test_a_checkout_that_is_none_is_refused():
  done = subprocess.run(
    [sys.executable, '-m', 'benchmarks.packed_queue', '--smoke',
     '--before=/no/such/checkout'],
    cwd=_ROOT, capture_output=True, text=True, check=False,
  )  # fmt: skip
  assert done.returncode == 2
  assert '--before=/no/such/checkout: expected a checkout' in done.stderr

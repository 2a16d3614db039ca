"""The benchmark between hosts runs, and both ways carry."""

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
    [sys.executable, '-m', 'benchmarks.between_hosts', '--smoke',
     f'--json={path}'],
    cwd=_ROOT, capture_output=True, text=True, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  costs = json.loads(path.read_text())['details']['core_seconds_per_gb']
  relays = {
    name: [took for part, took in rounds[0].items() if 'relay' in part]
    for name, rounds in costs.items()
  }
  assert len(relays) == 4
  for name, took in relays.items():
    # Those that nothing goes through do nothing.
    assert (sum(took) > 0) == name.startswith('relay'), costs

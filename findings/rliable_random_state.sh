#!/usr/bin/env bash
# rliable 1.2.0, arch 7.2.0, `library.get_interval_estimates`.
#
# Expected: the same scores and a `random_state` of the same seed give the same
#           interval, as its documentation promises.
# Happens:  intervals differ from call to call. What is drawn comes from NumPy's
#           global generator, which `np.random.seed` sets, whatever is handed in.
# Instead:  call `np.random.seed` before, or draw the bootstrap yourself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  rliable==1.2.0 arch==7.2.0 numpy==1.26.4

"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys

import numpy as np
from rliable import library

# Five runs on four games.
scores = {'agent': np.random.RandomState(0).rand(5, 4)}


def interval(**kwargs):
  _, found = library.get_interval_estimates(
    scores, lambda x: np.array([np.mean(x)]), reps=200, **kwargs
  )
  return found['agent'].ravel().tolist()


given = [interval(random_state=np.random.RandomState(7)) for _ in range(2)]
seeded = []
for _ in range(2):
  np.random.seed(7)
  seeded.append(interval())
for name, found in (('random_state=7', given), ('np.random.seed(7)', seeded)):
  print(f'{name:18}', *([round(x, 4) for x in pair] for pair in found))
as_stated = given[0] != given[1] and seeded[0] == seeded[1]
print('as stated' if as_stated else 'NOT as stated')
sys.exit(not as_stated)
PYTHON

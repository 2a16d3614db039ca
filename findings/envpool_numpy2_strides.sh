#!/usr/bin/env bash
# envpool 0.8.4 beside numpy 2.2.6 on Linux (Python 3.10).
#
# Expected: pip refuses the pair, or importing it fails, as other packages built
#           for numpy 1 do.
# Happens:  it runs. Shapes, dtypes and rewards look right, but the strides of
#           observations are 0: a screen is its first pixel repeated, and every
#           environment of the batch reads as the first one.
# Instead:  numpy below 2 with this version, or look at the strides once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  envpool==0.8.4 numpy==2.2.6 gym==0.26.2 setuptools==75.8.0

"$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON' \
  || { tail -n 20 "$folder/log" >&2; exit 1; }
import sys

import envpool
import numpy as np

envs = envpool.make('Pong-v5', env_type='gym', num_envs=3, seed=1)
envs.reset()
for _ in range(30):
  observation = envs.step(np.zeros(3, np.int32))[0]
print('numpy', np.__version__, 'envpool', envpool.__version__)
print(observation.dtype, observation.shape, 'strides', observation.strides)
print('values in all screens:', np.unique(observation).size)
as_stated = not any(observation.strides) and np.unique(observation).size == 1
print('as stated' if as_stated else 'NOT as stated')
sys.exit(not as_stated)
PYTHON

#!/usr/bin/env bash
# safetensors 0.8.0, numpy 1.26.4, safetensors.numpy.save and save_file.
#
# Expected: an array that is not C-contiguous, such as a transposed one, is saved
# by its values, as 0.7.0 does, or refused.
# Happens:  its memory is written as it lies, with the array's shape. What is
#           loaded has the right shape and dtype, and other values. Nothing is
#           said.
# Instead:  np.ascontiguousarray on every array before it is saved.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  safetensors==0.8.0 numpy==1.26.4

"$folder/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
from safetensors import numpy as tensors

saved = np.arange(6, dtype=np.float32).reshape(2, 3).T
loaded = tensors.load(tensors.save({'array': saved}))['array']
copied = np.ascontiguousarray(saved)
whole = tensors.load(tensors.save({'array': copied}))['array']
print('saved              ', saved.tolist())
print('loaded             ', loaded.tolist())
print('loaded, made whole ', whole.tolist())
as_stated = (
  loaded.shape == saved.shape
  and not np.array_equal(loaded, saved)
  and np.array_equal(whole, saved)
)
print('as stated' if as_stated else 'NOT as stated')
sys.exit(not as_stated)
PYTHON

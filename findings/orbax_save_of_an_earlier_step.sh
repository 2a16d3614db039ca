#!/usr/bin/env bash
# orbax-checkpoint 0.11.20 with jax 0.5.3 (Python 3.10).
#
# Expected: CheckpointManager.save writes the step, or raises.
# Happens:  for a step below the newest one in the directory it writes nothing
#           and raises nothing; a return value of False is all there is. A run
#           that went back to an earlier checkpoint loses what it learns.
# Instead:  look at the return value, or pass force=True.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  orbax-checkpoint==0.11.20 jax==0.5.3 jaxlib==0.5.3 numpy==1.26.4 \
  pyyaml==6.0.2

FOLDER="$folder/checkpoints" "$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON' \
  || { tail -n 20 "$folder/log" >&2; exit 1; }
import os
import sys

import numpy as np
import orbax.checkpoint as ocp

with ocp.CheckpointManager(os.environ['FOLDER']) as manager:
  def save(step, **options):
    state = ocp.args.StandardSave({'x': np.full(3, float(step))})
    answer = manager.save(step, args=state, **options)
    manager.wait_until_finished()
    print(f'save({step}, {options}) = {answer}; there is', manager.all_steps())
    return answer
  answers = save(5), save(3), save(3, force=True)
as_stated = answers == (True, False, True)
print('as stated' if as_stated else 'NOT as stated')
sys.exit(not as_stated)
PYTHON

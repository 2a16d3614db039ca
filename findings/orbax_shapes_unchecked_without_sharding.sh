#!/usr/bin/env bash
# orbax-checkpoint 0.11.20, jax 0.5.3, StandardCheckpointer.restore with a target.
#
# Expected: an array that was saved with another shape than the target's is
#           refused, as it is where the target is a jax.Array or names a sharding
#           ("Truncating/padding is disabled").
# Happens:  where the target is a NumPy array or what `jax.eval_shape` gives, the
#           saved array comes back with its own shape, though with the target's
#           dtype. A checkpoint of a network of other sizes restores in silence.
# Instead:  give every target a sharding, or compare shapes afterwards.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  orbax-checkpoint==0.11.20 jax==0.5.3 jaxlib==0.5.3 numpy==1.26.4 \
  pyyaml==6.0.2

JAX_PLATFORMS=cpu "$folder/venv/bin/python" - "$folder" 2>"$folder/log" \
  <<'PYTHON' || { tail -n 20 "$folder/log" >&2; exit 1; }
import sys

import jax
import jax.numpy as jnp
import numpy as np
from orbax import checkpoint

path = f'{sys.argv[1]}/saved'
checkpointer = checkpoint.StandardCheckpointer()
checkpointer.save(path, {'weights': jnp.ones((2, 3))})
checkpointer.wait_until_finished()

array = jnp.zeros((4, 5), jnp.bfloat16)
targets = {
  'jax.Array': array,
  'shape with a sharding': jax.ShapeDtypeStruct(
    array.shape, array.dtype, sharding=array.sharding
  ),
  'shape of jax.eval_shape': jax.eval_shape(lambda: array),
  'NumPy array': np.zeros(array.shape, np.float16),
}
found = {}
for name, target in targets.items():
  try:
    restored = checkpointer.restore(path, {'weights': target})['weights']
    found[name] = f'{restored.dtype}{list(restored.shape)}'
  except ValueError:
    found[name] = 'refused'
  print(f'saved float32[2, 3], target {name} of [4, 5]: {found[name]}')
as_stated = list(found.values()) == [
  'refused', 'refused', 'bfloat16[2, 3]', 'float16[2, 3]',
]  # fmt: skip
print('as stated' if as_stated else 'NOT as stated')
sys.exit(not as_stated)
PYTHON

#!/usr/bin/env bash
# libtpu 0.0.11.4 with jax 0.5.3 on Linux (Python 3.10), compiling ahead of time
# for a v5e slice; there is no TPU.
#
# Expected: to reshape 160 MB of bytes in one axis to images [..., 160, 3] takes a
#           copy at most, as to rows of images [..., 480] does.
# Happens:  the program needs forty times the images as temporary memory: on the
#           way the last axis of 3 is laid out in tiles of 128.
# Instead:  keep rows with their channels in one axis for as long as possible, and
#           look at memory_analysis() of what reshapes them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax==0.5.3 jaxlib==0.5.3 libtpu==0.0.11.4 numpy==1.26.4

TPU_SKIP_MDS_QUERY=1 JAX_PLATFORMS=cpu "$folder/venv/bin/python" - \
  2>"$folder/log" <<'PYTHON' || { tail -n 20 "$folder/log" >&2; exit 1; }
import sys

import jax
import numpy as np
from jax.experimental import topologies

device = topologies.get_topology_desc(
  platform='tpu', topology_name='v5e:2x2'
).devices[0]
there = jax.sharding.SingleDeviceSharding(device)
images = (51, 32, 210, 160, 3)
size = int(np.prod(images))


def temporaries(shape):
  """Of a reshape of flat bytes to a shape, as times these bytes."""
  flat = jax.ShapeDtypeStruct((size,), np.uint8, sharding=there)
  program = jax.jit(lambda x: x.reshape(shape)).lower(flat).compile()
  return program.memory_analysis().temp_size_in_bytes / size


rows = (*images[:-2], images[-2] * images[-1])
to_rows, to_images = temporaries(rows), temporaries(images)
print('jax', jax.__version__, device.device_kind)
for shape, times in ((rows, to_rows), (images, to_images)):
  print(f'bytes to {shape}: temporaries of {times:.1f} times the bytes')
as_stated = to_rows < 2 and to_images > 20
print('as stated' if as_stated else 'NOT as stated')
sys.exit(not as_stated)
PYTHON

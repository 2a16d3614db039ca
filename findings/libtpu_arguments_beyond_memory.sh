#!/usr/bin/env bash
# libtpu 0.0.11.4 with jax 0.5.3 on Linux (Python 3.10), compiling ahead of time
# for a v5e slice, whose chips have 16 GB; there is no TPU.
#
# Expected: a program whose arguments and outputs take 24 GB of one device is
#           refused as too large, as one with such temporaries is.
# Happens:  it compiles without a word, and memory_analysis() gives the 24 GB.
# Instead:  add up arguments, outputs, temporaries and code and compare the sum
#           with the chip's memory yourself.
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

devices = topologies.get_topology_desc(
  platform='tpu', topology_name='v5e:2x2'
).devices
add = jax.pmap(
  lambda *arrays: [x + 1 for x in arrays], devices=list(devices)
)
# Six arrays of 2 GB on each device, and as many that come out.
shape = jax.ShapeDtypeStruct((len(devices), 2**29), np.float32)
memory = add.lower(*[shape] * 6).compile().memory_analysis()
gigabytes = (
  memory.argument_size_in_bytes + memory.output_size_in_bytes
) / 2**30
print('jax', jax.__version__, devices[0].device_kind, len(devices), 'devices')
print(f'arguments and outputs of one device: {gigabytes:.0f} GiB, compiled')
as_stated = gigabytes > 16
print('as stated' if as_stated else 'NOT as stated')
sys.exit(not as_stated)
PYTHON

#!/usr/bin/env bash
# jax 0.10.2 on Linux (Python 3.11), where pmap is made of jit and shard_map.
#
# Expected: arrays that two pmaps over the same devices return are laid out
#           alike, so that a third pmap takes either without compiling again.
# Happens:  the name of the axis is in the sharding, also the inner one of a pmap
#           without axis_name. The shardings are not equal, and the third pmap is
#           traced and compiled once for each name.
# Instead:  give every pmap whose results meet the same axis_name, also those
#           that have no collective. (With jax 0.5.3 the name is not in it.)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON311:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6

JAX_PLATFORMS=cpu XLA_FLAGS=--xla_force_host_platform_device_count=2 \
  "$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON' \
  || { tail -n 20 "$folder/log" >&2; exit 1; }
import sys

import jax
import numpy as np

devices = jax.local_devices()
traces = 0


def update(x):
  global traces
  traces += 1
  return jax.lax.psum(x, 'devices')


update = jax.pmap(update, axis_name='devices', devices=devices)
named = jax.pmap(lambda x: x + 1, axis_name='devices', devices=devices)
plain = jax.pmap(lambda x: x + 1, devices=devices)
start = np.ones((len(devices), 4), np.float32)
seen = []
for make in (named, named, plain, plain):
  array = make(start)
  update(array)
  seen.append(traces)
print('jax', jax.__version__, len(devices), 'devices')
print('with the name:   ', named(start).sharding)
print('without a name:  ', plain(start).sharding)
print('traces after arrays with it twice, and without it twice:', seen)
as_stated = seen == [1, 1, 2, 2] and named(start).sharding != array.sharding
print('as stated' if as_stated else 'NOT as stated')
sys.exit(not as_stated)
PYTHON

#!/usr/bin/env bash
# jax 0.5.3 on a CPU (Python 3.10, Linux with glibc 2.26 or newer).
#
# Expected: a compiled function that is called again and again, with the same
#           shapes, uses the same work memory each time.
# Happens:  each call takes it from malloc in one piece and frees it. glibc maps
#           a piece of more than 32 MiB by itself and gives it back to the
#           kernel, which clears every page of it for the next call.
# Instead:  start the process with one heap of glibc that is never given back,
#           by GLIBC_TUNABLES. More memory then stays with the process.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax==0.5.3 jaxlib==0.5.3 numpy==1.26.4

cat >"$folder/program.py" <<'PYTHON'
import resource
import statistics

import jax
import jax.numpy as jnp


@jax.jit
def function(x):
  rows = jax.lax.scan(lambda y, _: (y * 1.01, y), x, None, length=4000)[1]
  return jnp.sum(rows, axis=0)


def faults():
  return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


x, seen = jnp.ones(4000), []
memory = function.lower(x).compile().memory_analysis().temp_size_in_bytes
for _ in range(30):
  before = faults()
  function(x).block_until_ready()
  seen.append(faults() - before)
print(memory // resource.getpagesize(), round(statistics.median(seen)))
PYTHON

export JAX_PLATFORMS=cpu
unset GLIBC_TUNABLES
read -r pages anew < <("$folder/venv/bin/python" "$folder/program.py")
export GLIBC_TUNABLES=glibc.malloc.arena_max=1
GLIBC_TUNABLES+=:glibc.malloc.mmap_threshold=1099511627776
GLIBC_TUNABLES+=:glibc.malloc.trim_threshold=1099511627776
read -r _ kept < <("$folder/venv/bin/python" "$folder/program.py")
printf 'jax 0.5.3, work memory of a call: %s pages\n' "$pages"
printf 'page faults of a call (median):   %s\n' "$anew"
printf 'with one heap that is kept:       %s\n' "$kept"
[ "$anew" -gt $((pages / 2)) ] && [ "$kept" -lt $((pages / 20)) ]

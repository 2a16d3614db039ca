#!/usr/bin/env bash
# jax 0.5.3 and its persistent compilation cache, on a CPU (Python 3.10).
#
# Expected: an entry that a kill or a full disk cut short is found to be damaged
#           and written anew, since the program is compiled again anyway.
# Happens:  every later process warns, compiles, and leaves the entry as it is:
#           `put` returns where a file of that name exists. The cache never
#           serves this program again.
# Instead:  remove entries that cannot be decompressed before a run starts.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax==0.5.3 jaxlib==0.5.3 numpy==1.26.4

cat >"$folder/program.py" <<'PYTHON'
import warnings

import jax

seen = []
jax.monitoring.register_event_listener(lambda name, **_: seen.append(name))
with warnings.catch_warnings(record=True) as told:
  warnings.simplefilter('always')
  jax.jit(lambda x: (x @ x).sum())(jax.numpy.eye(64)).block_until_ready()
hits = sum(name.endswith('cache_hits') for name in seen)
damaged = [x for x in told if 'persistent compilation cache' in str(x.message)]
print('hits', hits, 'warnings', len(damaged))
PYTHON

export JAX_PLATFORMS=cpu JAX_COMPILATION_CACHE_DIR=$folder/cache
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0
first=$("$folder/venv/bin/python" "$folder/program.py")
second=$("$folder/venv/bin/python" "$folder/program.py")
for entry in "$folder"/cache/*-cache; do
  truncate --size=-64 "$entry"
done
sizes=$(stat --format=%s "$folder"/cache/*-cache)
third=$("$folder/venv/bin/python" "$folder/program.py" 2>"$folder/log")
fourth=$("$folder/venv/bin/python" "$folder/program.py" 2>"$folder/log")
printf 'jax 0.5.3\nfirst:         %s\nsecond:        %s\n' "$first" "$second"
printf 'cut short:     %s\nonce more:     %s\n' "$third" "$fourth"
same=no
[ "$(stat --format=%s "$folder"/cache/*-cache)" = "$sizes" ] && same=yes
printf 'entries still cut short: %s\n' "$same"
# hits: none, all, none, none.
[[ $first == 'hits 0 warnings 0' && $second != 'hits 0 '* ]] &&
  [[ $third == 'hits 0 warnings '[1-9]* && $fourth == "$third" ]] &&
  [ "$same" = yes ] && echo 'as stated' && exit 0
echo 'NOT as stated'
exit 1

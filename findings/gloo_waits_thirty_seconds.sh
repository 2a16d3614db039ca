#!/usr/bin/env bash
# jax 0.5.3, gloo collectives between two processes on CPUs (Python 3.10).
#
# Expected: a first collective waits for a host that is slow to come (restores a
#           checkpoint, compiles) as long as `initialization_timeout` of
#           `jax.distributed.initialize` says, 300 s here, or without end.
# Happens:  the host that comes first gives up after 30 s, whatever that says.
# Instead:  wait for all hosts by the coordinator's key-value store first, and
#           only then begin collectives.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  jax==0.5.3 jaxlib==0.5.3 numpy==1.26.4

cat >"$folder/program.py" <<'PYTHON'
import sys
import time

import jax

index, port, late = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
jax.config.update('jax_cpu_collectives_implementation', 'gloo')
jax.distributed.initialize(
  f'127.0.0.1:{port}', 2, index, initialization_timeout=300
)
jax.device_count()
if index == 1:
  time.sleep(late)
total = jax.pmap(lambda x: jax.lax.psum(x, 'hosts'), axis_name='hosts')
start = time.monotonic()
try:
  print('sum', int(total(jax.numpy.ones(1))[0]))
except jax.errors.JaxRuntimeError as error:
  print('error after', round(time.monotonic() - start), 's')
  print(str(error).splitlines()[0])
PYTHON

both() {  # seconds that the second is late; prints what the first says
  local port
  port=$("$folder/venv/bin/python" -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  timeout 100 "$folder/venv/bin/python" "$folder/program.py" 1 "$port" "$1" \
    >/dev/null 2>&1 &
  timeout 100 "$folder/venv/bin/python" "$folder/program.py" 0 "$port" "$1" \
    2>/dev/null || true
  kill %% 2>/dev/null || true
  wait
}

export JAX_PLATFORMS=cpu
prompt=$(both 5)
late=$(both 45)
printf 'jax 0.5.3\n5 s late:  %s\n45 s late: %s\n' "$prompt" "$late"
[ "$prompt" = 'sum 2' ] && [[ $late == 'error after 3'[0-2]' s'* ]] &&
  [[ $late == *'timed out'* ]] && echo 'as stated' && exit 0
echo 'NOT as stated'
exit 1

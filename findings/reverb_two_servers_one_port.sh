#!/usr/bin/env bash
# dm-reverb 0.7.3 on Linux, with tensorflow-cpu 2.8.4 (Python 3.10).
#
# Expected: a second server on a port that is taken fails to start.
# Happens:  both start, and each new connection reaches one or the other by
#           chance, so that two programs on one machine share their clients.
# Instead:  bind the port with a plain socket first, to see whether it is free.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  dm-reverb==0.7.3 tensorflow-cpu==2.8.4 protobuf==3.19.6 numpy==1.26.4

TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON' \
  || { tail -n 20 "$folder/log" >&2; exit 1; }
import collections
import os
import socket
import sys

import reverb

with socket.socket() as free:
  free.bind(('127.0.0.1', 0))
  port = free.getsockname()[1]
servers = [
  reverb.Server([reverb.Table.queue(name, max_size=1)], port=port)
  for name in ('first', 'second')
]
reached = collections.Counter(
  table
  for _ in range(30)
  for table in reverb.Client(f'localhost:{port}').server_info()
)
print('both servers started on one port; 30 clients reached', dict(reached))
as_stated = set(reached) == {'first', 'second'}
print('as stated' if as_stated else 'NOT as stated')
for server in servers:
  server.stop()
sys.stdout.flush()
os._exit(not as_stated)  # Nothing of the servers' own ends is waited for.
PYTHON

#!/usr/bin/env bash
# envpool 0.8.4 on Linux (Python 3.10), Atari.
#
# Expected: other Python threads run while EnvPool makes its emulators, which it
#           does in C++ with threads of its own, as they do while it steps them.
# Happens:  they stand still until all are made: `make` holds Python's lock, for
#           a tenth of a second of a core for each emulator. `recv` lets go of it.
# Instead:  make large pools before threads are started that have to answer in
#           time, or in a process of their own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  envpool==0.8.4 numpy==1.26.4 gym==0.26.2 setuptools==75.8.0

"$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON' \
  || { tail -n 20 "$folder/log" >&2; exit 1; }
import sys
import threading
import time

import envpool
import numpy as np

ticks = []


def tick():
  while True:
    ticks.append(time.monotonic())
    time.sleep(0.01)


threading.Thread(target=tick, daemon=True).start()


def longest_pause(call):
  """Seconds that a call takes, and the longest pause of the other thread."""
  time.sleep(0.2)
  start = time.monotonic()
  call()
  end = time.monotonic()
  time.sleep(0.2)
  times = [x for x in ticks if start - 0.1 <= x <= end + 0.1]
  return end - start, max(b - a for a, b in zip(times, times[1:]))


def make():
  global envs
  envs = envpool.make(
    'Pong-v5', env_type='gym', num_envs=32, num_threads=1, seed=1
  )


def steps():
  envs.reset()
  for _ in range(100):
    envs.step(np.zeros(32, np.int32))


took, paused = longest_pause(make)
print(f'make of 32: {took:.1f} s, another thread stood still for {paused:.1f} s')
stepping, waited = longest_pause(steps)
print(f'100 steps: {stepping:.1f} s, it stood still for at most {waited:.1f} s')
as_stated = paused > 0.8 * took and waited < 0.2 * stepping
print('as stated' if as_stated else 'NOT as stated')
sys.exit(not as_stated)
PYTHON

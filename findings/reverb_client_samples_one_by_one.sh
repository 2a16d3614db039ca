#!/usr/bin/env bash
# dm-reverb 0.7.3 on Linux, with tensorflow-cpu 2.8.4 (Python 3.10).
#
# Expected: Client.sample(table, num_samples=64) streams 64 items to the client.
# Happens:  it has one item in flight, whatever num_samples is, so that each
#           item costs a round trip.
# Instead:  reverb.pybind.Client(address).NewSampler(table, items, in_flight);
#           the columns follow on four values of GetNextTrajectory().
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  dm-reverb==0.7.3 tensorflow-cpu==2.8.4 protobuf==3.19.6 numpy==1.26.4

TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON' \
  || { tail -n 20 "$folder/log" >&2; exit 1; }
import os
import sys
import time

import numpy as np
import reverb
from reverb import pybind


def left_in_queue(take_one):
  """Items that the server still has of 64, once a client has been given one."""
  server = reverb.Server([reverb.Table.queue('queue', 64)], port=None)
  client = reverb.Client(f'localhost:{server.port}')
  for i in range(64):
    client.insert([np.int32(i)], {'queue': 1.0})
  held = take_one(client, f'localhost:{server.port}')
  time.sleep(2)
  left = client.server_info()['queue'].current_size
  del held
  server.stop()
  return left


def by_client(client, _):
  samples = client.sample('queue', num_samples=64, emit_timesteps=False)
  next(samples)
  return samples


def by_sampler(_, address):
  sampler = pybind.Client(address).NewSampler('queue', 64, 8)
  sampler.GetNextTrajectory()
  return sampler


one_by_one, eight_at_once = map(left_in_queue, (by_client, by_sampler))
print('Client.sample of 64, one taken: the server still has', one_by_one)
print('a sampler with 8 in flight, one taken: it has', eight_at_once)
as_stated = one_by_one >= 61 and eight_at_once <= 57
print('as stated' if as_stated else 'NOT as stated')
sys.stdout.flush()
os._exit(not as_stated)
PYTHON

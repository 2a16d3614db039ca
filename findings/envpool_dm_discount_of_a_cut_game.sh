#!/usr/bin/env bash
# envpool 0.8.4, dm_env 1.6, Atari, env_type='dm'.
#
# Expected: a game that `max_episode_steps` cuts short ends as dm_env says of
#           truncation: LAST with discount 1, so that learners go on to bootstrap
#           from the last state (`dm_env.truncation`).
# Happens:  it ends with discount 0, like a game that is over. The same game with
#           env_type='gymnasium' says truncated, not terminated.
# Instead:  use the gymnasium form, and make the discount of `terminated` alone.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"${PYTHON:-python3.10}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  envpool==0.8.4 numpy==1.26.4 gym==0.26.2 dm-env==1.6 setuptools==75.8.0

"$folder/venv/bin/python" - 2>"$folder/log" <<'PYTHON' \
  || { tail -n 20 "$folder/log" >&2; exit 1; }
import sys

import dm_env
import envpool
import numpy as np

STEPS = 5


def pool(form):
  return envpool.make(
    'Pong-v5', env_type=form, num_envs=1, seed=1, max_episode_steps=STEPS
  )


noop = np.zeros(1, np.int32)
games = pool('dm')
games.reset()
for _ in range(STEPS):
  timestep = games.step(noop)
is_last = timestep.step_type[0] == dm_env.StepType.LAST
discount = float(timestep.discount[0])

games = pool('gymnasium')
games.reset()
for _ in range(STEPS):
  _, _, terminated, truncated, _ = games.step(noop)

print('dm         last', bool(is_last), 'discount', discount)
print('gymnasium  terminated', terminated[0], 'truncated', truncated[0])
print('dm_env     truncation has discount', dm_env.truncation(0.0, None).discount)
as_stated = (
  is_last
  and discount == 0.0
  and truncated[0]
  and not terminated[0]
  and dm_env.truncation(0.0, None).discount == 1.0
)
print('as stated' if as_stated else 'NOT as stated')
sys.exit(not as_stated)
PYTHON

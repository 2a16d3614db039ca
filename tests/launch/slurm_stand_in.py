"""Behaves as a run does: saves when it is told to, and ends with 75.

`slurm_stand_in.py ROOT [--lasts=SECONDS] [--code=CODE] [--idle]`. Each task
writes what it hears into a file of its own in ROOT, or in --logdir if that is
given. It needs no more than the standard library, and starts at once.
"""

import argparse
import os
import pathlib
import signal
import sys
import time

_STOPS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)


def main() -> int:
  """Plays, and saves at the end; returns the exit code."""
  parser = argparse.ArgumentParser()
  parser.add_argument('root', type=pathlib.Path)
  parser.add_argument('--lasts', type=float, default=300.0)
  parser.add_argument('--code', type=int, default=0)
  parser.add_argument('--idle', action='store_true')
  parser.add_argument('--logdir', type=pathlib.Path)
  asked, _ = parser.parse_known_args()
  root = asked.logdir or asked.root
  heard: list[int] = []
  for number in (*_STOPS, signal.SIGCONT):
    signal.signal(number, lambda n, _: heard.append(n))
  checkpoints = root / 'checkpoints'
  checkpoints.mkdir(parents=True, exist_ok=True)
  first = max((int(x.name) for x in checkpoints.iterdir()), default=0)
  task = os.environ.get('SLURM_PROCID', '0')
  restart = os.environ.get('SLURM_RESTART_COUNT', '0')
  name = root / f'task{task}.{restart}'
  name.write_text(f'from {first}\n')
  deadline = time.monotonic() + asked.lasts
  while time.monotonic() < deadline and not set(heard) & set(_STOPS):
    time.sleep(0.05)
  stopped = bool(set(heard) & set(_STOPS))
  # What repeats a signal does so within a tenth of a second.
  time.sleep(0.5)
  if not asked.idle and task == '0':
    (checkpoints / str(first + 1)).mkdir()
  with open(name, 'a') as file:
    file.write(f'heard {" ".join(str(int(n)) for n in heard)}\nsaved\n')
  return 75 if stopped else asked.code


if __name__ == '__main__':
  sys.exit(main())

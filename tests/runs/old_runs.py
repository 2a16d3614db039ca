"""Runs that commit 02cacd7 left, the last of the old form.

Networks of a few hundred parameters that played Catch: `appo` by V-trace under
PPO's clip, with a best checkpoint, and `dqn` with its replay. Both were
evaluated there by `launch/evaluate.py --episodes=20 --num_envs=4 --seed=3`.
"""

import json
import pathlib
import shutil

DATA = pathlib.Path(__file__).parent / 'data'


def config(name):
  """The config of config.json."""
  return json.loads((DATA / name / 'config.json').read_text())['config']


def copy(name, directory):
  """A copy of a run, in a directory of its name."""
  path = directory / name
  shutil.copytree(DATA / name, path)
  return path

"""Paths on the command line: `~` is the home directory in every one."""

import json
import os
import subprocess
import sys

import pytest

from configs import resolution
from launch import suite
from tests.launch import commands

_PATHS = {
  'launch.analyze': {'run', 'baseline', 'out', 'injection'},
  'launch.convert': {'run', 'out'},
  'launch.doctor': set(),
  'launch.demo': {'run'},
  'launch.evaluate': {'run', 'out'},
  'launch.export': {'run', 'out'},
  'launch.report_scores': {'runs', 'out'},
  'launch.run_local': {'logdir', 'init_from'},
  'launch.run_suite': {'root'},
  'launch.watch': {'run'},
  'benchmarks.runner': {'json'},
}
# A flag of neither kind fails the test: whoever adds one says which it is.
_NOT_PATHS = {
  'agent', 'agents', 'algorithm', 'analyses', 'backend', 'checkpoint', 'game',
  'games', 'licence', 'policy', 'preset', 'profile_updates', 'protocol', 'push',
  'runtime', 'set',
  'thresholds', 'track',
}  # fmt: skip
# What every flag of text makes of a path below the home directory.
_READ = """
import importlib, json, sys
from absl import flags
name = sys.argv[1]
module = importlib.import_module(name)
own = flags.FLAGS.flags_by_module_dict()[name]
print(json.dumps({
  flag.name: flag.parser.parse('~/x') for flag in own
  if any(kind in flag.flag_type() for kind in ('string', 'list'))
}))
"""


def _environment(home):
  return {**os.environ, 'HOME': str(home)}


@pytest.mark.parametrize('module', _PATHS)
def test_every_path_has_a_home(module, tmp_path):
  done = subprocess.run(
    [sys.executable, '-c', _READ, module],
    env=_environment(tmp_path), cwd=commands.LAUNCH.parent,
    capture_output=True, text=True, check=True,
  )  # fmt: skip
  read = json.loads(done.stdout)
  expected = str(tmp_path / 'x')
  found = {name for name, value in read.items() if expected in (value, *value)}
  assert found == _PATHS[module]
  assert set(read) - found <= _NOT_PATHS


def test_nobody_is_left_with_a_directory_of_that_name(tmp_path, monkeypatch):
  monkeypatch.setenv('HOME', str(tmp_path / 'home'))
  monkeypatch.chdir(tmp_path)
  done = commands.run(
    'run_suite', '--root=~/runs', '--max_frames=9', '--games=pong, boxing',
    '--agents=s3ta', '--seeds=1', '--dry_run',
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  for game in ('pong', 'boxing'):
    assert f'--logdir={tmp_path}/home/runs/s3ta_{game}_seed0' in done.stdout
  line = commands.refused('convert', '--run=~/gone')
  assert f'--run={tmp_path}/home/gone is no run' in line
  line = commands.refused('run_local', '--logdir=~nobody_at_all/x')
  assert '--logdir=~nobody_at_all/x' in line
  assert '~nobody_at_all is no home directory' in line
  assert list(tmp_path.iterdir()) == []


def test_games_may_have_spaces_between_them_as_agents_may(tmp_path):
  spaced = suite.plan(['s3ta'], ' pong, sweep6 ,breakout', 1, tmp_path, 9)
  plain = suite.plan(['s3ta'], 'pong,sweep6,breakout', 1, tmp_path, 9)
  assert spaced == plain


def test_a_setting_that_is_a_path_too(tmp_path, monkeypatch):
  monkeypatch.setenv('HOME', str(tmp_path))
  monkeypatch.chdir(tmp_path)
  for given, meant in (('~/a', 'a'), ('b', 'b'), (f'{tmp_path}/c', 'c')):
    config = resolution.resolve(
      resolution.Request(settings=[f'runtime.init_from={given}']), 'cpu', 1, 2
    )
    assert config.runtime.init_from == str(tmp_path / meant)
  config = resolution.resolve(resolution.Request(), 'cpu', 1, 2)
  assert config.runtime.init_from == ''

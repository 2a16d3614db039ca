"""Numbers of commands at both sides of their bounds, and what is said."""

import json
import subprocess
import sys

import pytest

from tests.launch import commands

# Each command in a process of its own, which has its flags only. What comes
# after the flags' own check is a run that is not there, or a stand-in.
_CHECK = """
import importlib, json, sys
from absl import flags
from configs import errors
name, function, cases = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
module = importlib.import_module(f'launch.{name}')

class Passed(Exception):
  pass

def passed(*args, **options):
  raise Passed

if name == 'run_suite':
  module.validation.check_cap = passed
if name == 'run_population':
  module.this_machine.probe = passed
said = []
for case in cases:
  for flag in list(flags.FLAGS):
    flags.FLAGS[flag].unparse()
  flags.FLAGS(['x', *case])
  try:
    getattr(module, function)()
    said.append('')
  except errors.ConfigError as error:
    said.append(str(error))
  except Passed:
    said.append('')
print(json.dumps(said))
"""
_FUNCTIONS = {'run_suite': 'main', 'run_population': '_population'}
_RUN = ['--run=x']
_SUITE = ['--max_frames=9']
_POPULATION = ['--interval_frames=9', '--root=x']
# Command, flags that are always given, a flag, values that it may have, values
# that it may not, and what is expected.
_BOUNDS = [
  ('watch', _RUN, 'fps', ['0.001', '60'], ['0.0', '-1.0', '60.001'],
   'above 0, at most 60'),
  ('watch', _RUN, 'port', ['0', '65535'], ['-1', '65536'], '0 to 65535'),
  ('watch', _RUN, 'seed', ['0'], ['-1'], '0 or more'),
  ('evaluate', _RUN, 'episodes', ['1'], ['0', '-1'], 'at least 1'),
  ('evaluate', _RUN, 'num_envs', ['1'], ['0'], 'at least 1'),
  ('evaluate', _RUN, 'num_envs', ['255'], ['256'], 'at most 255'),
  ('evaluate', _RUN, 'seed', ['0'], ['-1'], '0 or more'),
  ('evaluate', ['--policy=random', '--game=pong'], 'action_repeat',
   ['2', '60'], ['1', '61'], '2 to 60'),
  ('evaluate', _RUN, 'action_repeat', [], ['4'],
   'no --run, whose own action repeat holds'),
  ('analyze', _RUN, 'episodes', ['1'], ['0'], 'at least 1'),
  ('analyze', _RUN, 'max_steps', ['1'], ['0'], 'at least 1'),
  ('analyze', _RUN, 'seed', ['0'], ['-1'], '0 or more'),
  ('run_suite', _SUITE, 'seeds', ['1'], ['0'], 'at least 1'),
  ('run_suite', _SUITE, 'episodes', ['0'], ['-1'], 'at least 0'),
  ('run_suite', _SUITE, 'jobs', ['1'], ['0'], 'at least 1'),
  ('run_suite', [], 'max_frames', ['1'], ['0', '-1'],
   'the frames of each run, at least 1'),
  ('run_population', _POPULATION, 'size', ['2', '100'], ['1', '101'],
   '2 to 100'),
  ('run_population', _POPULATION, 'margin', ['0.0'], ['-0.001'], 'at least 0'),
  ('run_population', _POPULATION, 'burn_in_frames', ['0'], ['-1'],
   'at least 0'),
  ('run_population', _POPULATION, 'jobs', ['1'], ['0'], 'at least 1'),
  ('run_population', ['--root=x'], 'interval_frames', ['1'], ['0', '-1'],
   'the emulator frames between two decisions, at least 1'),
  ('run_population', _POPULATION, 'member', ['0', '15'], ['-1', '16'],
   '0 to 15'),
]  # fmt: skip


@pytest.mark.parametrize('command', sorted({row[0] for row in _BOUNDS}))
def test_what_is_just_inside_is_taken_and_just_outside_refused(command):
  cases, expected = [], []
  for name, given, flag, inside, outside, words in _BOUNDS:
    if name == command:
      for value in (*inside, *outside):
        cases.append([*given, f'--{flag}={value}'])
        line = f'--{flag}={value}: expected {words}'
        expected.append('' if value in inside else line)
  function = _FUNCTIONS.get(command, '_check_flags')
  done = subprocess.run(
    [sys.executable, '-c', _CHECK, command, function, json.dumps(cases)],
    cwd=commands.LAUNCH.parent, capture_output=True, text=True, timeout=120,
    check=False,
  )  # fmt: skip
  assert done.returncode == 0, done.stderr
  said = json.loads(done.stdout)
  assert dict(zip(map(str, cases), said, strict=True)) == dict(
    zip(map(str, cases), expected, strict=True)
  )

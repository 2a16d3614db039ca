"""One line for bad input, and which games an agent may play."""

import dataclasses
import errno
import itertools
import os
import subprocess
import sys

import pytest

from attn_agents.environments import registry
from configs import errors, games, schema
from launch import command_line

_FULL = '--set=environment.full_action_space=true'


def test_a_full_disk_is_one_line_and_exit_code_1(capsys, tmp_path):
  def main():
    with open(tmp_path / 'report', 'w') as file:
      raise OSError(errno.ENOSPC, 'No space left on device', file.name)

  assert command_line.run(main, ['command']) == 1
  (line,) = capsys.readouterr().err.strip().splitlines()
  assert line.startswith(f'failed: no room in {tmp_path} (')


def test_other_errors_keep_their_traceback():
  def main():
    raise RuntimeError('a fault of ours')

  with pytest.raises(RuntimeError, match='a fault of ours'):
    command_line.run(main, ['command'])


def _check(trained, played, full=False):
  environment = schema.EnvironmentConfig(game=trained, full_action_space=full)
  command_line.check_actions(
    environment, dataclasses.replace(environment, game=played)
  )


def test_as_many_actions_of_other_meanings_are_refused():
  with pytest.raises(errors.ConfigError) as caught:
    _check('pong', 'qbert')
  line = str(caught.value)
  assert '\n' not in line and len(line) < 300
  assert 'noop fire right left rightfire leftfire' in line
  assert 'noop fire up right left down' in line
  assert _FULL in line


def test_what_does_not_help_is_not_advised():
  for trained, played, full in (
    ('catch', 'pong', False),
    ('pong', 'catch', False),
    # Which has no button even then.
    ('pong', 'skiing', False),
    ('pong', 'skiing', True),
  ):
    with pytest.raises(errors.ConfigError) as caught:
      _check(trained, played, full)
    assert _FULL not in str(caught.value)


def test_of_many_actions_the_first_are_named():
  with pytest.raises(errors.ConfigError, match=r'downright \.\.\. \(18\)'):
    _check('pong', 'boxing')


def test_equal_meanings_are_allowed():
  _check('pong', 'space_invaders')
  _check('ms_pacman', 'asterix')
  _check('pong', 'qbert', full=True)


def test_all_pairs():
  actions = {
    game: registry.spec(schema.EnvironmentConfig(game=game)).actions
    for game in games.names()
  }
  # Those of the 57 games which only names tell apart.
  equal = [
    (actions[a], actions[b])
    for a, b in itertools.combinations(games.ATARI_GAMES, 2)
    if len(actions[a]) == len(actions[b])
  ]
  assert (len(equal), sum(a != b for a, b in equal)) == (480, 32)
  for trained, played in itertools.permutations(actions, 2):
    if actions[trained] == actions[played]:
      _check(trained, played)
    else:
      with pytest.raises(errors.ConfigError):
        _check(trained, played)


def test_ctrl_c_ends_any_command_without_a_traceback(capsys):
  def interrupted():
    raise KeyboardInterrupt

  assert command_line.run(interrupted, ['command']) == 130
  assert capsys.readouterr().err == ''


def test_an_error_of_reading_is_no_directory_that_cannot_be_written():
  error = OSError(errno.EIO, os.strerror(errno.EIO), '/usr/roms/pong.bin')

  def reading():
    raise error

  with pytest.raises(OSError) as caught:
    command_line.run(reading, ['command'])
  assert caught.value is error


_NOISY = """
import sys
from absl import logging
from configs import errors
from launch import command_line

class Unfinished:
  def __del__(self):
    raise RuntimeError('Event loop is closed')

def main():
  global left
  for path in ('/lib/orbax/checkpoint/metadata.py', '/lib/other/module.py'):
    exec(compile('logging.warning(path)', path, 'exec'))
  left = Unfinished()
  raise errors.ConfigError('x=1: expected 2')

code = command_line.run(main)
del left
sys.exit(code)
"""


@pytest.mark.parametrize(('flag', 'lines'), [((), 2), (('--verbosity=0',), 3)])
def test_what_orbax_says_does_not_stand_beside_the_one_line(flag, lines):
  done = subprocess.run(
    [sys.executable, '-c', _NOISY, *flag],
    capture_output=True, text=True, timeout=60, check=False,
  )  # fmt: skip
  assert done.returncode == 2
  assert len(done.stderr.strip().splitlines()) == lines, done.stderr
  assert ('metadata.py' in done.stderr) == bool(flag)
  assert 'module.py' in done.stderr
  assert done.stderr.strip().endswith('error: x=1: expected 2')


def test_a_caller_in_this_process_keeps_its_hook():
  def refuses():
    raise errors.ConfigError('x=1: expected 2')

  hook = sys.unraisablehook
  assert command_line.run(refuses, ['command']) == 2
  assert sys.unraisablehook is hook

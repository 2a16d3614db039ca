"""Modules that count as not installed for a while."""

import importlib
import subprocess
import sys

import pytest

from attn_agents.utils import left_out


def test_imports_fail_inside_and_work_again_afterwards():
  sys.modules.pop('colorsys', None)
  with left_out.modules('colorsys', 'json'):
    with pytest.raises(ModuleNotFoundError):
      importlib.import_module('colorsys')
    # It was loaded before.
    assert importlib.import_module('json').dumps(1) == '1'
  assert importlib.import_module('colorsys').rgb_to_hsv(0, 0, 0) == (0, 0, 0)
  assert 'json' in sys.modules


def test_they_come_back_after_an_error_too():
  sys.modules.pop('colorsys', None)
  with pytest.raises(RuntimeError), left_out.modules('colorsys'):
    raise RuntimeError
  assert 'colorsys' not in sys.modules


def test_event_files_load_nothing_of_clouds():
  code = (
    'import sys, types\n'
    # As if it were installed, here and wherever this runs.
    'class Finder:\n'
    '  def find_spec(name, path=None, target=None):\n'
    "    assert name not in ('boto3', 'google.cloud.storage'), name\n"
    'sys.meta_path.insert(0, Finder)\n'
    'from attn_agents.learning import event_files\n'
    "print('tensorboardX' in sys.modules, 'boto3' in sys.modules)\n"
  )
  done = subprocess.run(
    [sys.executable, '-c', code], capture_output=True, text=True, check=False
  )
  assert done.stdout == 'True False\n', done.stderr

"""What `make demo` opens, and where."""

import os
import subprocess
import sys

from tests.launch import commands

_ASK = """
from launch import demo
print(demo.address_in('written   /a b/report.html (3.1 MB)\\n', 'written '))
print(demo.address_in('page      http://127.0.0.1:8712/\\n', 'page '))
print(repr(demo.address_in('run       zoo:s3ta_catch\\n', 'page ')))
print(demo.has_display({}, 'linux'), demo.has_display({'DISPLAY': ''}, 'linux'))
print(demo.has_display({'DISPLAY': ':0'}, 'linux'))
print(demo.has_display({'WAYLAND_DISPLAY': 'wayland-0'}, 'linux'))
"""


def test_what_is_made_is_opened_where_there_is_a_display():
  done = subprocess.run(
    [sys.executable, '-c', _ASK], cwd=commands.LAUNCH.parent,
    capture_output=True, text=True, timeout=60, check=True,
  )  # fmt: skip
  assert done.stdout.splitlines() == [
    'file:///a%20b/report.html',
    'http://127.0.0.1:8712/',
    "''",
    'False False',
    'True',
    'True',
  ]


def test_an_agent_that_there_is_not_is_one_line():
  assert "did you mean 'zoo:" in commands.refused('demo', '--run=zoo:s3ta_cash')
  line = commands.refused('demo', '--run=zoo:s3ta_catch', '--max_steps=0')
  assert '--max_steps=0: expected at least 1' in line


_REPORTS = """
import sys
from absl import flags
from launch import demo
asked = []
demo._show = lambda *args: asked.append(args) or 0
for steps in ('7', '9'):
  flags.FLAGS.unparse_flags()
  flags.FLAGS(['x', '--run=zoo:s3ta_catch', '--nolive', f'--max_steps={steps}'])
  demo.main()
print(*[x for args in asked for x in args if x.startswith('--out=')])
"""


def test_its_recordings_are_in_nobodys_way(tmp_path):
  """`analyze.py` and another length have directories of their own."""
  done = subprocess.run(
    [sys.executable, '-c', _REPORTS],
    cwd=tmp_path, capture_output=True, text=True, check=True,
    env=os.environ | {'PYTHONPATH': str(commands.LAUNCH.parent)},
  )  # fmt: skip
  first, second = done.stdout.split()
  assert first.endswith('s3ta_catch/analyses/demo_7')
  assert second.endswith('s3ta_catch/analyses/demo_9')

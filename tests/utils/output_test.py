"""Output whose reader is gone."""

import os
import pathlib
import subprocess
import sys
import time

import pytest

from attn_agents.utils import output

_SAY = """
import sys
from attn_agents.utils import output
output.ensure()
for _ in range(3):
  output.say('x' * 20_000)
sys.stdout.isatty()
with output.may_be_lost():
  print('x', file=sys.stderr)
sys.exit(75)
"""


@pytest.mark.parametrize('how', ['read', 'gone', 'closed'])
def test_a_process_ends_with_its_own_code(how):
  script = '"$@" >&- 2>&-' if how == 'closed' else '"$@" 2>&1'
  ours, theirs = os.pipe()
  if how == 'gone':
    os.close(ours)
  process = subprocess.Popen(
    ['sh', '-c', f'exec {script}', 'sh', sys.executable, '-c', _SAY],
    cwd=pathlib.Path(__file__).parents[2], stdout=theirs,
  )  # fmt: skip
  os.close(theirs)
  if how != 'gone':
    with open(ours) as pipe:
      said = pipe.read()
    assert len(said) == (60_005 if how == 'read' else 0)
  assert process.wait(60) == 75


def test_a_line_is_there_as_soon_as_it_is_said():
  code = (
    'import time; from attn_agents.utils import output;'
    'output.say("now"); time.sleep(60)'
  )
  process = subprocess.Popen(
    [sys.executable, '-c', code], cwd=pathlib.Path(__file__).parents[2],
    env={**os.environ, 'PYTHONUNBUFFERED': ''}, stdout=subprocess.PIPE,
    text=True,
  )  # fmt: skip
  began = time.monotonic()
  try:
    assert process.stdout.readline() == 'now\n'
    assert time.monotonic() - began < 50
  finally:
    process.kill()
    process.wait()


def test_nobody_reads_what_cannot_be_encoded_either(monkeypatch):
  for name in ('stdout', 'stderr'):
    monkeypatch.setattr(sys, name, None)
  output.ensure()
  output.say('\udcff')
  print('\udcff', file=sys.stderr, flush=True)
  for stream in (sys.stdout, sys.stderr):
    stream.close()

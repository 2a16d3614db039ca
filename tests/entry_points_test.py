"""Processes that the package starts by `python -m`: each reads its command."""

import os
import runpy
import signal
import subprocess
import sys

import pytest

from attn_agents.distributed import tied


@pytest.mark.parametrize(
  ('module', 'needed'),
  [
    ('attn_agents.population.turn', '--root, --member'),
    ('attn_agents.distributed.relay.process', '--settings'),
    ('attn_agents.distributed.roles.actor', '--topology, --actor'),
    ('attn_agents.runs.initial_parameters', 'config'),
  ],
)
def test_what_a_process_needs_is_asked_for(module, needed, monkeypatch, capsys):
  monkeypatch.setattr(sys, 'argv', [module])
  # It is loaded once more, under another name.
  monkeypatch.delitem(sys.modules, module, raising=False)
  with pytest.raises(SystemExit) as caught:
    runpy.run_module(module, run_name='__main__', alter_sys=False)
  assert caught.value.code == 2
  expected = f'error: the following arguments are required: {needed}\n'
  assert capsys.readouterr().err.endswith(expected)


def test_a_process_that_is_tied_becomes_its_command_or_ends():
  def run(command):
    said = subprocess.run(
      command, capture_output=True, text=True, timeout=60, check=False
    )
    return said.returncode, said.stdout

  command = tied.command([sys.executable, '-c', 'print(7)'])
  assert run(command) == (0, '7\n')
  # Its parent is gone: another process has it now.
  gone = [x if x != str(os.getpid()) else str(os.getppid()) for x in command]
  assert run(gone) == (-signal.SIGTERM, '')

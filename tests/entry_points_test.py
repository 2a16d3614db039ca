"""Processes that the package starts by `python -m`: each reads its command."""

import dataclasses
import os
import runpy
import signal
import subprocess
import sys

import pytest

from attn_agents.distributed import tied
from attn_agents.distributed.hosts import finding, meeting
from attn_agents.utils import machine
from configs import errors


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


def test_programs_and_roles_ask_where_the_run_is():
  # Some hide TensorFlow from whatever comes after.
  modules = [
    'attn_agents.distributed.programs.threads',
    'attn_agents.distributed.programs.launchpad',
    'attn_agents.distributed.roles.reverb_servers',
  ]
  started = [
    subprocess.Popen(
      [sys.executable, '-m', module], stderr=subprocess.PIPE, text=True
    )
    for module in modules
  ]
  for process in started:
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    assert said.endswith('arguments are required: --topology\n')


def test_hosts_meet_in_processes_of_their_own():
  (port,) = machine.free_ports(1)
  request = meeting.Request(f'127.0.0.1:{port}', 1, 0, 30.0, {'game': 'catch'})
  assert meeting.meet(request) is None
  refused = dataclasses.replace(request, refusal='no GPU')
  with pytest.raises(errors.ConfigError) as caught:
    meeting.meet(refused)
  assert str(caught.value) == 'host 0: no GPU'


def test_a_process_in_no_cluster_says_so(monkeypatch):
  for name in list(os.environ):
    if name.startswith(('SLURM_', 'TPU_', 'OMPI_', 'KUBERNETES_', 'PMI_')):
      monkeypatch.delenv(name)
  with pytest.raises(errors.ConfigError) as caught:
    finding.find('slurm')
  assert str(caught.value).startswith(
    '--cluster=slurm: JAX does not find out which hosts there are (this '
    'process is not in a cluster of that kind); expected'
  )


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

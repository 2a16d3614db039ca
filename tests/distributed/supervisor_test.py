import os
import signal
import threading

import pytest

from attn_agents.distributed import supervisor, topology


class _BrokenTerminal:
  def update(self, statuses):
    raise BrokenPipeError

  def close(self):
    raise BrokenPipeError


_ROLES = """
import os, signal, sys, time
from attn_agents.distributed import lifecycle, topology
place = topology.from_json(sys.argv[1].partition('=')[2])
stop = lifecycle.StopSignal()
status = lifecycle.StatusFile(place.logdir, 'learner')
status.set('running')
time.sleep(1.0)
if os.environ.get('END') == 'done':
  status.set('done')
stop.event.wait()
status.set('stopped', saved=7)
"""


@pytest.mark.parametrize('end', ['done', 'signal'])
def test_a_run_does_not_depend_on_being_watched(tmp_path, monkeypatch, end):
  """A program of one process stands in for Launchpad's."""
  (tmp_path / 'checkpoints' / '7').mkdir(parents=True)
  program = tmp_path / 'program.py'
  program.write_text(_ROLES)
  monkeypatch.setenv('END', end)
  monkeypatch.setitem(supervisor._PROGRAMS, 'launchpad', [str(program)])
  place = topology.Topology(str(tmp_path), 'x:1', 'x:2', (0,), 4)
  if end == 'signal':
    threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT)).start()
  old = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
  try:
    ending = supervisor.Supervisor(place, _BrokenTerminal()).run()
  finally:
    for number, handler in zip(
      (signal.SIGINT, signal.SIGTERM), old, strict=True
    ):
      signal.signal(number, handler)
  assert ending.code == 0
  assert ending.cause.startswith('done' if end == 'done' else 'stopped')

"""Runs that pack: they learn, and end as by any fault where data is damaged."""

import subprocess
import sys

import pytest

from attn_agents.distributed import lifecycle
from tests.launch import running

pytestmark = running.NEEDS_LAUNCHPAD

# Puts what no actor has packed into the queue of a run, within its network.
_PUT = """
import sys
from attn_agents.distributed import isolation
isolation.join(int(sys.argv[1]))
from attn_agents.transport.reverb import servers
import numpy as np
import reverb
client = reverb.Client(f'127.0.0.1:{sys.argv[2]}')
client.insert(np.array(b'damaged', dtype=object), {servers.QUEUE_TABLE: 1.0})
"""


def _server(run) -> tuple[int, int]:
  """The pid of Reverb's servers, and the port of the queue."""
  status = next(
    s for s in lifecycle.read_statuses(run.logdir) if s.role == 'reverb'
  )
  port = status.detail.partition('queue ')[2].partition(',')[0]
  return status.pid, int(port)


@pytest.mark.slow
def test_damaged_data_ends_the_run_saved_and_named(tmp_path):
  run = running.LocalRun(
    tmp_path / 'run', *running.TINY_CATCH, '--set=queue.packing=on'
  )
  try:
    # Whatever else the machine does.
    run.wait_until(lambda: len(run.rows()) >= 2, timeout=400)
    subprocess.run(
      [sys.executable, '-c', _PUT, *map(str, _server(run))],
      check=True, capture_output=True, cwd=running.ROOT,
    )  # fmt: skip
    assert run.end(timeout=60) == 1, run.text()
    assert 'a trajectory is damaged' in run.last_line(), run.text()
    assert 'checkpoint saved at' in run.last_line(), run.text()
    assert not run.orphans()
  finally:
    if run.process.poll() is None:
      run.kill_everything()


@pytest.mark.slow
@pytest.mark.parametrize(
  'settings',
  [
    running.TINY_REPLAY,
    (*running.TINY_CATCH, '--set=queue.unpack_on=device'),
  ],
  ids=['a replay', 'a device unpacks'],
)
def test_what_is_packed_is_learned_from(tmp_path, settings):
  run = running.LocalRun(
    tmp_path / 'run', *settings, '--set=queue.packing=on', '--max_frames=12000'
  )
  try:
    assert run.end(timeout=400) == 0, run.text()
    assert run.rows()[-1]['learner_steps'] > 10
    assert not run.orphans()
  finally:
    if run.process.poll() is None:
      run.kill_everything()

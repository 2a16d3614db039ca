"""Two learner hosts, one of which makes a mistake."""

import json
import re

from attn_agents.utils import machine
from tests.distributed.hosts import differing, processes


def test_a_host_with_other_parameters_ends_the_run_before_it_is_saved(
  tmp_path,
):
  address = f'127.0.0.1:{machine.free_ports(1)[0]}'
  paths = [tmp_path / f'{index}.json' for index in range(2)]
  started = [
    processes.start(differing, address, 2, index, path)
    for index, path in enumerate(paths)
  ]
  try:
    for process in started:
      text = process.communicate(timeout=240)[1]
      assert process.returncode == 0, text
  finally:
    for process in started:
      process.kill()
  first, second = (json.loads(path.read_text()) for path in paths)
  assert first['failed'] and second['failed']
  assert first['cause'] == second['cause']
  (found,) = re.findall(
    r'^hosts 0 and 1 have different parameters or optimisers after update '
    r'(\d+):',
    first['cause'],
  )
  assert int(found) >= differing.GOOD
  # Every save before was compared; that one is none. How many there are is a
  # matter of time.
  assert first['saved']
  assert max(first['saved']) < differing.GOOD
  assert second['saved'] == []

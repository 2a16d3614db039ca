"""Two learner hosts, as two processes, learn what one learns."""

import numpy as np

from attn_agents.utils import machine
from tests.distributed.hosts import processes, updating


def test_two_hosts_learn_what_one_does(tmp_path):
  """Also in an update that one of them has nothing for."""
  address = f'127.0.0.1:{machine.free_ports(1)[0]}'
  places = {'first': (2, 0), 'second': (2, 1), 'alone': (1, 0)}
  started = [
    processes.start(updating, address, *place, tmp_path / f'{name}.npz')
    for name, place in places.items()
  ]
  for process in started:
    _, text = process.communicate(timeout=150)
    assert process.returncode == 0, text
  first, second, alone = (dict(np.load(tmp_path / f'{x}.npz')) for x in places)
  np.testing.assert_array_equal(first['state'], second['state'])
  np.testing.assert_allclose(first['state'], alone['state'], rtol=0, atol=1e-6)
  for one, other in ((first, second), (first, alone)):
    np.testing.assert_array_equal(one['counters'], other['counters'])
  steps, frames, games, updates, in_state = alone['counters'].tolist()
  assert (steps, frames) == (in_state, 4 * in_state)
  # As many in update n as n times the hosts.
  assert (games, updates) == (2 * (0 + 1 + 2 + 3), updating.UPDATES)
  # Said in update 3, heard once update 4 has begun.
  for host in (first, second):
    assert host['heard'].tolist() == [updating.UPDATES]
    assert host['saves'].tolist() == [[2, 3]]

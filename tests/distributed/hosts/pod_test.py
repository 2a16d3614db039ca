"""Four hosts of eight devices, the shape of a v3-32, make updates of S3TA."""

import numpy as np
import pytest

from attn_agents.utils import machine
from tests.distributed.hosts import pod, processes


def _start(address, count, index, devices, path):
  flags = f'--xla_force_host_platform_device_count={devices}'
  return processes.start(pod, address, count, index, path, XLA_FLAGS=flags)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_pod_learns_what_one_device_does(tmp_path):
  address = f'127.0.0.1:{machine.free_ports(1)[0]}'
  hosts = range(pod.HOSTS)
  started = [
    _start(address, pod.HOSTS, i, pod.DEVICES, tmp_path / f'{i}.npz')
    for i in hosts
  ]
  started.append(_start(address, 1, 0, 1, tmp_path / 'alone.npz'))
  try:
    for process in started:
      _, text = process.communicate(timeout=900)
      assert process.returncode == 0, text
  finally:
    for process in started:
      process.kill()
  alone = np.load(tmp_path / 'alone.npz')
  change = np.abs(alone['after'] - alone['before'])
  assert change.max() > 1e-4
  found = [np.load(tmp_path / f'{i}.npz')['after'] for i in hosts]
  for other in found[1:]:
    np.testing.assert_array_equal(other, found[0])
  np.testing.assert_allclose(found[0], alone['after'], rtol=0, atol=1e-6)

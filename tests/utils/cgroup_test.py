"""Control groups, against folders written by hand as the kernel shows them."""

import math
import pathlib

from attn_agents.utils import cgroup


def _tree(tmp_path: pathlib.Path, membership: str, files: dict[str, str]):
  (tmp_path / 'self').write_text(membership)
  root = tmp_path / 'cgroup'
  for name, text in files.items():
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + '\n')
  return {'root': root, 'membership': tmp_path / 'self'}


def test_version_2_smallest_limit_on_the_way_up_counts(tmp_path):
  tree = _tree(
    tmp_path,
    '0::/batch/job7/step:0\n',
    {
      'batch/job7/step:0/cpu.max': 'max 100000',
      'batch/job7/cpu.max': '250000 100000',
      'batch/cpu.max': '800000 100000',
      'batch/other/cpu.max': '100000 100000',
      'batch/job7/step:0/memory.max': '4096',
      'batch/job7/memory.max': 'max',
      'batch/memory.max': '8192',
    },
  )
  assert cgroup.cpu_limit(**tree) == 2.5
  assert cgroup.memory_limit(**tree) == 4096


def test_version_2_in_a_container_reads_its_own_root(tmp_path):
  tree = _tree(
    tmp_path, '0::/\n', {'cpu.max': '150000 50000', 'memory.max': '123'}
  )
  assert cgroup.cpu_limit(**tree) == 3
  assert cgroup.memory_limit(**tree) == 123


def test_version_1_controllers_mounted_together(tmp_path):
  tree = _tree(
    tmp_path,
    '4:memory:/docker/a\n3:cpu,cpuacct:/docker/a\n1:name=systemd:/\n',
    {
      'cpu,cpuacct/cpu.cfs_quota_us': '-1',
      'cpu,cpuacct/cpu.cfs_period_us': '100000',
      'cpu,cpuacct/docker/a/cpu.cfs_quota_us': '400000',
      'cpu,cpuacct/docker/a/cpu.cfs_period_us': '100000',
      'memory/docker/a/memory.limit_in_bytes': '5000',
    },
  )
  assert cgroup.cpu_limit(**tree) == 4
  assert cgroup.memory_limit(**tree) == 5000


def test_version_1_group_outside_of_the_container_falls_back_to_its_mount(
  tmp_path,
):
  tree = _tree(
    tmp_path,
    '3:cpu,cpuacct:/outside\n',
    {'cpu/cpu.cfs_quota_us': '50000', 'cpu/cpu.cfs_period_us': '100000'},
  )
  assert cgroup.cpu_limit(**tree) == 0.5


def test_no_limits(tmp_path):
  tree = _tree(tmp_path, '0::/\n', {'cpu.max': 'max 100000'})
  assert cgroup.cpu_limit(**tree) == math.inf
  assert cgroup.memory_limit(**tree) == math.inf
  missing = {'root': tmp_path / 'no', 'membership': tmp_path / 'none'}
  assert cgroup.cpu_limit(**missing) == math.inf

"""How much of the machine this container or batch job may use.

`os.cpu_count()` and the physical memory say what the machine has; a container
runtime or scheduler limits its share through control groups, version 1 or 2
(Linux kernel documentation, admin-guide/cgroup-v1 and cgroup-v2). A group's
limits bind all groups below it, so the smallest on the way to the root counts.
"""

import math
import pathlib
from collections.abc import Iterator

_CGROUPS = pathlib.Path('/sys/fs/cgroup')
_MEMBERSHIP = pathlib.Path('/proc/self/cgroup')


def cpu_limit(
  root: pathlib.Path = _CGROUPS, membership: pathlib.Path = _MEMBERSHIP
) -> float:
  """Returns the CPU time per wall time this process may use, or infinity."""
  limits = [math.inf]
  for group in _groups('cpu', root, membership):
    quota, _, period = _read(group / 'cpu.max').partition(' ')
    if not quota:
      quota = _read(group / 'cpu.cfs_quota_us')
      period = _read(group / 'cpu.cfs_period_us')
    # No limit is 'max' in version 2 and -1 in version 1.
    if quota.isdigit() and period.isdigit():
      limits.append(int(quota) / int(period))
  return min(limits)


def memory_limit(
  root: pathlib.Path = _CGROUPS, membership: pathlib.Path = _MEMBERSHIP
) -> float:
  """Returns the bytes of memory this process may use, or infinity.

  Version 1 says "no limit" by a number near 2 ** 63, which is returned as it
  is: every machine has less.
  """
  limits = [math.inf]
  for group in _groups('memory', root, membership):
    for name in ('memory.max', 'memory.limit_in_bytes'):
      limit = _read(group / name)
      if limit.isdigit():
        limits.append(int(limit))
  return min(limits)


def _groups(
  controller: str, root: pathlib.Path, membership: pathlib.Path
) -> Iterator[pathlib.Path]:
  """Yields the folders of this process's groups that limit `controller`."""
  for line in _read(membership).splitlines():
    _, controllers, path = line.split(':', 2)
    if not controllers:
      mount = root
    elif controller in controllers.split(','):
      mount = root / controllers
      if not mount.exists():
        mount = root / controller
    else:
      continue
    group = pathlib.PurePosixPath(path.lstrip('/'))
    for level in (group, *group.parents):
      # Inside a container the outer levels may not be there; those are.
      yield mount / level


def _read(path: pathlib.Path) -> str:
  try:
    return path.read_text().strip()
  except OSError:
    return ''

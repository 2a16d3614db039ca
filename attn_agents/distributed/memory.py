"""Memory in large pages, for processes that hold a run's arrays on the CPU.

A learner touches gigabytes anew in each update. In pages of 4 KiB the kernel
spends a tenth of S3TA's update handing them out; in pages of 2 MiB half of that
is gone.
"""

import os

_TUNABLES = 'GLIBC_TUNABLES'
# Asks for transparent huge pages where the system's setting is 'madvise'. Known
# to glibc from 2.35 on; older ones ignore what they do not know.
_LARGE_PAGES = 'glibc.malloc.hugetlb=1'


def environment() -> dict[str, str]:
  """What a process must have in its environment when it starts.

  Nothing where the user has set glibc's tunables.
  """
  return {} if _TUNABLES in os.environ else {_TUNABLES: _LARGE_PAGES}

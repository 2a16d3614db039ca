"""What Google's cloud says of a host with TPUs. Standard library only."""

import os
import urllib.error
import urllib.request

# JAX reads the same variable.
_SERVER = os.environ.get('GCE_METADATA_IP', 'metadata.google.internal')
_SECONDS = 5.0


def read(server: str | None = None) -> str:
  """The host's `tpu-env`, lines of names and values.

  Args:
    server: host, or host:port, of the metadata server; None for the cloud's.

  Returns:
    '' where nobody answers, or nothing is known: the machine is no host with
    TPUs of that cloud, or gets its variables otherwise.
  """
  url = (
    f'http://{server or _SERVER}/computeMetadata/v1/instance/attributes/tpu-env'
  )
  request = urllib.request.Request(url, headers={'Metadata-Flavor': 'Google'})
  try:
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
      return answer.read().decode()
  except (OSError, ValueError, urllib.error.URLError):
    return ''

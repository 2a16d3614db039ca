"""What each side brings to a handshake: TLS 1.3, and the run's key."""

import ssl
from collections.abc import Sequence

from attn_agents.distributed import run_key

# The service of a client that only wants to know whether it is accepted.
CHECK = 'check'


def context(key: run_key.RunKey, services: Sequence[str]) -> ssl.SSLContext:
  """Makes the context of one side.

  Args:
    key: of this side; a learner host's answers, an actor host's asks.
    services: that the one has, or the one that the other wants; at most 255
      bytes of ASCII each.
  """
  answers = key.role == run_key.LEARNER
  made = ssl.SSLContext(
    ssl.PROTOCOL_TLS_SERVER if answers else ssl.PROTOCOL_TLS_CLIENT
  )
  made.minimum_version = ssl.TLSVersion.TLSv1_3
  # A host is known by its run's key, wherever it is and whatever it is called.
  made.check_hostname = False
  made.verify_mode = ssl.CERT_REQUIRED
  made.load_verify_locations(cadata=key.authority)
  made.load_cert_chain(key.path)
  made.set_alpn_protocols(list(services))
  if answers:
    # Nobody resumes a session.
    made.num_tickets = 0
  return made

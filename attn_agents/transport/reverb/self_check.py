"""A Reverb round trip, for `launch/doctor.py`."""

import time

import numpy as np
import reverb

from attn_agents.utils import machine

_TABLE = 'self_check'


def round_trip() -> str:
  """Sends an array through a server of its own.

  Returns:
    One line of detail.

  Raises:
    RuntimeError: what came back is not what was sent.
  """
  (port,) = machine.free_ports(1)
  server = reverb.Server([reverb.Table.queue(_TABLE, max_size=1)], port=port)
  try:
    client = reverb.Client(f'127.0.0.1:{port}')
    sent = np.arange(1000, dtype=np.float32)
    start = time.monotonic()
    client.insert(sent, {_TABLE: 1.0})
    sample = next(client.sample(_TABLE, 1, emit_timesteps=False))
    seconds = time.monotonic() - start
    if not np.array_equal(sample.data[0][0], sent):
      raise RuntimeError('an array came back changed')
    return f'an array went through port {port} in {1000 * seconds:.0f} ms'
  finally:
    server.stop()

"""Makes the learners of all hosts one JAX program."""

import functools
import inspect
import socket
from typing import Any

from attn_agents.distributed.hosts import store
from attn_agents.distributed.relay import addresses

# JAX's own heartbeats only back ours up (`watch.py`), which tell who is lost.
_HEARTBEAT_SECONDS = 100


class AbsentError(RuntimeError):
  """Other learner hosts did not come in time."""


def join(address: str, count: int, index: int, seconds: float) -> store.Store:
  """Connects this process with the learners of all hosts.

  Must be called before anything makes JAX look for devices. Afterwards
  `jax.devices()` are those of all hosts, in their order.

  Args:
    address: 'host:port' of the coordinator, where host 0 listens.
    count: learner hosts.
    index: of this one.
    seconds: to wait for all of them.

  Raises:
    AbsentError: some did not come.
    RuntimeError: JAX refuses, for example since the port is in use.
  """
  store.outlast_aborts()
  from jax._src import distributed

  state: Any = distributed.global_state
  # JAX's own would replace our handler of SIGTERM.
  state.initialize_preemption_sync_manager = lambda: None
  state.preemption_sync_manager = _NoPreemption()
  _announce(own_address(address))

  def connect() -> None:
    state.initialize(
      coordinator_address=address,
      num_processes=count,
      process_id=index,
      cluster_detection_method='deactivate',
      initialization_timeout=int(seconds) + 1,
      coordinator_bind_address=address,
      **_heartbeats(state.initialize),
    )

  try:
    came = store.within(seconds, connect)
  except BaseException as error:
    raise RuntimeError(f'JAX cannot join the hosts: {error}') from error
  if not came:
    raise AbsentError(
      f'of {count} learner hosts not all came to {address} within {seconds:g} s'
    )
  return store.Store(state.client, index)


def own_address(coordinator: str) -> str:
  """The address of this host that others see, as the way to one of them says.

  Args:
    coordinator: 'host:port'.
  """
  family, kind, _, _, target = socket.getaddrinfo(
    *addresses.parse(coordinator, '--coordinator_address'),
    type=socket.SOCK_DGRAM,
  )[0]
  # Sends nothing.
  with socket.socket(family, kind) as way:
    way.connect(target)
    return str(way.getsockname()[0])


class _NoPreemption:
  """Stands for what hears SIGTERM for JAX, and is asked by Orbax."""

  def reached_sync_point(self, step: int) -> bool:
    """Requests to stop go another way."""
    del step
    return False


def _announce(address: str) -> None:
  """Has gloo, JAX's collectives on CPUs, listen on an address.

  By default it takes what the host's name resolves to: on many systems a
  loopback address, where nobody else can connect.
  """
  from jax._src.lib import xla_client

  make = getattr(xla_client._xla, 'make_gloo_tcp_collectives', None)
  if make is not None:
    xla_client._xla.make_gloo_tcp_collectives = functools.partial(
      make, hostname=address
    )


def _heartbeats(initialize: Any) -> dict[str, int]:
  """Arguments for JAX's own heartbeats, which have changed their names."""
  known = inspect.signature(initialize).parameters
  seconds = {'heartbeat_timeout_seconds': _HEARTBEAT_SECONDS}
  counted = {
    f'{who}_{what}': 10
    for who in ('service', 'client')
    for what in ('heartbeat_interval_seconds', 'max_missing_heartbeats')
  }
  return {
    name: value
    for name, value in {**seconds, **counted}.items()
    if name in known
  }


def hand_over(tree: Any) -> Any:
  """Gives every host the arrays of host 0, bit by bit.

  Args:
    tree: arrays of NumPy; of other hosts, only their shapes and dtypes count.

  Returns:
    The same on all hosts.
  """
  import jax
  import numpy as np
  from jax.experimental import multihost_utils

  leaves, structure = jax.tree.flatten(tree)
  leaves = [np.asarray(x) for x in leaves]
  data = b''.join(x.tobytes() for x in leaves)
  # Sums of integers are exact; of floats, negative zeros would be lost.
  words = np.frombuffer(data + bytes(-len(data) % 4), np.uint32)
  whole = np.asarray(multihost_utils.broadcast_one_to_all(words)).tobytes()
  found, start = [], 0
  for x in leaves:
    found.append(
      np.frombuffer(whole, x.dtype, x.size, start).reshape(x.shape).copy()
    )
    start += x.nbytes
  return jax.tree.unflatten(structure, found)

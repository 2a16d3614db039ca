"""The two Reverb servers: the queue or replay, and the variable server.

Both are plain Reverb (tensors only); no process of ours listens with Courier,
which decodes pickles from anyone who reaches it.
"""

from typing import Any, NamedTuple

import reverb
import tensorflow as tf
import tree

from attn_agents import types
from attn_agents.utils import machine

QUEUE_TABLE = 'trajectories'
# Of a packed queue: holds nothing, and says what its items are made of.
UNPACKED_TABLE = 'unpacked'
REPLAY_TABLE = 'replay'
REPORTS_TABLE = 'reports'
PARAMETERS_TABLE = 'parameters'
VERSION_TABLE = 'version'


class Limits(NamedTuple):
  """Sizes and rates of a replay.

  Attributes:
    capacity: sequences, one for each transition that ends one.
    samples_per_insert: how often each is sampled on average.
    min_size: sequences before any is sampled.
    tolerance: samples by which the ratio may be off for a while.
  """

  capacity: int
  samples_per_insert: float
  min_size: int
  tolerance: float


class PortInUseError(RuntimeError):
  """Somebody already listens on the port asked for."""


def queue_server(
  spec: types.Nest, capacity: int, port: int = 0, packed: bool = False
) -> reverb.Server:
  """Starts the queue: first in first out, every item sampled exactly once.

  A full queue makes writers wait, so actors can be ahead of the learner by no
  more than its capacity and the one unroll each has in hand.

  Args:
    spec: shapes and dtypes of one `types.Trajectory`.
    capacity: items (unrolls of one actor) it holds.
    port: fixed port, 0 for any free one.
    packed: an item is the bytes of a `packing.Packer`. Both ends see it from
      the tables.

  Raises:
    PortInUseError: the port is taken.
  """
  signature = _signature(spec)
  if not packed:
    table = reverb.Table.queue(
      QUEUE_TABLE, max_size=capacity, signature=signature
    )
    return _serve([table], port)
  # TensorFlow's strings, any bytes, are what may differ in length.
  table = reverb.Table.queue(
    QUEUE_TABLE,
    max_size=capacity,
    signature=tf.TensorSpec((), tf.string, name='packed'),
  )
  return _serve([table, _newest_only(UNPACKED_TABLE, signature)], port)


def replay_server(
  spec: types.Nest,
  report: types.ReplayReport,
  limits: Limits,
  port: int = 0,
  checkpointer: reverb.checkpointers.CheckpointerBase | None = None,
) -> reverb.Server:
  """Starts a replay: sampled uniformly, the oldest sequences go first.

  Beside it lie the actors' reports, each read once; they are part of what the
  checkpointer keeps, so that no step is lost or counted twice.

  Args:
    spec: `table.Packed` of shapes and dtypes of one sequence [R, ...].
    report: shapes and dtypes of one `types.ReplayReport`.
    limits: sizes and rates.
    port: fixed port, 0 for any free one.
    checkpointer: where the server is kept, and what it starts from.

  Raises:
    PortInUseError: the port is taken.
  """
  replay = reverb.Table(
    name=REPLAY_TABLE,
    sampler=reverb.selectors.Uniform(),
    remover=reverb.selectors.Fifo(),
    max_size=limits.capacity,
    rate_limiter=reverb.rate_limiters.SampleToInsertRatio(
      limits.samples_per_insert, limits.min_size, limits.tolerance
    ),
    signature=_signature(spec),
  )
  # Without a limit of its own that could matter: actors wait for the replay.
  reports = reverb.Table(
    name=REPORTS_TABLE,
    sampler=reverb.selectors.Fifo(),
    remover=reverb.selectors.Fifo(),
    max_size=limits.capacity,
    max_times_sampled=1,
    rate_limiter=reverb.rate_limiters.MinSize(1),
    signature=_signature(report),
  )
  return _serve([replay, reports], port, checkpointer)


def variable_server(num_values: int, port: int = 0) -> reverb.Server:
  """Starts the variable server: the newest parameters and their version.

  The version stands in a table of its own, so that actors learn for a few
  bytes that nothing has changed.

  Args:
    num_values: length of the flat parameter vector.
    port: fixed port, 0 for any free one.

  Raises:
    PortInUseError: the port is taken.
  """
  version = tf.TensorSpec((), tf.int64)
  tables = [
    _newest_only(
      PARAMETERS_TABLE, (tf.TensorSpec((num_values,), tf.float32), version)
    ),
    _newest_only(VERSION_TABLE, version),
  ]
  return _serve(tables, port)


def _signature(spec: types.Nest) -> types.Nest:
  """A tree of TensorSpecs like a tree of leaves with `shape` and `dtype`."""

  def leaf(path: tuple[Any, ...], x: Any) -> tf.TensorSpec:
    name = '/'.join(str(p) for p in path)
    return tf.TensorSpec(x.shape, tf.as_dtype(x.dtype), name=name)

  return tree.map_structure_with_path(leaf, spec)


def _newest_only(name: str, spec: types.Nest) -> reverb.Table:
  return reverb.Table(
    name=name,
    sampler=reverb.selectors.Fifo(),
    remover=reverb.selectors.Fifo(),
    max_size=1,
    rate_limiter=reverb.rate_limiters.MinSize(1),
    signature=spec,
  )


def _serve(
  tables: list[reverb.Table],
  port: int,
  checkpointer: reverb.checkpointers.CheckpointerBase | None = None,
) -> reverb.Server:
  if port:
    # Reverb sets SO_REUSEPORT: a second server on a taken port starts without
    # a word and takes half of the clients.
    try:
      machine.check_port(port)
    except OSError as error:
      raise PortInUseError(
        f'port {port} for {tables[0].name} is taken: {error.strerror}'
      ) from None
  return reverb.Server(
    tables, port=port or machine.free_ports(1)[0], checkpointer=checkpointer
  )


def wait_until_up(address: str) -> None:
  """Blocks until the Reverb server at `address` answers."""
  reverb.Client(address).server_info()

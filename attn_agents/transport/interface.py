"""What connects actors and learner, as each end of it sees it.

actor    TrajectorySink  -->  queue or replay  -->  TrajectorySource  learner
VariableSource  <--    the newest     <--  VariablePublisher
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from attn_agents import types


class TrajectorySink(Protocol):
  """An actor's end of the queue or replay."""

  def insert(self, trajectory: types.Trajectory) -> float:
    """Adds an unroll, waiting for room; returns the seconds waited.

    Raises:
      ValueError: an array is not of the shape and dtype of the run.
    """


class TrajectorySource(Protocol):
  """The learner's end of the queue or replay."""

  def batches(self) -> Iterator[Any]:
    """Yields what a feeder makes batches of, without end.

    Lists of `types.Trajectory` from a queue, `sequences.Sampled` from a replay.
    Blocks while there is too little: iterate in a thread that may be abandoned.
    """

  def stats(self) -> Mapping[str, float]:
    """Values of `metrics.SOURCE_COLUMNS`, as far as there are any."""

  def save(self, learner_steps: int, at_end: bool) -> None:
    """Keeps what a replay holds beside the checkpoint of that step.

    A queue keeps nothing: what waits there is as good as never played.

    Raises:
      StorageError: it cannot be written; nothing of it is left.
    """


class VariablePublisher(Protocol):
  """The learner's end of the variables."""

  def publish(self, values: types.Array, version: int) -> None:
    """Makes `values` (float32 [P]) the newest variables, once computed."""


class VariableSource(Protocol):
  """An actor's end of the variables."""

  def take(self) -> tuple[int, types.Array] | None:
    """(version, float32 [P]) if newer than the last taken, else None.

    Never blocks.

    Raises:
      RuntimeError: variables cannot be fetched any more.
    """

  def wait(self, timeout: float) -> bool:
    """Waits until there are some to take; False after `timeout` seconds.

    Raises:
      RuntimeError: see `take`.
    """


class Transport(Protocol):
  """Makes both ends of both.

  Between processes, each process has a transport of its own.
  """

  def make_sink(self) -> TrajectorySink:
    """For one actor, from one start of it to its end."""

  def make_source(self) -> TrajectorySource:
    """For the learner."""

  def make_publisher(self) -> VariablePublisher:
    """For the learner."""

  def make_variable_source(self) -> VariableSource:
    """For one actor, from one start of it to its end."""

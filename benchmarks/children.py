"""Alternatives in processes of their own, kept alive from round to round.

XLA's flags and the cores to run on are fixed when a process starts, and cannot
alternate within one. So each alternative is prepared once in a child, which
then runs when it is asked to; the others wait meanwhile.
"""

import concurrent.futures
import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks import harness

Run = Callable[[], harness.Measurement]

# Of a child: what it was made ready for.
_run: Run | None = None


class Child:
  """A process that has one thing to measure; ends with the parent."""

  def __init__(
    self,
    make: Callable[..., Run],
    args: Sequence[Any] = (),
    environment: Mapping[str, str] | None = None,
    cores: Sequence[int] | None = None,
  ):
    """Starts the process and waits until it is ready.

    Args:
      make: a module's function; called once, in the child, with `args`.
      args: picklable.
      environment: variables that differ from this process's.
      cores: those it may run on; None for all.

    Raises:
      harness.FailedError: `make` raised, or the process died.
    """
    self._executor = concurrent.futures.ProcessPoolExecutor(
      max_workers=1, mp_context=multiprocessing.get_context('spawn')
    )
    # A child reads its variables before any of our code runs there.
    with _changed_environment(environment or {}):
      self._ask(_prepare, make, tuple(args), cores)

  def run(self) -> harness.Measurement:
    """One run in the child.

    Raises:
      harness.FailedError: it raised, or the process died.
    """
    return self._ask(_call)

  def _ask(self, function: Callable[..., Any], *args: Any) -> Any:
    try:
      return self._executor.submit(function, *args).result()
    except Exception as error:
      self._executor.shutdown(cancel_futures=True)
      raise harness.FailedError(f'{type(error).__name__}: {error}') from error


def make_run(
  make: Callable[..., Run], args: Sequence[Any], xla_flags: str = ''
) -> Run:
  """make(*args) in this process or, with XLA flags, in one that has them.

  Raises:
    harness.FailedError: as `Child`.
  """
  if not xla_flags:
    return make(*args)
  return Child(make, args, {'XLA_FLAGS': xla_flags}).run


def _prepare(
  make: Callable[..., Run], args: Sequence[Any], cores: Sequence[int] | None
) -> None:
  # The runs to come find it here; the process has no other memory.
  global _run  # noqa: PLW0603
  threading.Thread(target=_end_with_parent, daemon=True).start()
  if cores is not None:
    os.sched_setaffinity(0, cores)
  _run = make(*args)


def _end_with_parent() -> None:
  """A killed parent cannot tell its children to end."""
  parent = multiprocessing.parent_process()
  if parent is not None:
    parent.join()
    os._exit(1)


def _call() -> harness.Measurement:
  assert _run is not None
  return _run()


@contextlib.contextmanager
def _changed_environment(changes: Mapping[str, str]) -> Iterator[None]:
  before = dict(os.environ)
  os.environ.update(changes)
  try:
    yield
  finally:
    os.environ.clear()
    os.environ.update(before)

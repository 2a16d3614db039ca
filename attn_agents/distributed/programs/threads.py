"""A whole run in one process, for `--runtime=threads`.

    main thread: signals, the last save
    learner      <--batches-- threads.queue   <--trajectories-- actor 0..n-1
        |                                                            ^
        +---parameters--> threads.variables   -----------------------+

The counterpart of `programs/launchpad.py`. It needs neither Launchpad, Reverb
nor TensorFlow, and opens no port.
"""

import contextlib
import sys
import threading
import traceback
from typing import TYPE_CHECKING

from attn_agents.distributed import lifecycle, topology
from attn_agents.distributed.roles import (
  actor,
  actor_supervisor,
  evaluator,
  learner,
)
from attn_agents.runs import run_directory, saved_runs
from attn_agents.utils import stopping

if TYPE_CHECKING:
  from attn_agents import experiment
  from attn_agents.learning import training
  from attn_agents.transport import interface


class OneProcess(learner.LearnerRole):
  """The learner's role, with its actors and evaluator as threads beside it."""

  shared_log = 'threads'

  def __init__(self, place: topology.Topology):
    """Starts nothing."""
    super().__init__(place)
    self._other_statuses: list[lifecycle.StatusFile] = []

  def _connect(self, parts: 'experiment.Experiment') -> 'interface.Transport':
    """Makes the queue or replay, and starts the actors."""
    from attn_agents.transport.threads import transport

    run = run_directory.RunDirectory(self.place.logdir)
    connection = transport.ThreadsTransport(
      parts, run.replay, saved_runs.newest(run), self._stop
    )
    for index in self.place.actors:
      status = self._status_file('actor_supervisor', index)
      # Before any actor runs: the supervisor of the run reads in these files
      # that all actors have failed.
      status.set('starting')
      self._other_statuses.append(status)
      threading.Thread(
        target=self._keep_alive,
        args=(index, status, parts, connection),
        name=f'actor-{index}',
        daemon=True,
      ).start()
    return connection

  def _make_training(self) -> 'training.Training':
    made = super()._make_training()
    if self.place.evaluate:
      threading.Thread(
        target=self._evaluate,
        args=(self._status_file('evaluator', 0),),
        name='evaluator',
        daemon=True,
      ).start()
    return made

  def _evaluate(self, status: lifecycle.StatusFile) -> None:
    self._other_statuses.append(status)
    config = self._experiment().config
    try:
      evaluator.evaluate(self.place, config, status, self._stop)
    except Exception as error:
      traceback.print_exc()
      self._end_run(status, error)

  def _end_run(self, status: lifecycle.StatusFile, error: Exception) -> None:
    # A full disk may be the reason, and then cannot be reported.
    with contextlib.suppress(OSError):
      status.set_failed(error)
    self._stop.event.set()

  def _disconnect(self) -> None:
    self._stop.event.set()
    # Also of actors in the middle of a step: the process is about to end.
    for status in self._other_statuses:
      status.set('stopped')

  def _keep_alive(
    self,
    index: int,
    status: lifecycle.StatusFile,
    parts: 'experiment.Experiment',
    connection: 'interface.Transport',
  ) -> None:
    """An actor's thread: runs the actor again when it fails."""

    def run_actor(restart: int) -> str | None:
      return self._run_actor(index, restart, parts, connection)

    try:
      actor_supervisor.keep_alive(
        run_actor, f'actor-{index}', parts.config, status, self._stop
      )
    except Exception as error:
      # Whatever it is, a learner without data must not wait for it.
      self._end_run(status, error)

  def _run_actor(
    self,
    index: int,
    restart: int,
    parts: 'experiment.Experiment',
    connection: 'interface.Transport',
  ) -> str | None:
    """Runs an actor once; see `actor_supervisor.keep_alive`."""
    import jax

    status = self._status_file('actor', index)
    status.set('starting', restarts=restart)
    # A replay is larger than a device's memory.
    keep_on_device = jax.default_backend() != 'cpu' and parts.replay is None
    try:
      actor.play(
        self.place,
        parts,
        index,
        restart,
        status,
        connection.make_variable_source(),
        connection.make_sink(),
        should_stop=self._stop,
        keep_on_device=keep_on_device,
      )
    except Exception as error:
      traceback.print_exc()
      status.set_failed(error)
      return f'failed: {type(error).__name__}: {error}'
    status.set('stopped')
    return None


def main() -> int:
  """Entry point of the process."""
  stopping.leave_to_parent()
  place = topology.from_command_line()
  OneProcess(place).run()
  return 0


if __name__ == '__main__':
  sys.exit(main())

"""The learner's process."""

import threading
import traceback
from typing import TYPE_CHECKING

from attn_agents.distributed import lifecycle
from attn_agents.distributed.roles import base
from attn_agents.runs import initial_parameters, run_directory
from attn_agents.utils import patience

if TYPE_CHECKING:
  from attn_agents import experiment
  from attn_agents.learning import training
  from attn_agents.transport import interface


class LearnerRole(base.Role):
  """Learns in a thread; the main thread stays free to stop and save."""

  name = 'learner'

  def work(
    self, status: lifecycle.StatusFile, stop: lifecycle.StopSignal
  ) -> None:
    """Learns until max_frames, a signal, or a fault; saves in each case."""
    self._status, self._stop = status, stop
    self._training: training.Training | None = None
    outcome: list[bool | BaseException] = []

    def learn() -> None:
      try:
        self._training = self._make_training()
        outcome.append(self._training.run(stop))
      except BaseException as error:
        traceback.print_exc()
        outcome.append(error)

    thread = threading.Thread(target=learn, name='learner', daemon=True)
    thread.start()
    while thread.is_alive() and not stop():
      thread.join(timeout=0.1)
    grace = patience.Patience(base.GRACE_SECONDS)
    while thread.is_alive() and not grace.is_over():
      thread.join(timeout=0.1)
    if self._training is not None:
      if not outcome:
        # In the middle of a long update: what the host knows is saved.
        self._training.save_latest()
      if self._training.saved is not None:
        status.set(
          'running',
          'saved',
          saved=self._training.saved.frames,
          warning=self._training.warning,
        )
    self._disconnect()
    if outcome and isinstance(outcome[0], BaseException):
      raise outcome[0]
    status.set('done' if outcome and outcome[0] else 'stopped')

  def _make_training(self) -> 'training.Training':
    import jax

    from attn_agents.learning import blindness, metrics, publisher, training
    from attn_agents.runs import checkpoints

    run = run_directory.RunDirectory(self.place.logdir)
    parts = self._experiment()
    devices = jax.local_devices()[: self.place.devices or None]
    checkpointer = checkpoints.Checkpointer(
      run.checkpoints, keep=parts.config.runtime.checkpoints_kept
    )
    if checkpointer.newest() is None:
      start = parts.initial_snapshot()
      if parts.config.runtime.init_from:
        start = initial_parameters.load_into(parts.config, start)
    else:
      start = checkpointer.restore(parts.state_spec())
    self._status.set(
      'starting',
      'connecting to the actors',
      frames=start.counters.frames,
      devices=[str(d) for d in devices],
    )
    connection = self._connect(parts)
    source = connection.make_source()
    background = publisher.BackgroundPublisher(connection.make_publisher())
    return training.Training(
      parts.make_learner(start, background, devices),
      parts.make_feeder(source.batches(), devices),
      metrics.MetricsWriter(run.path, start.counters.learner_steps),
      checkpointer,
      parts.config.runtime,
      start,
      max_frames=parts.config.max_frames,
      source=source,
      watch=blindness.Watch(parts.config.network.head),
      report=lambda what: self._status.set('running', what),
    )

  def _connect(self, parts: 'experiment.Experiment') -> 'interface.Transport':
    """What connects it with the actors."""
    from attn_agents.transport.reverb import transport

    run = run_directory.RunDirectory(self.place.logdir)
    return transport.ReverbTransport(
      parts,
      self.place.queue_address,
      self.place.variables_address,
      run.replay,
    )

  def _disconnect(self) -> None:
    """Called at the end, before the learner's final status."""

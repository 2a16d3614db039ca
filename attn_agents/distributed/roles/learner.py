"""The learner's process."""

import os
import threading
import traceback
from typing import TYPE_CHECKING

from attn_agents.distributed import lifecycle
from attn_agents.distributed.roles import base
from attn_agents.runs import initial_parameters, run_directory
from attn_agents.utils import patience

if TYPE_CHECKING:
  import jax

  from attn_agents import experiment
  from attn_agents.distributed.hosts import membership
  from attn_agents.learning import company as company_lib
  from attn_agents.learning import training
  from attn_agents.runs import snapshots
  from attn_agents.transport import interface


# How long a host waits to hear that host 0 has saved.
_SAVED_SECONDS = 20.0
_HURRY_SECONDS = 2.0


class LearnerRole(base.Role):
  """Learns in a thread; the main thread stays free to stop and save."""

  name = 'learner'

  def work(
    self, status: lifecycle.StatusFile, stop: lifecycle.StopSignal
  ) -> None:
    """Learns until max_frames, a signal, or a fault; saves in each case."""
    self._status, self._stop = status, stop
    self._training: training.Training | None = None
    self._hosts: membership.Membership | None = None
    self._alone: company_lib.Alone | None = None
    outcome: list[bool | BaseException] = []

    def learn() -> None:
      try:
        self._training = self._make_training()
        outcome.append(self._training.run(stop))
      except BaseException as error:
        traceback.print_exc()
        if self._hosts is None or self._hosts.is_reason(error):
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
      self._tell_saved(self._training)
    failed = outcome[0] if outcome else None
    if _is_absence(failed):
      status.set('running', 'leaving', interrupted=str(failed))
      failed = None
    if self._hosts is not None:
      self._leave_hosts(self._hosts, failed)
    elif self._alone is not None and self._alone.why:
      status.set('running', 'leaving', interrupted=self._alone.why)
    self._disconnect()
    if isinstance(failed, BaseException):
      raise failed
    status.set('done' if failed else 'stopped')

  def _tell_saved(self, made: 'training.Training') -> None:
    if made.saved is not None and self.place.host_index == 0:
      self._status.set(
        'running', 'saved', saved=made.saved.frames, warning=made.warning
      )

  def _leave_hosts(
    self, hosts: 'membership.Membership', failed: object
  ) -> None:
    """Leaves the other hosts in good order, or tells them why not."""
    if isinstance(failed, BaseException):
      hosts.fail(failed)
      return
    why = hosts.company.why()
    made = self._training
    saved = made.saved.frames if made and made.saved else None
    # Who was asked to stop here is killed some seconds later.
    patient = bool(failed or why)
    frames = hosts.part(saved, _SAVED_SECONDS if patient else _HURRY_SECONDS)
    if why:
      self._status.set('running', 'leaving', interrupted=why)
    if made is not None:
      self._status.set('running', 'leaving', **_seal(made))
    if frames is not None:
      self._status.set('running', 'saved', saved=frames)

  def _end_without(self, cause: str, failed: bool) -> None:
    """Ends this process after the loss of another host, in any thread.

    A normal end would wait for that host.
    """
    print(f'leaving: {cause}')
    made = self._training
    agreed = self._hosts is None or not self._hosts.company.differs
    if made is not None and self.place.host_index == 0 and agreed:
      saving = threading.Thread(
        target=self._save_what_there_is, args=(made,), daemon=True
      )
      saving.start()
      saving.join(base.GRACE_SECONDS)
    self._disconnect()
    if failed:
      self._status.set('failed', cause)
    else:
      self._status.set('stopped', interrupted=cause)
    os._exit(1 if failed else 0)

  def _save_what_there_is(self, made: 'training.Training') -> None:
    """The newest state that is on the host; an update may have lost its own."""
    made.save_latest()
    self._tell_saved(made)

  def _make_training(self) -> 'training.Training':
    if self.place.num_hosts > 1:
      self._status.set('starting', 'waiting for the other learner hosts')
      self._hosts = self._join_hosts()
    # Before the rest, which would load all of TensorFlow.
    parts = self._experiment()
    from attn_agents.evaluation import scores
    from attn_agents.learning import (
      blindness,
      game_scores,
      profiling,
      publisher,
      training,
    )
    from attn_agents.learning import company as company_lib

    run = run_directory.RunDirectory(self.place.logdir)
    devices = _devices(self.place.devices)
    start, checkpointer, writer = self._open_run(run, parts)
    company = self._hosts.company if self._hosts else None
    if company is None:
      self._alone = company_lib.Alone(self.place.has_actor_hosts)
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
      parts.make_learner(start, background, devices, company),
      parts.make_feeder(source.batches(), devices),
      writer,
      checkpointer,
      parts.config.runtime,
      start,
      max_frames=parts.config.max_frames,
      source=source,
      watch=blindness.Watch(parts.config.network.head),
      report=lambda what: self._status.set('running', what),
      scores=game_scores.GameScores(
        parts.games, scores.mean_capped, start.recent_of_games
      ),
      profiler=profiling.Profiler(
        # Where its metrics are.
        run.path / 'tensorboard',
        parts.config.runtime.updates_to_profile(),
      ),
      company_=company or self._alone,
      empty=lambda: parts.empty_batch(devices),
      # Together with other hosts it would wait for them.
      compile_first=company is None,
    )

  def _join_hosts(self) -> 'membership.Membership':
    from attn_agents.distributed.hosts import membership

    return membership.Membership(
      self.place, self._stop.event, self._end_without
    )

  def _open_run(
    self, run: run_directory.RunDirectory, parts: 'experiment.Experiment'
  ) -> tuple['snapshots.Snapshot', 'company_lib.Saver', 'company_lib.Writer']:
    """Where to begin, and where checkpoints and metrics go.

    Host 0 has them, and tells the others where to begin.
    """
    from attn_agents.learning import company as company_lib
    from attn_agents.learning import metrics
    from attn_agents.runs import checkpoints

    if self._hosts is not None and not self._hosts.company.leads:
      start = self._hosts.hand_over(parts.nothing_yet())
      return start, company_lib.NoCheckpoints(), company_lib.NoMetrics()
    checkpointer = checkpoints.Checkpointer(
      run.checkpoints,
      keep=parts.config.runtime.checkpoints_kept,
      host_of_many=self._hosts is not None,
    )
    if checkpointer.newest() is None:
      start = parts.initial_snapshot()
      if parts.config.runtime.init_from:
        start = initial_parameters.load_into(parts.config, start)
    else:
      start = checkpointer.restore(parts.state_spec())
    if self._hosts is not None:
      start = self._hosts.hand_over(start)
    writer = metrics.MetricsWriter(
      run.path, start.counters.learner_steps, parts.games
    )
    return start, checkpointer, writer

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


def _devices(count: int) -> list['jax.Device']:
  """So many devices of this host, all of them if 0."""
  import jax

  return jax.local_devices()[: count or None]


def _seal(made: 'training.Training') -> dict[str, int]:
  """By what hosts can be compared: updates, and a number of the state."""
  from attn_agents.runs import snapshots

  steps = made.latest.counters.learner_steps
  return {'updates': steps, 'digest': snapshots.digest(made.latest)}


def _is_absence(error: object) -> bool:
  """Whether other hosts have met this one, and then not come."""
  from attn_agents.distributed.hosts import joining

  return isinstance(error, joining.AbsentError)

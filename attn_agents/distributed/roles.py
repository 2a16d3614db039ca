"""What each process of a run does, from its start to its end.

A role is a class with `run()`, made of plain arguments, so that it can be sent
to its process. Heavy libraries are imported inside `run`, in the process that
needs them.
"""

import abc
import os
import pathlib
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from attn_agents.distributed import (
  evaluating,
  lifecycle,
  restarts,
  topology,
)
from attn_agents.runs import initial_parameters, run_directory, saved_runs

if TYPE_CHECKING:
  from attn_agents import experiment
  from attn_agents.learning import publisher, training

# Launchpad gives workers 10 s between the wish to stop and SIGKILL.
_GRACE_SECONDS = 6.0


class Role(abc.ABC):
  """Common start and end of every role."""

  name: str
  log_name = ''
  # Of the log, if roles of several names share one.
  shared_log = ''

  def __init__(self, place: topology.Topology, index: int = 0):
    """Remembers where the run is; nothing is started."""
    self.place = place
    self.index = index

  def run(self) -> None:
    """Runs the role and leaves its last word in the status file."""
    lifecycle.die_with_parent()
    log = f'{self.log_name or self.name}-{self.index}'
    lifecycle.log_to_file(self.place.logdir, self.shared_log or log)
    status = self._status_file(self.name, self.index)
    status.set('starting')
    stop = lifecycle.StopSignal()
    code = 1
    try:
      self.work(status, stop)
      code = 0
    except BaseException as error:
      traceback.print_exc()
      status.set('failed', f'{type(error).__name__}: {error}')
    # Threads blocked in C++ would hold a normal exit up for ever.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

  @abc.abstractmethod
  def work(
    self, status: lifecycle.StatusFile, stop: lifecycle.StopSignal
  ) -> None:
    """The role's own part; sets its last status unless it raises."""

  def _status_file(self, role: str, index: int) -> lifecycle.StatusFile:
    return lifecycle.StatusFile(
      self.place.logdir, role, index, shared_log=self.shared_log
    )

  def _experiment(self) -> 'experiment.Experiment':
    from attn_agents import experiment

    config = run_directory.RunDirectory(self.place.logdir).config()
    return experiment.Experiment(topology.apply(self.place, config))


class ReverbServers(Role):
  """Holds what actors played, queued or to be sampled, and the parameters.

  Two servers, each on a port of its own, in one process: every process that
  loads Reverb spends seconds and memory on importing TensorFlow.
  """

  name = 'reverb'

  def work(
    self, status: lifecycle.StatusFile, stop: lifecycle.StopSignal
  ) -> None:
    """Serves until told to stop."""
    from attn_agents.transport.reverb import servers, sources

    parts = self._experiment()
    run = run_directory.RunDirectory(self.place.logdir)
    queue = sources.make_server(
      parts,
      topology.port_of(self.place.queue_address),
      run.replay,
      saved_runs.newest(run),
    )
    variables = servers.variable_server(
      parts.num_variables, port=topology.port_of(self.place.variables_address)
    )
    status.set('running', f'queue {queue.port}, variables {variables.port}')
    stop.event.wait()
    self._outlast_learner()
    status.set('stopped')

  def _outlast_learner(self) -> None:
    """Stays until the learner, which may need its servers, has ended."""
    deadline = time.monotonic() + _GRACE_SECONDS
    while time.monotonic() < deadline:
      statuses = lifecycle.read_statuses(self.place.logdir)
      learner = next((s for s in statuses if s.role == 'learner'), None)
      if (
        learner is None
        or learner.state in lifecycle.ENDED
        or not lifecycle.is_alive(learner.pid)
      ):
        return
      time.sleep(0.1)


class LearnerRole(Role):
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
    thread.join(timeout=_GRACE_SECONDS)
    if self._training is not None:
      if not outcome:
        # In the middle of a long update: what the host knows is saved.
        self._training.save_latest()
      if self._training.saved is not None:
        status.set('running', 'saved', saved=self._training.saved.frames)
    self._disconnect()
    if outcome and isinstance(outcome[0], BaseException):
      raise outcome[0]
    status.set('done' if outcome and outcome[0] else 'stopped')

  def _make_training(self) -> 'training.Training':
    import jax

    from attn_agents.learning import metrics, publisher, training
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
        start = initial_parameters.take_over(parts.config, start)
    else:
      start = checkpointer.restore(parts.state_spec())
    self._status.set(
      'starting',
      'connecting to the actors',
      frames=start.counters.frames,
      devices=[str(d) for d in devices],
    )
    store, reader = self._connect(parts)
    return training.Training(
      parts.make_learner(start, publisher.BackgroundPublisher(store), devices),
      parts.make_feeder(reader.batches(), devices),
      metrics.MetricsWriter(run.path, start.counters.learner_steps),
      checkpointer,
      parts.config.runtime,
      start,
      max_frames=parts.config.max_frames,
      source=reader,
      report=lambda what: self._status.set('running', what),
    )

  def _connect(
    self, parts: 'experiment.Experiment'
  ) -> tuple['publisher.Variables', 'training.Source']:
    """Where parameters go, and where trajectories come from."""
    from attn_agents.transport.reverb import sources, variables

    run = run_directory.RunDirectory(self.place.logdir)
    return (
      variables.VariablePublisher(self.place.variables_address),
      sources.make_reader(parts, self.place.queue_address, run.replay),
    )

  def _disconnect(self) -> None:
    """Called at the end, before the learner's last word."""


class EvaluatorRole(Role):
  """Scores checkpoints while the learner goes on."""

  name = 'evaluator'

  def work(
    self, status: lifecycle.StatusFile, stop: lifecycle.StopSignal
  ) -> None:
    """Evaluates until told to stop."""
    evaluating.evaluate(self.place, self._experiment().config, status, stop)


class ActorSupervisor(Role):
  """Keeps one actor process alive, a bounded number of times.

  Launchpad stops the whole program when one of its workers dies, so the actor
  itself is a child of the worker that Launchpad knows.
  """

  name = 'actor_supervisor'
  log_name = 'actor'

  def work(
    self, status: lifecycle.StatusFile, stop: lifecycle.StopSignal
  ) -> None:
    """Starts the actor, and again when it dies, until told to stop."""

    def live(incarnation: int) -> str | None:
      code = _wait(self._start(incarnation), stop)
      return None if code is None else describe_exit(code)

    config = run_directory.RunDirectory(self.place.logdir).config()
    if not restarts.keep_alive(
      live, f'actor-{self.index}', config, status, stop
    ):
      # Not an error for Launchpad: the other actors go on.
      stop.event.wait()

  def _start(self, incarnation: int) -> subprocess.Popen:
    return subprocess.Popen(
      [
        sys.executable,
        '-m',
        'attn_agents.distributed.actor_process',
        f'--topology={topology.to_json(self.place)}',
        f'--actor={self.index}',
        f'--restart={incarnation}',
      ],
      stdin=subprocess.DEVNULL,
      cwd=pathlib.Path(__file__).parents[2],
    )


def _wait(
  child: subprocess.Popen, should_stop: Callable[[], bool]
) -> int | None:
  """The child's exit code, or None if it was ended because of `should_stop`."""
  while not should_stop():
    try:
      return child.wait(timeout=0.2)
    except subprocess.TimeoutExpired:
      continue
  # It holds nothing that could be lost, and may be blocked in C++.
  child.kill()
  child.wait()
  return None


def describe_exit(code: int) -> str:
  """An exit code in words."""
  if code < 0:
    return f'was killed by signal {-code}'
  return f'ended with exit code {code}'

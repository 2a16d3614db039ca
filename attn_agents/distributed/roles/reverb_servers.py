"""The Reverb servers between actors and learner."""

import time

from attn_agents.distributed import lifecycle, topology
from attn_agents.distributed.roles import base
from attn_agents.runs import run_directory, saved_runs
from attn_agents.utils import patience


class ReverbServers(base.Role):
  """Holds what actors played, queued or to be sampled, and the parameters.

  Two servers, each on a port of its own, in one process: every process that
  loads Reverb spends seconds and memory on importing TensorFlow.
  """

  name = 'reverb'

  def work(
    self, status: lifecycle.StatusFile, stop: lifecycle.StopSignal
  ) -> None:
    """Serves until told to stop."""
    from attn_agents.transport.reverb import servers, transport

    parts = self._experiment()
    run = run_directory.RunDirectory(self.place.logdir)
    queue = transport.make_server(
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
    grace = patience.Patience(base.GRACE_SECONDS)
    while not grace.is_over():
      statuses = lifecycle.read_statuses(self.place.logdir)
      learner = next((s for s in statuses if s.role == 'learner'), None)
      if (
        learner is None
        or learner.state in lifecycle.ENDED
        or not lifecycle.is_alive(learner.pid)
      ):
        return
      time.sleep(0.1)

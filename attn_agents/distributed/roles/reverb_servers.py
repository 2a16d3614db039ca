"""The Reverb servers between actors and learner."""

import pathlib
import subprocess
import sys
import time

from attn_agents.distributed import isolation, lifecycle, topology
from attn_agents.distributed.roles import base
from attn_agents.runs import run_directory, saved_runs
from attn_agents.utils import patience

_ROOT = pathlib.Path(__file__).parents[3]


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
    if self.place.network:
      self._serve_elsewhere(status, stop)
    else:
      self.serve(status, stop)
    status.set('stopped')

  def serve(
    self, status: lifecycle.StatusFile, stop: lifecycle.StopSignal
  ) -> None:
    """Serves in the network of this process."""
    from attn_agents.transport.reverb import servers, transport

    parts = self._experiment()
    run = run_directory.RunDirectory(self.place.logdir)
    queue_port, variables_port = topology.server_ports(self.place)
    queue = transport.make_server(
      parts,
      queue_port,
      run.replay,
      saved_runs.newest(run),
      crosses_hosts=self.place.has_actor_hosts,
    )
    variables = servers.variable_server(
      parts.num_variables, port=variables_port
    )
    status.set('running', f'queue {queue.port}, variables {variables.port}')
    stop.event.wait()
    self._outlast_learner()

  def _serve_elsewhere(
    self, status: lifecycle.StatusFile, stop: lifecycle.StopSignal
  ) -> None:
    """Serves in the network of another process, in a child.

    Into another network a process can move only before it has threads.
    """
    child = subprocess.Popen(
      [
        sys.executable,
        '-m',
        'attn_agents.distributed.roles.reverb_servers',
        f'--topology={topology.to_json(self.place)}',
      ],
      stdin=subprocess.DEVNULL,
      cwd=_ROOT,
      env=lifecycle.child_environment(),
    )
    ports = ', '.join(map(str, topology.server_ports(self.place)))
    status.set('running', f'in a network of their own, ports {ports}')
    while not stop.event.wait(0.2):
      if child.poll() is not None:
        raise RuntimeError(
          f'the servers {lifecycle.describe_exit(child.returncode)}'
        )
    self._outlast_learner()
    child.kill()
    child.wait()

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


class _NoStatus(lifecycle.StatusFile):
  """The status is the parent's."""

  def set(self, state: str, detail: str = '', **extra: object) -> None:
    """Prints it."""
    del extra
    print(f'servers: {state} {detail}', flush=True)


def main() -> int:
  """The child: serves until killed."""
  place = topology.from_command_line()
  isolation.join(place.network)
  # Afterwards, since new capabilities would undo it.
  lifecycle.die_with_parent()
  stop = lifecycle.StopSignal()
  ReverbServers(place).serve(_NoStatus(place.logdir, 'reverb'), stop)
  return 0


if __name__ == '__main__':
  sys.exit(main())

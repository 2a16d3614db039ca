"""What all roles share: how they start, report and end."""

import abc
import os
import traceback
from typing import TYPE_CHECKING

from attn_agents.distributed import lifecycle, topology
from attn_agents.runs import run_directory

if TYPE_CHECKING:
  from attn_agents import experiment

# Launchpad gives workers 10 s between the stop request and SIGKILL.
GRACE_SECONDS = 6.0


class Role(abc.ABC):
  """One process's part in a run.

  A role is made of plain arguments, so that it can be sent to its process.
  Heavy libraries are imported inside `work`, in the process that needs them.
  """

  name: str
  log_name = ''
  # Of the log, if roles of several names share one.
  shared_log = ''

  def __init__(self, place: topology.Topology, index: int = 0):
    """Remembers where the run is; nothing is started."""
    self.place = place
    self.index = index

  def run(self) -> None:
    """Runs the role and leaves its final status in the status file."""
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
      status.set_failed(error)
    # Threads blocked in C++ would hold a normal exit up for ever. Nothing is
    # left to write: the log has each line at once.
    os._exit(code)

  @abc.abstractmethod
  def work(
    self, status: lifecycle.StatusFile, stop: lifecycle.StopSignal
  ) -> None:
    """The role's own part; sets its final status unless it raises."""

  def _status_file(self, role: str, index: int) -> lifecycle.StatusFile:
    return lifecycle.StatusFile(
      self.place.logdir, role, index, shared_log=self.shared_log
    )

  def _experiment(self) -> 'experiment.Experiment':
    from attn_agents import experiment

    config = run_directory.RunDirectory(self.place.logdir).config()
    config = topology.apply(self.place, config)
    return experiment.Experiment(config, self.place.num_hosts)

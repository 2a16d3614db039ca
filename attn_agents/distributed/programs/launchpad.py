"""The process graph as a Launchpad program. The only module that knows it.

    actor 0..n-1  --trajectories-->  reverb: queue  --batches-->  learner
         ^                                                           |
         +---------------------  reverb: variables  <--parameters----+

    evaluator  <--checkpoints--  the run's directory  <--checkpoints--  learner

Nodes are plain Python classes without Courier: data travels through Reverb
only (`transport/reverb/servers.py` says why).
"""

import contextlib
import pathlib
import signal
import sys
import tempfile
import time
from typing import TYPE_CHECKING

import psutil

from attn_agents.distributed import lifecycle, process_environment, topology
from attn_agents.distributed.roles import (
  actor_supervisor,
  base,
  evaluator,
  learner,
  reverb_servers,
)
from attn_agents.utils import stopping

if TYPE_CHECKING:
  import launchpad as lp
  from launchpad.nodes.python import local_multi_processing

# Seconds Launchpad waits for its workers before it kills them, and itself.
_TERMINATION_SECONDS = 10


def build(place: topology.Topology) -> 'lp.Program':
  """Describes the whole process graph.

  Args:
    place: which processes run here, and where they find one another.
  """
  import launchpad as lp

  program = lp.Program('attn_agents')
  groups: list[tuple[str, type[base.Role], tuple[int, ...]]] = [
    ('actor', actor_supervisor.ActorSupervisor, place.actors)
  ]
  if place.serve:
    groups = [
      ('reverb', reverb_servers.ReverbServers, (0,)),
      ('learner', learner.LearnerRole, (0,)),
      *groups,
    ]
    if place.evaluate:
      groups.append(('evaluator', evaluator.EvaluatorRole, (0,)))
  for name, role, indices in groups:
    if indices:
      with program.group(name):
        for index in indices:
          program.add_node(lp.PyClassNode(role, place, index))
  return program


def launch(place: topology.Topology) -> None:
  """Runs the program until every process has ended or one has failed.

  Raises:
    RuntimeError: a process ended with an error; the others were stopped.
  """
  import launchpad as lp

  program = build(place)
  _parse_launchpad_flags()
  manager = lp.launch(
    program,
    launch_type='local_mp',
    terminal='output_to_files',
    local_resources={name: _process(name) for name in program.groups},
  )
  # Without this a failing worker ends the launcher by SIGALRM and leaves the
  # others running.
  manager.wait()


def self_check() -> str:
  """Starts and stops a program of two processes, for `launch/doctor.py`.

  Returns:
    One line of detail.

  Raises:
    RuntimeError: the processes did not both run and end.
  """
  import launchpad as lp

  start = time.monotonic()
  with tempfile.TemporaryDirectory() as directory:
    program = lp.Program('self_check')
    with program.group('node'):
      for index in range(2):
        program.add_node(lp.PyNode(_touch, f'{directory}/{index}'))
    _parse_launchpad_flags()
    lp.launch(
      program,
      launch_type='local_mp',
      terminal='output_to_files',
      local_resources={'node': _process('reverb')},
    ).wait()
    ran = sorted(p.name for p in pathlib.Path(directory).iterdir())
  if ran != ['0', '1']:
    raise RuntimeError(f'of two nodes only {ran} ran')
  return f'two nodes ran and ended in {time.monotonic() - start:.1f} s'


def _touch(path: str) -> None:
  pathlib.Path(path).touch()


def _parse_launchpad_flags() -> None:
  from absl import flags

  flags.FLAGS(
    ['program', f'--lp_termination_notice_secs={_TERMINATION_SECONDS}']
  )


def _process(role: str) -> 'local_multi_processing.PythonProcess':
  from launchpad.nodes.python import local_multi_processing

  return local_multi_processing.PythonProcess(
    env={**process_environment.of_role(role), **lifecycle.known_parent()}
  )


def main() -> int:
  """Entry point of the launching process."""
  place = topology.from_command_line()
  stopping.leave_to_parent()
  lifecycle.die_with_parent()
  lifecycle.log_to_file(place.logdir, 'launcher')
  try:
    launch(place)
  except BaseException:
    _end_workers()
    raise
  return 0


def _end_workers() -> None:
  """Ends the workers that there are.

  At the end of this process Launchpad waits for them, and those that it began
  while it was told to stop may not know of that.
  """
  # Launchpad's alarm kills workers, and raises at the first that has ended.
  signal.signal(signal.SIGALRM, signal.SIG_IGN)
  workers = psutil.Process().children()
  for worker in workers:
    with contextlib.suppress(psutil.NoSuchProcess):
      worker.terminate()
  _, left = psutil.wait_procs(workers, timeout=_TERMINATION_SECONDS)
  for worker in left:
    with contextlib.suppress(psutil.NoSuchProcess):
      worker.kill()


if __name__ == '__main__':
  sys.exit(main())

"""Jobs of Slurm that run a stand-in for a run."""

import pathlib
import signal
import sys

from attn_agents.clusters import slurm_script
from tests.launch import slurm_cluster

_STAND_IN = pathlib.Path(__file__).parent / 'slurm_stand_in.py'


class StandInJob:
  """A job with a stand-in, and what there is of it."""

  def __init__(
    self,
    cluster: slurm_cluster.Cluster,
    root: pathlib.Path,
    *arguments: str,
    **changes: object,
  ):
    self.cluster, self.root = cluster, root
    self.records = root / 'records'
    self.records.mkdir(exist_ok=True)
    values = {
      'name': 'stand-in',
      'command': (sys.executable, str(_STAND_IN), str(root), *arguments),
      'logdir': str(root),
      'checkpoints': str(root / 'checkpoints'),
      'directory': root,
      'records': self.records,
      'time': '10',
      'cpus_per_task': 1,
      'look_seconds': 1,
    }
    job = slurm_script.Job(**{**values, **changes})
    script = root / 'job.sbatch'
    script.write_text(slurm_script.write(job))
    self.job = cluster.run('sbatch', '--parsable', str(script)).strip()

  def wait_for_start(self, restart=0, tasks=1):
    files = [self.root / f'task{n}.{restart}' for n in range(tasks)]
    self.cluster.wait_for(lambda: all(f.exists() for f in files), 60)

  def state(self):
    return self.cluster.job(self.job)['JobState']

  def wait_for_state(self, state, seconds=60):
    self.cluster.wait_for(lambda: self.state() == state, seconds)

  def events(self, job=''):
    text = (self.records / f'{job or self.job}.events').read_text()
    return [line.partition(' ')[2] for line in text.splitlines()]

  def heard(self, restart=0, task=0):
    """Where a start began, and the signals that it got."""
    first, *rest = (self.root / f'task{task}.{restart}').read_text().split('\n')
    numbers = rest[0].split()[1:] if rest[0] else []
    return int(first.split()[1]), [signal.Signals(int(n)).name for n in numbers]

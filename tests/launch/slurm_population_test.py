"""A population as a job array under real Slurm."""

import re
import subprocess
import sys

import pytest

from attn_agents.population import decisions, history, members
from tests.launch import running, slurm_cluster

cluster = slurm_cluster.cluster
pytestmark = [
  slurm_cluster.NEEDS_SLURM, pytest.mark.slow, pytest.mark.timeout(3000),
]  # fmt: skip


def test_a_population_learns_catch_while_elements_come_and_go(
  cluster, tmp_path
):
  """One element is requeued, another one's node is lost; the history holds."""
  root = tmp_path / 'population'
  command = [
    sys.executable, str(running.ROOT / 'launch' / 'run_population.py'),
    *running.TINY_CATCH, '--runtime=threads', '--size=4',
    '--interval_frames=30000', '--max_frames=90000', f'--root={root}',
    '--backend=slurm', f'--records={tmp_path}/records', '--cpus_per_task=2',
    '--time=60',
  ]  # fmt: skip
  done = subprocess.run(
    command, env=cluster.environment, capture_output=True, text=True,
    timeout=120, check=False,
  )  # fmt: skip
  assert done.returncode == 0, done
  job = re.match(r'submitted job (\d+)', done.stdout)[1]
  log = history.History(root)

  def frames(member):
    return members.frames_of(members.run_of(root, member))

  cluster.wait_for(lambda: frames(0) > 3000, 600)
  cluster.run('scontrol', 'requeue', f'{job}_0')
  cluster.wait_for(lambda: len(log.entries()) >= 2, 1200)
  last = next(m for m in (3, 2, 1, 0) if frames(m) < 90_000)
  cluster.wait_for(
    lambda: cluster.job(f'{job}_{last}')['JobState'] == 'RUNNING', 1200
  )
  node = cluster.job(f'{job}_{last}')['NodeList']
  cluster.lose(node)
  cluster.wait_for(
    lambda: int(cluster.job(f'{job}_{last}')['Restarts']) >= 1, 300
  )
  cluster.revive(node)
  cluster.wait_for(
    lambda: all(
      cluster.job(f'{job}_{m}')['JobState'] == 'COMPLETED' for m in range(4)
    ),
    2400,
  )
  entries, population = log.entries(), log.population()
  assert len(entries) == 4 * 2
  assert decisions.replay(population, entries) == []
  assert all(frames(m) >= 90_000 for m in range(4))
  fitness = [
    members.fitness_of(members.run_of(root, m), 'catch') for m in range(4)
  ]
  restarts = [cluster.job(f'{job}_{m}')['Restarts'] for m in range(4)]
  print(f'fitness {fitness}, restarts {restarts}')
  assert max(fitness) > 0.8

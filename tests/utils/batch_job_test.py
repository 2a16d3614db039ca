"""What a job of Slurm may use, by the variables that Slurm sets."""

import math

import pytest

from attn_agents.utils import batch_job, cgroup, machine


@pytest.mark.parametrize(
  ('environment', 'cpus', 'mebibytes'),
  [
    ({}, math.inf, math.inf),
    ({'SLURM_CPUS_ON_NODE': '3'}, 3, math.inf),
    ({'SLURM_CPUS_ON_NODE': '3', 'SLURM_MEM_PER_CPU': '500'}, 3, 1500),
    ({'SLURM_CPUS_ON_NODE': '3', 'SLURM_MEM_PER_NODE': '700'}, 3, 700),
    ({'SLURM_CPUS_ON_NODE': '3', 'SLURM_MEM_PER_NODE': '0'}, 3, math.inf),
  ],
)
def test_limits_are_those_of_the_job(environment, cpus, mebibytes):
  assert batch_job.cpu_limit(environment) == cpus
  assert batch_job.memory_limit(environment) == mebibytes * 2**20


def test_a_job_has_less_than_the_machine(monkeypatch):
  monkeypatch.setattr(machine.os, 'sched_getaffinity', lambda _: set(range(64)))
  monkeypatch.setattr(cgroup, 'cpu_limit', lambda: 32.0)
  monkeypatch.setenv('SLURM_CPUS_ON_NODE', '6')
  monkeypatch.setenv('SLURM_MEM_PER_CPU', '100')
  found = machine.describe()
  assert (found.cores, found.memory_bytes) == (6, 600 * 2**20)
  monkeypatch.setenv('SLURM_CPUS_ON_NODE', '48')
  assert machine.describe().cores == 32


def test_a_port_of_a_node_is_reached_through_the_login_node():
  assert batch_job.ssh_line({}, 'n7', 8712) == ''
  inside = {'SLURM_JOB_ID': '3', 'SLURM_SUBMIT_HOST': 'login1'}
  assert batch_job.ssh_line(inside, 'n7', 8712) == (
    'ssh -N -L 8712:127.0.0.1:8712 -J login1 n7'
  )
  assert batch_job.ssh_line(inside, 'n7', 8712, 6006) == (
    'ssh -N -L 8712:127.0.0.1:8712 -L 6006:127.0.0.1:6006 -J login1 n7'
  )
  assert batch_job.ssh_line(inside, 'login1', 80) == (
    'ssh -N -L 80:127.0.0.1:80 login1'
  )
  # Where Slurm does not say from which host the job was submitted.
  assert batch_job.ssh_line({'SLURM_JOB_ID': '3'}, 'n7', 80) == (
    'ssh -N -L 80:127.0.0.1:80 n7'
  )

"""What Slurm's commands say, and when they do not answer."""

import os
import subprocess

import pytest

from attn_agents.clusters import slurm_commands
from configs import errors


@pytest.fixture
def slurm(monkeypatch):
  """Answers by command: what each writes, or what is raised; who was asked."""
  answers, asked = {}, []

  def run(command, seconds, env):
    assert (seconds, env) == (60, os.environ)
    asked.append(list(command))
    said = answers[command[0]]
    if isinstance(said, Exception):
      raise said
    code, out, err = said if isinstance(said, tuple) else (0, said, '')
    return subprocess.CompletedProcess(command, code, out, err)

  monkeypatch.setattr(slurm_commands.children, 'run', run)
  return answers, asked


def test_a_job_has_a_number_on_one_cluster_and_on_several(slurm):
  answers, asked = slurm
  for said in ('12\n', '12;north\n'):
    answers['sbatch'] = said
    assert slurm_commands.submit('a.sbatch') == '12'
  assert asked == [['sbatch', '--parsable', 'a.sbatch']] * 2


@pytest.mark.parametrize(
  ('refusal', 'config', 'line'),
  [
    ('error: no such partition\nlast', '', 'error: no such partition'),
    (
      'Invalid job array', 'Max = 1\nMaxArraySize            = 1001\n',
      'Invalid job array; expected elements up to 1000 (MaxArraySize)',
    ),
    ('Invalid job array', 'nothing', 'Invalid job array'),
    ('', '', 'sbatch ended with 1'),
  ],
)  # fmt: skip
def test_a_job_that_is_refused_is_bad_input(slurm, refusal, config, line):
  answers, _ = slurm
  answers.update(sbatch=(1, '', refusal), scontrol=config)
  with pytest.raises(errors.ConfigError) as caught:
    slurm_commands.submit('a.sbatch')
  assert str(caught.value) == line


def test_a_cluster_that_does_not_answer_is_no_bad_input(slurm):
  answers, _ = slurm
  unable = 'Unable to contact slurm controller'
  for said, line in (
    ((1, '', unable), unable),
    (subprocess.TimeoutExpired('x', 60), 'did not answer within 60 seconds'),
    (FileNotFoundError(), 'scancel is not installed here'),
  ):
    answers['scancel'] = said
    with pytest.raises(slurm_commands.SlurmError, match=line):
      slurm_commands.cancel('12_3')
  answers['sbatch'] = (1, '', unable)
  with pytest.raises(slurm_commands.SlurmError, match=unable):
    slurm_commands.submit('a.sbatch')


def test_partitions_are_looked_up_by_name(slurm):
  answers, _ = slurm
  answers['sinfo'] = 'main\nbig\n'
  for value in ('', 'big', 'main,big'):
    slurm_commands.check_partition(value)
  with pytest.raises(errors.ConfigError, match="'mian'; did you mean 'main'"):
    slurm_commands.check_partition('big,mian')


def test_the_queue_is_of_this_user_with_every_element(slurm):
  answers, asked = slurm
  answers['squeue'] = ' 1_2|RUNNING|n1|None\n3|PENDING||A|B\n'
  assert slurm_commands.queue() == {
    '1_2': ('RUNNING', 'n1', 'None'),
    '3': ('PENDING', '', 'A|B'),
  }
  assert {'--array', f'--user={os.getuid()}'} < {*asked[0]}

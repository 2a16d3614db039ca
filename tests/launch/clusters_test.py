"""`launch/tpu.py` and `launch/kubernetes.py`, as a user would start them."""

import os
import shlex
import subprocess
import sys

import pytest
import yaml

from configs import errors
from tests.launch import commands, loading

_TPU = ('--tpu=v5litepod-16', '--zone=us-west4-a', '--spot', '--queued')
_RUN = ('--game=pong', '--logdir=gs://bucket/a', '--set=learning.batch_size=64')


def test_a_dry_run_prints_every_step():
  done = commands.run('tpu', *_TPU, *_RUN, '--dry_run')
  assert done.returncode == 0, done.stderr
  lines = done.stdout.splitlines()
  assert lines[0] == '# 1 x v5litepod-16 in us-west4-a: 16 chips on 4 hosts'
  assert [line[2:] for line in lines[1:] if line.startswith('# ')] == [
    *('create', 'setup', 'start', 'watch', 'resume', 'delete'),
  ]
  words = [shlex.split(line, comments=True) for line in lines]
  assert {w[0] for w in words if w} == {'gcloud', 'git'}
  # The name says what runs, and the run's own flags are passed on.
  (start, *_) = [line for line in lines if 'run_cluster.py' in line]
  assert 'ssh attn-agents-s3ta-pong ' in start
  assert f'--cluster=tpu {" ".join(sorted(_RUN))}' in start


def test_what_is_run_is_what_was_printed(tmp_path):
  """With a stand-in for gcloud, which is ready at the second look."""
  gcloud = tmp_path / 'gcloud'
  gcloud.write_text(
    '#!/bin/sh\n'
    'echo "gcloud $*" >> "$SAID"\n'
    'case "$*" in *describe*) echo READY;; *fails*) exit 3;; esac\n'
  )
  gcloud.chmod(0o755)
  said = tmp_path / 'said'
  environment = {
    **os.environ,
    'PATH': f'{tmp_path}:{os.environ["PATH"]}',
    'SAID': str(said),
  }

  def run(*args):
    said.write_text('')
    done = subprocess.run(
      [sys.executable, str(commands.LAUNCH / 'tpu.py'), *_TPU, *_RUN, *args],
      env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done, [
      line.split('--zone')[0].split() for line in said.read_text().splitlines()
    ]

  done, seen = run()
  assert done.returncode == 0, done.stdout + done.stderr
  kinds = [words[3:5] for words in seen]
  assert kinds == [
    ['queued-resources', 'create'],
    ['queued-resources', 'describe'],
    ['tpu-vm', 'scp'],
    ['tpu-vm', 'ssh'],
    ['tpu-vm', 'ssh'],
    ['tpu-vm', 'ssh'],
  ]
  # A slice that is still there gets the run only.
  done, seen = run('--step=resume')
  assert [words[3:5] for words in seen] == [
    ['queued-resources', 'describe'],
    ['tpu-vm', 'ssh'],
  ]
  done, seen = run('--name=fails')
  assert done.returncode == 1
  assert len(seen) == 1
  assert done.stdout.splitlines()[-1] == (
    'failed: create: gcloud ended with exit code 3'
  )


def test_manifests_are_printed():
  done = commands.run('kubernetes', '--image=a/b:c', '--hosts=2', *_RUN)
  assert done.returncode == 0, done.stderr
  made = list(yaml.safe_load_all(done.stdout))
  assert [each['kind'] for each in made] == ['Service', 'NetworkPolicy', 'Job']
  (container,) = made[-1]['spec']['template']['spec']['containers']
  assert container['command'][3:] == sorted(_RUN)


def test_mistakes_are_refused():
  assert "did you mean 'ms_pacman'" in commands.refused(
    'tpu', *_TPU, '--logdir=gs://bucket/a', '--game=pacman'
  )
  assert 'Did you mean: game' in commands.refused('tpu', *_TPU, '--gmae=pong')
  assert 'a spot slice loses its disks' in commands.refused('tpu', *_TPU)
  assert "did you mean 'create'" in commands.refused(
    'tpu', *_TPU, *_RUN, '--step=craete'
  )
  assert 'pods lose their disks' in commands.refused('kubernetes', '--image=a')
  assert '--image is not set' in commands.refused('kubernetes')


def test_every_flag_of_a_manifest_is_in_it(capsys):
  with loading.command(
    'kubernetes', '--image=a/b:c', '--kind=jobset', '--name=mine', '--hosts=3',
    '--accelerator=gpu:2', '--cpus=5', '--memory=7Gi', '--claim=disk',
    '--service_account=who', '--namespace=there', '--game=pong',
  ) as kubernetes:  # fmt: skip
    assert kubernetes.main() == 0
  text = capsys.readouterr().out
  # People write what a manifest is first.
  assert text.startswith('apiVersion: ')
  assert '&id' not in text and not text.endswith('\n\n')
  made = list(yaml.safe_load_all(text))
  assert {each['metadata']['namespace'] for each in made} == {'there'}
  (jobset,) = [each for each in made if each['kind'] == 'JobSet']
  assert jobset['metadata']['name'] == 'mine'
  (job,) = jobset['spec']['replicatedJobs']
  assert job['template']['spec']['completions'] == 3
  pod = job['template']['spec']['template']['spec']
  assert pod['serviceAccountName'] == 'who'
  assert 'disk' in str(pod['volumes'])
  (container,) = pod['containers']
  assert container['image'] == 'a/b:c'
  limits = container['resources']['requests']
  assert (str(limits['cpu']), limits['memory']) == ('5', '7Gi')
  assert container['resources']['limits']['nvidia.com/gpu'] == '2'


@pytest.mark.parametrize(
  ('given', 'line'),
  [
    (['--logdir=gs://bucket/../a'], '--logdir=gs://bucket/../a'),
    (['--kind=jobst', '--claim=a'], "did you mean 'jobset'"),
  ],
)
def test_mistakes_in_manifests_are_one_line(given, line):
  with (
    loading.command('kubernetes', '--image=a', *given) as kubernetes,
    pytest.raises(errors.ConfigError) as caught,
  ):
    kubernetes.main()
  assert line in str(caught.value)


def test_a_name_is_short_enough_for_pods(capsys):
  games = 'asterix,battle_zone,beam_rider'
  arguments = ('--image=a', '--logdir=gs://bucket/a', f'--game={games}')
  with loading.command('kubernetes', *arguments) as kubernetes:
    assert kubernetes.main() == 0
  made = list(yaml.safe_load_all(capsys.readouterr().out))
  name = made[-1]['metadata']['name']
  assert name.startswith('attn-agents-s3ta-') and len(name) == 40
  assert '_' not in name and not name.endswith('-')

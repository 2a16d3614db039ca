"""`launch/tpu.py` and `launch/kubernetes.py`, as a user would start them."""

import os
import shlex
import subprocess
import sys

import yaml

from tests.launch import commands

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

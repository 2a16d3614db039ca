"""The commands of gcloud: as expected, and as gcloud itself takes them."""

import os
import shlex
import shutil
import subprocess

import pytest

from attn_agents.clusters import accelerators, tpu_slices
from configs import errors

_TRAINING = ('--game=pong', '--logdir=gs://bucket/a b', "--set=x=it's")
_NEEDS_GCLOUD = pytest.mark.skipif(
  shutil.which('gcloud') is None, reason='gcloud is not installed'
)


def _plan(**changes):
  values = {
    'name': 'mine',
    'tpu': accelerators.parse('--tpu', 'v5litepod-16'),
    'zone': 'us-west4-a',
    'training': _TRAINING,
  }
  return tpu_slices.Plan(**{**values, **changes})


_PLANS = {
  'plain': _plan(),
  'spot': _plan(spot=True, project='some-project'),
  'queued': _plan(queued=True, spot=True, runtime_version='v2-alpha'),
  'several': _plan(queued=True, num_slices=3),
}


def test_a_slice_is_asked_for():
  (plain,) = tpu_slices.create(_PLANS['plain'])
  assert shlex.join(plain) == (
    'gcloud compute tpus tpu-vm create mine --zone=us-west4-a '
    '--accelerator-type=v5litepod-16 --version=v2-alpha-tpuv5-lite'
  )
  (queued,) = tpu_slices.create(_PLANS['queued'])
  assert shlex.join(queued) == (
    'gcloud compute tpus queued-resources create mine --zone=us-west4-a '
    '--accelerator-type=v5litepod-16 --runtime-version=v2-alpha --node-id=mine '
    '--spot'
  )
  (spot,) = tpu_slices.create(_PLANS['spot'])
  assert spot[-2:] == ('--version=v2-alpha-tpuv5-lite', '--spot')
  assert spot[5:7] == ('mine', '--zone=us-west4-a')
  assert spot[7] == '--project=some-project'
  (several,) = tpu_slices.create(_PLANS['several'])
  assert {'--node-count=3', '--node-prefix=mine'} < {*several}
  assert '--spot' not in several


def test_what_else_is_asked_of_one_slice_and_of_several():
  def lines(name):
    plan = _PLANS[name]
    return [
      shlex.join(command).replace('gcloud compute tpus ', '')
      for command in (
        tpu_slices.state(plan),
        *tpu_slices.delete(plan),
        *tpu_slices.watch(plan),
        *tpu_slices.set_up(plan, '/tmp/x.tar.gz')[:2],
      )
    ]

  where = '--zone=us-west4-a'
  unpack = (
    'mkdir -p attn_agents && tar xzf attn_agents.tar.gz -C attn_agents && '
    'cd attn_agents && make setup setup-buckets VARIANT=tpu'
  )
  tail = 'tail -n 50 -F attn_agents/run.log'
  assert lines('plain') == [
    f"tpu-vm describe mine {where} '--format=value(state)'",
    f'tpu-vm delete mine {where} --quiet',
    f"tpu-vm ssh mine {where} --worker=0 '--command={tail}'",
    f'tpu-vm scp /tmp/x.tar.gz mine:attn_agents.tar.gz {where} --worker=all',
    f"tpu-vm ssh mine {where} --worker=all '--command={unpack}'",
  ]
  assert lines('several')[:3] == [
    f"queued-resources describe mine {where} '--format=value(state.state)'",
    f'queued-resources delete mine {where} --force --quiet',
    # The first host of the first slice coordinates.
    f"tpu-vm ssh mine-0 {where} --worker=0 '--command={tail}'",
  ]


def test_every_slice_is_set_up_and_started():
  plan = _PLANS['several']
  assert plan.nodes == ('mine-0', 'mine-1', 'mine-2')
  assert plan.hosts == 12
  for commands in (tpu_slices.set_up(plan, 'x.tar.gz'), tpu_slices.start(plan)):
    text = '\n'.join(map(shlex.join, commands))
    assert all(node in text for node in plan.nodes)
    assert text.count('--worker=all') == len(commands)
  assert tpu_slices.steps(plan, 'x')['resume'] == [
    *tpu_slices.delete(plan),
    *tpu_slices.create(plan),
    *tpu_slices.set_up(plan, 'x'),
    *tpu_slices.start(plan),
  ]


def test_the_shell_of_a_host_gets_the_flags_as_they_were(tmp_path):
  """What is started there: a stand-in that writes its arguments down."""
  (command,) = tpu_slices.start(_PLANS['plain'])
  folder = tmp_path / 'attn_agents'
  (folder / '.venv/bin').mkdir(parents=True)
  python = folder / '.venv/bin/python'
  python.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > said\necho seen\n')
  python.chmod(0o755)
  (line,) = [a for a in command if a.startswith('--command=')]
  subprocess.run(
    ['bash', '-c', line.removeprefix('--command=') + '; wait'],
    cwd=tmp_path, check=True, timeout=20,
  )  # fmt: skip
  assert (folder / 'said').read_text().splitlines() == [
    'launch/run_cluster.py',
    '--cluster=tpu',
    *_TRAINING,
  ]
  assert (folder / 'run.log').read_text() == 'seen\n'


@pytest.mark.parametrize(
  'changes, said',
  [
    ({'zone': 'uswest4a'}, 'did you mean us-west4-a?'),
    ({'zone': 'us-west4'}, 'did you mean us-west4-'),
    ({'zone': ''}, 'expected a zone such as us-west4-a'),
    ({'name': 'My_Slice'}, 'the nearest is my-slice'),
    ({'name': '1'}, '--name=1: expected at most 50'),
    ({'name': 'a' * 51}, f'the nearest is {"a" * 50}'),
    ({'name': f'{"a" * 49}-b'}, f'the nearest is {"a" * 49}'),
    ({'zone': 'xyz'}, '--zone=xyz: expected a zone such as us-west4-a'),
    ({'num_slices': 0}, '--num_slices=0: expected 1 to 256'),
    ({'num_slices': 257, 'queued': True}, '=257: expected 1 to 256'),
    ({'num_slices': 2}, '--num_slices=2: several slices are one queued'),
    ({'project': 'No Project'}, '--project=No Project: expected'),
  ],
)
def test_what_is_wrong_is_refused_in_one_line(changes, said):
  with pytest.raises(errors.ConfigError) as caught:
    _plan(**changes)
  assert said in str(caught.value)
  assert '\n' not in str(caught.value)


def test_the_largest_that_is_taken():
  plan = _plan(name='a' * 50, num_slices=256, queued=True)
  assert plan.hosts == 4 * 256
  assert plan.nodes[-1] == f'{"a" * 50}-255'


def _ask(command, tmp_path) -> subprocess.CompletedProcess[str]:
  """What gcloud says without an account: it looks at its arguments first."""
  environment = {
    **os.environ,
    'CLOUDSDK_CONFIG': str(tmp_path),
    'CLOUDSDK_CORE_DISABLE_PROMPTS': '1',
    'CLOUDSDK_CORE_PROJECT': 'some-project',
  }
  return subprocess.run(
    command, env=environment, cwd=tmp_path, timeout=120, check=False,
    capture_output=True, text=True,
  )  # fmt: skip


@pytest.mark.slow
@_NEEDS_GCLOUD
@pytest.mark.parametrize('name', _PLANS)
def test_gcloud_takes_the_commands(tmp_path, name):
  plan = _PLANS[name]
  (tmp_path / 'x.tar.gz').touch()
  steps = tpu_slices.steps(plan, 'x.tar.gz')
  # Those of resume are among the others.
  commands = [c for s, made in steps.items() if s != 'resume' for c in made]
  seen = set()
  for command in [*commands, tpu_slices.state(plan)]:
    # Of several slices, one is enough.
    if command[3:5] in seen:
      continue
    seen.add(command[3:5])
    done = _ask(command, tmp_path)
    assert done.returncode == 1, done.stderr
    assert 'active account' in done.stderr, done.stderr
  assert len(seen) >= 5


@pytest.mark.slow
@_NEEDS_GCLOUD
@pytest.mark.parametrize(
  'wrong', ['--node-cuont=2', '--accelerator_type=v4-8', '--runtime-version']
)
def test_gcloud_would_see_a_wrong_one(tmp_path, wrong):
  (command,) = tpu_slices.create(_PLANS['queued'])
  assert _ask([*command, wrong], tmp_path).returncode == 2

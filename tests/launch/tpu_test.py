"""What `launch/tpu.py` does with slices that come, go and never come."""

import pathlib
import types

import pytest

from configs import errors
from tests.launch import loading

_ROOT = pathlib.Path(__file__).parents[2]
_FLAGS = (
  '--tpu=v5litepod-16', '--zone=us-west4-a', '--logdir=gs://bucket/a',
  '--game=ms_pacman',
)  # fmt: skip


@pytest.fixture(name='gcloud')
def _gcloud(monkeypatch, capsys):
  """Runs main with a stand-in for gcloud and git; says what each did."""

  def run(*arguments, states=(), failing=(), packs=True):
    left, done, slept = list(states), [], []

    def answer(command, check=False, capture_output=False, text=False):
      if 'describe' in command:
        assert capture_output and text and not check
        return types.SimpleNamespace(stdout=left.pop(0) + '\n')
      if command[0] == 'git':
        assert check
        done.append('pack')
        if packs:
          pathlib.Path(command[-2].partition('=')[2]).touch()
        return None
      kind = next(x for x in command if x in ('create', 'delete', 'scp', 'ssh'))
      done.append(kind)
      return types.SimpleNamespace(returncode=7 if kind in failing else 0)

    with loading.command('tpu', *_FLAGS, *arguments) as tpu:
      fake = types.SimpleNamespace(run=answer)
      monkeypatch.setattr(tpu, 'subprocess', fake)
      monkeypatch.setattr(
        tpu, 'time', types.SimpleNamespace(sleep=slept.append)
      )
      monkeypatch.setattr(
        tpu, 'shutil', types.SimpleNamespace(which=lambda name: '/bin/gcloud')
      )
      code = tpu.main()
    assert not left
    said = capsys.readouterr().out.splitlines()
    return code, done, [x for x in said if x[:1] not in '#$'], len(slept)

  return run


def test_a_resume_takes_away_what_is_left_and_begins_anew(gcloud):
  found = gcloud(
    '--step=resume',
    states=['SUSPENDED', '', 'CREATING', 'CREATING', 'READY'],
    # It is gone already.
    failing=['delete'],
  )
  said = ['no state yet', 'CREATING']
  assert found == (
    0,
    ['delete', 'create', 'pack', 'scp', 'ssh', 'ssh'],
    [f'attn-agents-s3ta-ms-pacman: {x}' for x in said],
    3,
  )


def test_a_slice_that_never_comes_ends_the_command(gcloud):
  code, done, said, looks = gcloud('--name=mine', states=['WAITING', 'FAILED'])
  assert (code, done, looks) == (1, ['create'], 1)
  assert said == [
    'mine: WAITING',
    'mine: FAILED',
    'failed: mine is FAILED; delete it and try again',
  ]


@pytest.mark.parametrize(
  ('step', 'states', 'done'),
  [('delete', [], ['delete']), ('resume', ['ACTIVE'], ['ssh'])],
)
def test_gcloud_that_fails_ends_the_command(gcloud, step, states, done):
  found = gcloud(f'--step={step}', states=states, failing=['delete', 'ssh'])
  said = f'failed: {step}: gcloud ended with exit code 7'
  assert found == (1, done, [said], 0)


def test_the_program_is_packed_once_for_all_slices(gcloud):
  several = ('--step=setup', '--queued', '--num_slices=2')
  assert gcloud(*several)[1] == ['pack', 'scp', 'ssh', 'scp', 'ssh']
  # All of it, from wherever the command is called.
  with loading.command('tpu', *_FLAGS) as tpu:
    packed = tpu._pack('a.tar.gz')
  assert packed[:3] == ['git', '-C', str(_ROOT)]


def test_all_flags_describe_the_slices(capsys):
  slices = ('--queued', '--spot', '--num_slices=2')
  where = ('--project=some-project', '--runtime_version=v9')
  with loading.command(
    'tpu', *_FLAGS, *slices, *where, '--name=mine', '--dry_run',
    '--step=create,setup',
  ) as tpu:  # fmt: skip
    assert tpu.main() == 0
    plan = tpu._plan()
  assert (plan.name, plan.num_slices, plan.tpu.type) == (
    'mine', 2, 'v5litepod-16'
  )  # fmt: skip
  assert (plan.project, plan.runtime_version) == ('some-project', 'v9')
  assert plan.spot and plan.queued
  lines = capsys.readouterr().out.splitlines()
  assert lines[0] == '# 2 x v5litepod-16 in us-west4-a: 32 chips on 8 hosts'
  kinds = [
    next((x for x in ('create', 'describe', 'archive', 'scp', 'ssh') if
          f' {x} ' in line), line)
    for line in lines[1:]
  ]  # fmt: skip
  assert kinds == [
    '', '# create', 'create', 'describe',
    '', '# setup', 'archive', 'scp', 'ssh', 'archive', 'scp', 'ssh',
  ]  # fmt: skip
  assert lines[4].endswith('  # until it says ACTIVE or READY')


@pytest.mark.parametrize(
  ('given', 'line'),
  [
    (['--zone='], '--tpu and --zone are needed'),
    (['--tpu='], '--tpu and --zone are needed'),
    (['--tpu=v5litepod-17'], '--tpu=v5litepod-17'),
    (['--logdir=gs://bucket/../a'], '--logdir=gs://bucket/../a'),
    ([], 'gcloud is not installed'),
  ],
)
def test_mistakes_are_one_line(monkeypatch, given, line):
  with loading.command('tpu', *_FLAGS, *given) as tpu:
    monkeypatch.setattr(
      tpu, 'shutil', types.SimpleNamespace(which=lambda name: None)
    )
    monkeypatch.setattr(tpu, '_run', lambda *_: pytest.fail('ran'))
    with pytest.raises(errors.ConfigError) as caught:
      tpu.main()
  assert line in str(caught.value)


def test_a_run_on_disks_that_stay_needs_no_bucket():
  with loading.command('tpu', *_FLAGS[:2]) as tpu:
    assert tpu._plan().training == ()

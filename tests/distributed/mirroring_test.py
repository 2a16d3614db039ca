"""The process beside a run that copies it, without the run."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import psutil
import pytest

from attn_agents.distributed import lifecycle, mirroring, outcome
from attn_agents.runs import run_directory
from attn_agents.runs.buckets import addresses, stores
from attn_agents.utils import stopping
from configs import agents, errors, overrides
from tests.launch import commands
from tests.runs.buckets import servers

_ROOT = pathlib.Path(__file__).parents[2]
_DONE = outcome.Ending(0, 'done')
_NOWHERE = {
  's3': {
    'AWS_ENDPOINT_URL': 'http://127.0.0.1:1',
    'AWS_ACCESS_KEY_ID': 'testing',
    'AWS_SECRET_ACCESS_KEY': 'testing',
    'AWS_DEFAULT_REGION': 'us-east-1',
  },
  'gs': {'STORAGE_EMULATOR_HOST': 'http://127.0.0.1:1'},
}
# Of a user who has never logged in, on a machine of no cloud.
_NOBODY = {
  'HOME': '/nonexistent',
  'NO_GCE_CHECK': 'true',
  'CLOUDSDK_CONFIG': '/nonexistent',
  'AWS_EC2_METADATA_DISABLED': 'true',
}


@pytest.fixture(name='environment')
def _environment(monkeypatch, tmp_path):
  """Nothing of the user's; the working directory is this machine's disk."""
  monkeypatch.chdir(tmp_path)
  monkeypatch.setenv('PYTHONPATH', str(_ROOT))
  for name in [*os.environ]:
    if name.startswith(('AWS_', 'GOOGLE_', 'STORAGE_')):
      monkeypatch.delenv(name)
  for name, value in _NOBODY.items():
    monkeypatch.setenv(name, value)
  return monkeypatch


def _address(scheme: str, path: str = 'run') -> addresses.Address:
  return addresses.parse('--logdir', f'{scheme}://{servers.BUCKET}/{path}')


def _write(run: run_directory.RunDirectory, step: int) -> None:
  """As a learner that has learned something."""
  config = overrides.to_dict(agents.make('impala_ff', 'small'))
  if not (run.path / 'config.json').exists():
    run.write({'config': config, 'started': ['monday']})
  beside = run.checkpoints / f'{step}.orbax-checkpoint-tmp'
  beside.mkdir(parents=True)
  (beside / 'data').write_bytes(bytes(1000))
  beside.rename(run.checkpoints / str(step))


def _wait_for(condition, timeout=60.0):
  deadline = time.monotonic() + timeout
  while not condition():
    assert time.monotonic() < deadline
    time.sleep(0.1)


def _status(run) -> str:
  return next((s.detail for s in lifecycle.read_statuses(run.path)), '')


@pytest.mark.parametrize('scheme', ['s3', 'gs'])
def test_copies_until_all_is_there(environment, scheme):
  with servers.SERVERS[scheme]() as variables:
    for name, value in variables.items():
      environment.setenv(name, value)
    address = _address(scheme)
    run, process = mirroring.open_run('--logdir', str(address))
    assert process.description.startswith(f'{address} (it is new there)')
    assert run.path == address.directory
    assert run.is_locked()
    process.start()
    time.sleep(0.5)
    # Before that, a directory with something in it would be no run.
    assert sorted(p.name for p in run.path.iterdir()) == ['lock']
    _write(run, 1)
    process.go()
    _wait_for(lambda: 'checkpoint 1 is in' in _status(run))
    _write(run, 2)
    ending = process.end(_DONE, stopping.Requests(), 60)
    assert ending == outcome.Ending(0, f'done; {address} has it')
    sizes = stores.connect(address).sizes('checkpoints/2/')
    assert set(sizes) == {'checkpoints/2/data', 'checkpoints/2/committed.json'}


@pytest.mark.parametrize('scheme', ['s3', 'gs'])
def test_a_bucket_that_fails_is_told_and_tried_again(environment, scheme):
  """Also that a mirror ends when the run's parent is killed."""
  environment.setattr(mirroring, 'fetch', lambda *_: 'it is new there')
  for name, value in _NOWHERE[scheme].items():
    environment.setenv(name, value)
  address = _address(scheme)
  run, process = mirroring.open_run('--logdir', str(address))
  process.start()
  _write(run, 1)
  process.go()
  _wait_for(lambda: 'cannot be reached' in _status(run))
  assert _status(run).startswith(f'it waits: {address}: ')
  assert psutil.Process(process.pid).is_running()
  for code, expected in ((0, 1), (75, 75)):
    ending = process.end(outcome.Ending(code, 'done'), stopping.Requests(), 1)
    assert ending.code == expected
    assert ending.cause.startswith(
      f'done; {address} lacks some of it (it waits'
    )
    assert str(run.path) in ending.cause
  assert not psutil.pid_exists(process.pid)


def test_a_killed_parent_leaves_no_mirror(environment, tmp_path):
  with servers.gs() as variables:
    for name, value in variables.items():
      environment.setenv(name, value)
    address = _address('gs')
    code = f"""
import sys, time
from attn_agents.distributed import isolation, mirroring
run, process = mirroring.open_run('--logdir', '{address}')
process.start()
# The mirror keeps the network that this process gives up.
print(isolation.confine_to_loopback().confined, process.pid, flush=True)
input()
process.go()
time.sleep(600)
"""
    parent = subprocess.Popen(
      [sys.executable, '-c', code], text=True,
      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    _, pid = parent.stdout.readline().split()
    run = run_directory.RunDirectory(address.directory)
    _write(run, 1)
    parent.stdin.write('\n')
    parent.stdin.flush()
    _wait_for(lambda: 'checkpoint 1 is in' in _status(run))
    _write(run, 2)
    parent.kill()
    parent.wait()
    _wait_for(lambda: not lifecycle.is_alive(int(pid)))
    sizes = stores.connect(address).sizes('checkpoints/2/')
    assert 'checkpoints/2/committed.json' in sizes


def _refusal(value: str) -> str:
  line = commands.refused('run_local', '--game=catch', f'--logdir={value}')
  assert line.startswith(f'error: --logdir={value}: ')
  return line


@pytest.mark.parametrize(
  'scheme, expected', [('s3', 'AWS_ACCESS_KEY_ID'), ('gs', 'gcloud auth')]
)
def test_no_credentials_are_refused(environment, scheme, expected):
  line = _refusal(f'{scheme}://{servers.BUCKET}/run')
  assert 'no credentials of ' in line
  assert expected in line


@pytest.mark.parametrize('scheme', ['s3', 'gs'])
def test_a_server_that_is_not_there_is_refused(environment, scheme):
  for name, value in _NOWHERE[scheme].items():
    environment.setenv(name, value)
  assert 'cannot be reached' in _refusal(f'{scheme}://{servers.BUCKET}/run')


@pytest.mark.parametrize('scheme', ['s3', 'gs'])
def test_a_bucket_that_does_not_exist_is_refused(environment, scheme):
  with servers.SERVERS[scheme]() as variables:
    for name, value in variables.items():
      environment.setenv(name, value)
    line = _refusal(f'{scheme}://other-bucket/run')
  assert f'there is no bucket {scheme}://other-bucket' in line


def test_a_run_in_use_is_refused(environment):
  address = _address('gs')
  run = run_directory.RunDirectory(address.directory)
  run.path.mkdir(parents=True)
  run.lock()
  with pytest.raises(errors.ConfigError, match='another run is using it'):
    mirroring.open_run('--logdir', str(address))


def test_a_client_that_is_not_installed_is_named(environment):
  environment.setitem(sys.modules, 'attn_agents.runs.buckets.s3', None)
  with pytest.raises(errors.ConfigError, match=r"'attn_agents\[s3\]'"):
    stores.connect(_address('s3'))


def test_signals_of_a_terminal_do_not_reach_it(environment):
  environment.setattr(mirroring, 'fetch', lambda *_: 'it is new there')
  _, process = mirroring.open_run('--logdir', 'gs://bucket/run')
  process.start()
  assert os.getsid(process.pid) != os.getsid(0)
  os.kill(process.pid, signal.SIGKILL)
  ending = process.end(_DONE, stopping.Requests(), 1)
  assert ending.code == 1
  assert 'the mirror was killed by signal 9' in ending.cause

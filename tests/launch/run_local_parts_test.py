"""What `run_local.train` does with its parts, each of them a stand-in."""

import dataclasses
import types

import pytest

from attn_agents.distributed import console, outcome, supervisor, topology
from attn_agents.runs import run_directory
from attn_agents.utils import machine, stopping
from configs import errors
from tests.launch import loading

_FLAGS = (
  '--agent=impala_ff', '--game=catch', '--preset=small', '--num_actors=2',
  '--envs_per_actor=8', '--set=learning.batch_size=16', '--max_hours=2',
  '--max_frames=9000', '--algorithm=vtrace',
)  # fmt: skip
# Of two hosts with as many actors each.
_TWICE = '--set=learning.batch_size=32'
_DEVICES = machine.Devices('cpu', 1, 'cpu')
_TPU = machine.Devices('tpu', 1, 'v4')


class _Mirror:
  pid = 55
  description = 'gs://bucket/a'

  def __init__(self, did):
    self._did = did

  def start(self):
    self._did.append('mirror.start')

  def go(self):
    self._did.append('mirror.go')

  def end(self, ending, requests, seconds):
    assert isinstance(requests, stopping.Requests)
    self._did.append(f'mirror.end {seconds:g}')
    return dataclasses.replace(ending, cause=f'{ending.cause}; copied')


class _Relay:
  pid = 66

  def __init__(self, did):
    self._did = did

  def close(self):
    self._did.append('relay.close')


@pytest.fixture(name='train')
def _train(monkeypatch, tmp_path, capsys):
  """Trains with stand-ins: (exit code, what was done, said, and the config)."""

  def train(
    *arguments, hosts=None, listen='', actors=None, mirrored=False,
    devices=_DEVICES, confined=False, stopped=0,
  ):  # fmt: skip
    did, seen = [], {'environ': {}}

    def note(name, result=None):
      def called(*given):
        did.append(name)
        seen[name] = given
        return given[0] if result is None else result

      return called

    class Supervisor:
      def __init__(self, place, shown, requests, spared):
        did.append('supervisor')
        seen.update(place=place, shown=shown, spared=spared)
        assert isinstance(requests, stopping.Requests)

      def run(self):
        return outcome.Ending(75, 'stopped')

    def open_run(flag, value):
      assert flag == '--logdir'
      seen['logdir'] = value
      run = run_directory.RunDirectory(tmp_path / 'run')
      return run, _Mirror(did) if mirrored else None

    def listens(requests):
      did.append('listen')
      requests.first = stopped

    def start(place, listening, facts):
      did.append('relay.start')
      assert (listening, facts['environment.game']) == ('socket', 'catch')
      return dataclasses.replace(place, queue_address='unix:/q'), _Relay(did)

    monkeypatch.setattr(machine, 'probe_devices', lambda: devices)
    monkeypatch.setattr(machine, 'missing_libraries', list)
    monkeypatch.setattr(supervisor, 'Supervisor', Supervisor)
    monkeypatch.setattr(console, 'make', lambda *given: given)
    monkeypatch.setattr(stopping.Requests, 'listen', listens)
    logdir = f'--logdir={tmp_path}/run'
    with loading.command('run_local', *_FLAGS, logdir, *arguments) as local:
      for owner, name, stand_in in (
        (local.mirroring, 'open_run', open_run),
        (local.opening, 'confine', note('confine', 'opens no ports')),
        (local.opening, 'open_to_hosts', note('open_to_hosts')),
        (local.opening, 'describe', note('describe', 'OPEN: ports')),
        (local.serving, 'prepare', note('prepare', 'socket')),
        (local.serving, 'start', start),
        (local.topology, 'check_ports', note('check_ports')),
        (local.compile_cache, 'tidy', lambda: did.append('tidy')),
        (local.initial_parameters, 'check', note('initial')),
        (local.protocols, 'require_same_cap', note('cap')),
        (local.tpu_metadata, 'read', lambda: 'zone'),
        (local.isolation, 'is_confined', lambda: confined),
        (
          local.process_environment,
          'of_confined_tpu',
          lambda env: {'TPU': env},
        ),
        (local.run_directory.RunDirectory, 'open', note('open')),
        (local, 'os', types.SimpleNamespace(environ=seen['environ'])),
      ):
        monkeypatch.setattr(owner, name, stand_in)
      meet = note('meet')
      if hosts or listen or actors:
        code = local.train(hosts, meet, listen, actors)
      else:
        code = local.main()
    said = capsys.readouterr().out.splitlines()
    return code, did, said, seen

  return train


def _line(said, name):
  return [x[10:] for x in said if x[:10].rstrip() == name]


def test_a_run_alone(train, tmp_path):
  code, did, said, seen = train('--runtime=threads')
  assert code == 75
  assert did == ['confine', 'listen', 'check_ports', 'open', 'tidy',
                 'supervisor']  # fmt: skip
  assert seen['logdir'] == f'{tmp_path}/run'
  assert seen['confine'][1] is False
  assert seen['open'][2] == _DEVICES
  path = tmp_path / 'run'
  title = 'impala_ff on catch (vtrace, small)'
  assert seen['shown'] == (path, title, 9000, 2.0)
  assert seen['spared'] == [] and seen['environ'] == {}
  place = seen['place']
  assert (place.logdir, place.actors, place.devices) == (str(path), (0, 1), 1)
  assert _line(said, 'runtime') == ['threads (asked for)']
  assert _line(said, 'network') == ['opens no ports']
  assert _line(said, 'logdir') == [f'{path} (new)']
  for name in ('hosts', 'listens', 'bucket'):
    assert not _line(said, name)
  assert said[-1] == 'stopped'


def test_a_confined_run_has_what_only_the_network_knows(train):
  alone = ('--runtime=threads', '--allow_open_ports')
  seen = train(*alone, devices=_TPU, confined=True)[3]
  assert seen['environ'] == {'TPU': 'zone'}
  assert seen['confine'][1] is True
  seen = train(*alone, confined=True)[3]
  # Nobody asks where no TPU is.
  assert seen['environ'] == {'TPU': ''}


def test_hosts_meet_when_all_is_checked_and_nothing_is_written(train, tmp_path):
  hosts = topology.Hosts('a:1', 2, 1, 'asked for', 7.0)
  code, did, said, seen = train(
    '--runtime=launchpad',
    _TWICE,
    hosts=hosts,
    listen='h:7',
    actors=(1,),
    mirrored=True,
  )
  assert code == 75
  assert did == [
    'prepare', 'meet', 'mirror.start', 'listen', 'open', 'relay.start',
    'mirror.go', 'tidy', 'supervisor', 'relay.close',
    f'mirror.end {seen["open"][1].runtime.stall_seconds:g}',
  ]  # fmt: skip
  assert seen['logdir'] == f'{tmp_path}/run/hosts/1'
  assert seen['prepare'][1] == 'h:7'
  (facts,) = seen['meet']
  assert facts['environment.game'] == 'catch'
  # Each ends by itself, after the run.
  assert seen['spared'] == [55, 66]
  place = seen['place']
  assert (place.actors, place.queue_address) == ((1,), 'unix:/q')
  assert (place.num_hosts, place.host_index) == (2, 1)
  assert _line(said, 'network') == [
    'Reverb in a network of its own, with loopback only'
  ]
  assert _line(said, 'hosts') == ['1 of 2 (asked for), coordinator a:1']
  key = tmp_path / 'run' / 'keys' / 'actor.pem'
  assert _line(said, 'listens') == [f'h:7, for actor hosts that have {key}']
  assert _line(said, 'bucket') == ['gs://bucket/a']
  assert said[-1] == 'stopped; copied'


def test_host_0_has_the_directory_itself(train, tmp_path):
  hosts = topology.Hosts('a:1', 2, 0)
  _, did, _, seen = train('--runtime=threads', _TWICE, hosts=hosts)
  assert seen['logdir'] == f'{tmp_path}/run'
  assert seen['prepare'][1] == ''
  # One process has no servers to hide.
  assert 'relay.start' not in did and 'confine' in did
  assert 'check_ports' in did


def test_who_listens_openly_has_no_key(train):
  _, did, said, seen = train(
    '--runtime=launchpad', '--allow_open_ports', listen='h:7'
  )
  assert did == ['open_to_hosts', 'meet', 'describe', 'listen', 'open', 'tidy',
                 'supervisor']  # fmt: skip
  assert seen['open_to_hosts'][1] == 'h:7'
  assert _line(said, 'network') == ['OPEN: ports']
  assert _line(said, 'listens') == ['h:7, for whoever reaches it']
  assert seen['spared'] == []


def test_a_start_from_other_parameters_is_checked_once(train, monkeypatch):
  given = ('--runtime=threads', '--init_from=zoo:s3ta_catch',
           '--evaluate_every=4000')  # fmt: skip
  did, seen = train(*given)[1::2]
  assert did[:2] == ['initial', 'cap']
  curve, frames = seen['cap']
  assert curve.name == run_directory.RunDirectory('x').evaluation_curve.name
  assert frames == 108_000
  # What continues has parameters of its own.
  check = run_directory.RunDirectory.check
  monkeypatch.setattr(
    run_directory.RunDirectory, 'check', lambda *given: check(*given) or True
  )
  monkeypatch.setattr(run_directory.RunDirectory, 'lock', lambda run: None)
  did, said = train(*given)[1:3]
  assert 'initial' not in did and 'supervisor' in did
  assert _line(said, 'logdir')[0].endswith(' (continued)')


@pytest.mark.parametrize('saved', [True, False])
def test_a_stop_before_the_start_is_said(train, monkeypatch, tmp_path, saved):
  step = tmp_path / 'run' / 'checkpoints' / '7'
  if saved:
    step.mkdir(parents=True)
  run = run_directory.RunDirectory
  monkeypatch.setattr(run, 'check', lambda *given: True)
  monkeypatch.setattr(run, 'lock', lambda run: None)
  monkeypatch.setattr(
    'attn_agents.distributed.lifecycle.left_behind',
    lambda path: [types.SimpleNamespace(name='learner-0', pid=9)],
  )
  code, did, said, _ = train('--runtime=threads', stopped=15)
  ending = outcome.before_start(15, has_checkpoint=saved)
  assert (code, said) == (ending.code, [ending.cause])
  assert did == ['confine', 'listen']


def test_a_stop_as_the_former_run_ends_is_a_stop(train, monkeypatch):
  left = [[types.SimpleNamespace(name='learner-0', pid=9)], []]
  run = run_directory.RunDirectory
  monkeypatch.setattr(run, 'check', lambda *given: True)
  monkeypatch.setattr(run, 'lock', lambda run: None)
  monkeypatch.setattr(
    'attn_agents.distributed.lifecycle.left_behind', lambda path: left.pop(0)
  )
  assert 'supervisor' not in train('--runtime=threads', stopped=15)[1]
  assert not left


def test_names_are_checked_before_the_machine_is_asked(monkeypatch):
  with loading.command('run_local', '--preset=smal') as local:
    monkeypatch.setattr(machine, 'probe_devices', lambda: pytest.fail('asked'))
    with pytest.raises(errors.ConfigError, match="did you mean 'small'"):
      local.main()


def test_a_directory_is_named_after_what_runs(train):
  seen = train('--runtime=threads', '--logdir=')[3]
  assert seen['logdir'].startswith('runs/impala_ff_')
  assert seen['logdir'].endswith('_catch_small')


def test_a_request_is_what_the_flags_say():
  values = {
    'agent': 'drqn', 'game': 'pong', 'preset': 'small', 'algorithm': 'r2d2',
    'runtime': 'threads', 'seed': 3, 'max_frames': 4, 'max_hours': 5.5,
    'num_actors': 6, 'envs_per_actor': 7, 'evaluate_every': 8,
    'profile_updates': '9:10', 'init_from': 'x',
  }  # fmt: skip
  flags = [f'--{name}={value}' for name, value in values.items()]
  with loading.command('run_local', *flags, '--set=a=b', '--set=c=d') as local:
    request = dataclasses.asdict(local.requested())
  assert request == values | {'settings': ['a=b', 'c=d']}

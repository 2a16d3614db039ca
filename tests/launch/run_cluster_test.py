"""Which hosts `launch/run_cluster.py` finds, and what it hands them."""

import types

import pytest

from attn_agents.distributed import topology
from configs import errors
from tests.launch import loading

_HOSTS = ('--coordinator_address=a:1', '--num_hosts=2', '--host_index=1')
_ACTORS = ('--role=actors', '--learner_address=l:1')


def _named(address='a:1', count=2, index=1):
  return (
    f'--coordinator_address={address}',
    f'--num_hosts={count}',
    f'--host_index={index}',
  )


@pytest.fixture(name='run')
def _run(monkeypatch):
  """Runs main with stand-ins; (what it returned, trained with, met for)."""

  def run(*arguments, found=None, train=None):
    trained, met, asked = [], [], []

    def stand_in(hosts=None, meet=None, listen='', actors=None):
      trained.append((hosts, listen, actors))
      if train:
        train(meet)
      return 5

    def find(cluster):
      asked.append(cluster)
      return found

    with loading.command('run_cluster', *arguments) as run_cluster:
      monkeypatch.setattr(run_cluster.run_local, 'train', stand_in)
      monkeypatch.setattr(run_cluster.actor_host, 'play', lambda host: host)
      monkeypatch.setattr(run_cluster.meeting, 'meet', met.append)
      monkeypatch.setattr(run_cluster.finding, 'find', find)
      try:
        code = run_cluster.main()
      except errors.ConfigError as error:
        code = str(error)
    return types.SimpleNamespace(
      code=code, trained=trained, met=met, asked=asked
    )

  return run


@pytest.mark.parametrize('cluster', ['auto', 'none'])
def test_a_learner_host_with_actor_hosts_needs_no_others(run, cluster):
  found = run('--listen=h:7', f'--cluster={cluster}', '--actors=1')
  assert (found.code, found.asked) == (5, [])
  assert found.trained == [(None, 'h:7', (1,))]


def test_who_listens_may_be_one_of_several(run):
  there = topology.Hosts('c:9', 3, 2, 'found by Slurm')
  found = run('--listen=h:7', '--cluster=slurm', found=there)
  assert found.asked == ['slurm']
  expected = topology.Hosts('c:9', 3, 2, 'found by Slurm', 300.0)
  assert found.trained == [(expected, 'h:7', None)]
  assert 'coordinator_address' in run('--listen=h:7', '--host_index=0').code
  # Without --listen there have to be hosts.
  assert 'this process is in no cluster that JAX knows' in run().code


def test_one_host_alone_meets_nobody(run):
  found = run(*_named(count=1, index=0), '--listen=h:7', '--actors=0-1')
  assert found.code == 5
  assert (found.trained, found.met) == ([(None, 'h:7', (0, 1))], [])


@pytest.mark.parametrize('seconds', [7.0, 300.0])
def test_hosts_meet_before_they_train_or_say_why_not(run, seconds):
  start = f'--start_seconds={seconds}'
  hosts = topology.Hosts('a:1', 2, 1, 'asked for', seconds)
  found = run(*_HOSTS, start, '--listen=h:7', train=lambda m: m({'x': 'y'}))
  assert found.code == 5
  assert found.trained == [(hosts, 'h:7', None)]
  (request,) = found.met
  assert (request.address, request.count, request.index) == ('a:1', 2, 1)
  assert (request.seconds, request.facts) == (seconds, {'x': 'y'})
  assert request.refusal == ''

  def refuse(meet):
    raise errors.ConfigError('x=1: expected 2')

  found = run(*_HOSTS, start, train=refuse)
  assert found.code == 'x=1: expected 2'
  (request,) = found.met
  assert (request.refusal, request.facts) == ('x=1: expected 2', {})
  # Those that wait longer are told all the same.
  assert request.seconds == min(seconds, 30.0)

  def refuse_late(meet):
    meet({})
    raise errors.ConfigError('x=1: expected 2')

  found = run(*_HOSTS, start, train=refuse_late)
  assert (found.code, len(found.met)) == ('x=1: expected 2', 1)


@pytest.mark.parametrize(
  'hosts',
  [
    _named(count=16, index=15),
    _named(count=1, index=0),
    _named('[::1]:1'),
    _named('a:65535'),
  ],
)
def test_hosts_at_the_bounds_are_taken(run, hosts):
  assert run(*hosts).code == 5


@pytest.mark.parametrize(
  ('arguments', 'line'),
  [
    (_named(count=17), '--num_hosts=17: expected 1 to 16'),
    (_named(count=0, index=0), '--num_hosts=0: expected 1 to 16'),
    (_named(index=-1), '--host_index=-1: expected 0 to 1, less than'),
    (_named(index=2), '--host_index=2: expected 0 to 1, less than'),
    (_named('a:0'), '--coordinator_address=a:0: expected host:port'),
    (_named('a:65536'), 'expected host:port'),
    (_named('a:x'), 'expected host:port'),
    (_named(':7'), 'expected host:port'),
    (
      ['--cluster=none'],
      '--cluster=none: --coordinator_address and --num_hosts and --host_index '
      'missing',
    ),
    (
      ['--cluster=tpu', '--host_index=0'],
      '--host_index and --cluster=tpu, which says it itself',
    ),
    (['--cluster=slum'], "did you mean 'slurm'"),
    (['--learner_address=a:1'], '--learner_address=a:1 with --role=learner'),
    (['--key=k'], '--key=k with --role=learner'),
    (['--actors=3-2'], '--actors=3-2: expected the index of an actor'),
    (['--actors=x'], '--actors=x: expected'),
    (['--actors=1-'], '--actors=1-: expected'),
    (['--actors=-1'], '--actors=-1: expected'),
    ([*_ACTORS, '--key=k', '--host_index=16'], '=16: expected 0 to 15'),
    ([*_ACTORS, '--key=k', '--host_index=-1'], '=-1: expected 0 to 15'),
  ],
)
def test_mistakes_are_one_line_before_anything_starts(run, arguments, line):
  found = run(*arguments)
  assert line in found.code
  assert not found.trained and not found.met


@pytest.mark.parametrize(
  ('text', 'indices'), [('2', (2,)), ('1-3', (1, 2, 3)), ('2-2', (2,))]
)
def test_actors_are_one_or_a_range(run, text, indices):
  found = run('--listen=h:7', f'--actors={text}')
  assert found.trained == [(None, 'h:7', indices)]


def test_an_actor_host_is_what_its_flags_say(run):
  host = run(*_ACTORS, '--key=k').code
  assert (host.index, host.num_learner_hosts, host.actors) == (0, 1, None)
  assert (host.learner_address, host.key, host.seconds) == ('l:1', 'k', 300.0)
  host = run(
    *_ACTORS, '--key=k', '--host_index=15', '--num_hosts=3', '--actors=1',
    '--start_seconds=9',
  ).code  # fmt: skip
  assert (host.index, host.num_learner_hosts, host.actors) == (15, 3, (1,))
  assert host.seconds == 9.0
  assert run(*_ACTORS, '--allow_open_ports').code.key == ''


class _PassedError(Exception):
  """Nothing was refused."""


@pytest.mark.parametrize(
  ('given', 'line'),
  [
    (['--runtime=threads'], '--runtime=threads with --role=actors: expected'),
    (['--agent=s4ta'], "unknown agent 's4ta'"),
    ([], 'the learner needs every actor; expected --num_actors and'),
    (['--num_actors=2', '--envs_per_actor=8'], 'needs every actor'),
    (['--num_actors=2', '--actors=1'], 'needs every actor'),
    (['--envs_per_actor=8', '--actors=1'], 'needs every actor'),
    (['--num_actors=2', '--envs_per_actor=8', '--actors=0'], ''),
    (['--set=learning.max_policy_lag=none', '--algorithm=vtrace'], ''),
  ],
)
def test_an_actor_host_does_not_guess_which_actors_it_has(
  monkeypatch, tmp_path, given, line
):
  arguments = (
    *_ACTORS, '--allow_open_ports', '--game=catch', '--preset=small',
    f'--logdir={tmp_path}/run', '--set=learning.batch_size=16',
  )  # fmt: skip
  if '--runtime=threads' not in given:
    arguments += ('--runtime=launchpad',)

  def passed(*_):
    raise _PassedError

  with loading.command('run_cluster', *arguments, *given) as run_cluster:
    actor_host = run_cluster.actor_host
    machine = actor_host.this_machine.machine
    monkeypatch.setattr(
      machine, 'probe_devices', lambda: machine.Devices('cpu', 1, 'cpu')
    )
    monkeypatch.setattr(machine, 'missing_libraries', list)
    monkeypatch.setattr(actor_host.topology, 'local', passed)
    with pytest.raises((errors.ConfigError, _PassedError)) as caught:
      run_cluster.main()
  assert line in str(caught.value)
  assert caught.type is (errors.ConfigError if line else _PassedError)

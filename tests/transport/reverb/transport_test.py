"""What a run asks of its Reverb server, and of the clients of it."""

import pytest

from attn_agents import experiment
from attn_agents.transport.reverb import servers, transport
from configs import resolution


def _parts(*settings, agent='dqn'):
  request = resolution.Request(
    agent=agent,
    game='catch',
    preset='small',
    runtime='launchpad',
    settings=settings,
  )
  return experiment.Experiment(resolution.resolve(request, 'cpu', 1, cores=2))


def test_a_replay_has_the_sizes_of_the_config(tmp_path):
  parts = _parts(
    'learning.replay_capacity=700',
    'learning.replay_min_size=60',
    'learning.batch_size=24',
    'learning.steps_per_update=8',
  )
  import reverb

  server = transport.make_server(parts, 0, tmp_path, None)
  tables = reverb.Client(f'127.0.0.1:{server.port}').server_info()
  server.stop()
  assert tables[servers.REPLAY_TABLE].max_size == 700
  limits = tables[servers.REPLAY_TABLE].rate_limiter_info
  assert limits.min_size_to_sample == 60
  # 24 of a batch for each 8 steps.
  assert limits.samples_per_insert == 3.0


@pytest.mark.parametrize('crosses_hosts', [False, True])
def test_a_queue_holds_so_many_batches_and_is_packed_between_hosts(
  tmp_path, crosses_hosts
):
  parts = _parts(
    'queue.capacity_batches=3', 'learning.batch_size=8',
    'runtime.envs_per_actor=4', 'learning.max_policy_lag=none',
    'environment.height=60', 'environment.width=60', agent='impala_shallow',
  )  # fmt: skip
  import reverb

  server = transport.make_server(parts, 0, tmp_path, None, crosses_hosts)
  tables = reverb.Client(f'127.0.0.1:{server.port}').server_info()
  server.stop()
  # Two unrolls to a batch.
  assert tables[servers.QUEUE_TABLE].max_size == 6
  assert (servers.UNPACKED_TABLE in tables) == crosses_hosts


@pytest.fixture(name='made')
def _made(monkeypatch):
  """What clients are made with, by the name of each."""
  made = {}
  for module, name in (
    (transport.queue, 'QueueSink'),
    (transport.queue, 'QueueSource'),
    (transport.replay, 'ReplaySink'),
    (transport.replay, 'ReplaySource'),
    (transport.variables, 'VariablePublisher'),
    (transport.variables, 'VariablePoller'),
  ):

    def make(*args, name=name, **named):
      made[name] = (*args, named)

    monkeypatch.setattr(module, name, make)
  return made


def _stop():
  return False


def _make_all(parts, directory):
  made = transport.ReverbTransport(parts, 'a:1', 'b:2', directory, _stop)
  made.make_sink()
  made.make_source()
  made.make_publisher()
  made.make_variable_source()


@pytest.mark.parametrize('lag', ['none', '1'])
def test_clients_of_a_queue_are_those_of_the_config(made, tmp_path, lag):
  parts = _parts(
    'learning.batch_size=8', 'runtime.envs_per_actor=4',
    'runtime.num_actors=2', f'learning.max_policy_lag={lag}',
    f'queue.unpack_on={"host" if lag == "1" else "device"}',
    agent='impala_shallow',
  )  # fmt: skip
  _make_all(parts, tmp_path)
  assert made == {
    'QueueSink': ('a:1', _stop, {}),
    'QueueSource': (
      'a:1', parts.trajectory_spec(), 2, {'restore_frames': lag == '1'},
    ),
    'VariablePublisher': ('b:2', {}),
    # Who waits for each version gets it at once.
    'VariablePoller': ('b:2', {'eager': lag == '1'}),
  }  # fmt: skip


def test_clients_of_a_replay_are_those_of_the_config(made, tmp_path):
  parts = _parts(
    'learning.sequence_length=5', 'learning.unroll_length=7',
    'learning.batch_size=24', 'learning.replay_checkpoint_seconds=77',
  )  # fmt: skip
  _make_all(parts, tmp_path)
  # Catch stacks nothing: the rows are those of five steps and one more.
  assert made['ReplaySink'] == ('a:1', 1, 6, 7, _stop, {})
  address, report, *rest = made['ReplaySource']
  assert (address, report.agent_steps) == ('a:1', 0)
  frame = parts.environment_spec.observation_shape
  assert rest == [24, tmp_path, 77.0, frame, {}]
  assert made['VariablePoller'] == ('b:2', {'eager': False})

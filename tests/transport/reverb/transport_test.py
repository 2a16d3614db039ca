"""What a run asks of its Reverb server."""

from attn_agents import experiment
from attn_agents.transport.reverb import servers, transport
from configs import resolution


def _parts(*settings):
  request = resolution.Request(
    agent='dqn',
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

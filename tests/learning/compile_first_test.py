"""An update that is compiled before there is anything to learn from."""

import types

import jax
import numpy as np
import pytest

from attn_agents.algorithms import registry
from attn_agents.learning import batching, learner, placement, train_state
from attn_agents.runs import snapshots
from configs import schema
from configs.agents import s3ta
from tests.learning import linear

_INFO = batching.describe_reports([])._replace(versions=np.zeros(1))


class _Nobody:
  def publish(self, values, version):
    pass


def _made(algorithm):
  """A learner, its agent, where it starts and a batch for it."""
  section = registry.get(algorithm).section_class(
    unroll_length=linear.T, batch_size=linear.B
  )
  config = schema.Config(
    agent='linear',
    preset='small',
    network=s3ta.S3TAConfig(),
    algorithm=algorithm,
    learning=section,
    optimizer=schema.OptimizerConfig(
      name='adam', learning_rate=0.01, epsilon=1e-5, clip_threshold=0.5
    ),
  )
  devices = jax.devices()[:1]
  agent = linear.LinearAgent()
  state = jax.device_get(
    train_state.init_state(agent, config, jax.random.key(0))
  )
  made = learner.Learner(
    registry.get(algorithm).make_update(agent, config, devices),
    snapshots.Snapshot(state, snapshots.Counters()),
    _Nobody(),
    devices,
    action_repeat=4,
    publish_every_updates=1,
    synchronous=False,
    max_seconds=0.0,
    to_publish=lambda params, agent_steps: params,
    measure=lambda params, batch: {},
  )
  unroll = batching.shard(linear.make_unroll(0), 1)
  return made, agent, state, placement.sharder(devices)(unroll)


def _empty(batch):
  """What the roles compile with: zeros, laid out as batches are."""
  zeros = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), batch)
  return placement.sharder(jax.devices()[:1])(zeros)


def _params(made):
  return made.snapshot().state


def test_the_first_update_traces_no_more_and_comes_out_the_same():
  made, agent, state, batch = _made('appo')
  before = jax.tree.map(np.copy, _params(made))
  made.compile(state, _empty(batch))
  assert agent.traces, 'it was not compiled'
  jax.tree.map(np.testing.assert_array_equal, _params(made), before)
  assert made.counters.learner_steps == 0
  traced = agent.traces
  made.step(batch, _INFO)
  assert agent.traces == traced
  other, _, _, _ = _made('appo')
  other.step(batch, _INFO)
  jax.tree.map(np.testing.assert_array_equal, _params(made), _params(other))


@pytest.mark.parametrize('platform', ['cpu', 'gpu'])
def test_an_update_in_one_piece_is_fast_on_accelerators(platform, monkeypatch):
  assert _made('appo')[0].compiles_fast
  made, agent, state, batch = _made('vtrace')
  copy, cpus = train_state.replicate, jax.devices()[:1]
  monkeypatch.setattr(
    train_state, 'replicate', lambda state, devices: copy(state, cpus)
  )
  made._devices = [types.SimpleNamespace(platform=platform)]
  assert made.compiles_fast == (platform == 'gpu')
  before = jax.tree.map(np.copy, _params(made))
  made.compile(state, _empty(batch))
  assert agent.traces
  jax.tree.map(np.testing.assert_array_equal, _params(made), before)

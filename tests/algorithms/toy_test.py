"""An algorithm that this file alone knows: REINFORCE, without a baseline."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import pytest
import rlax

from attn_agents.algorithms import base, registry
from attn_agents.learning import metrics, update
from attn_agents.losses import transitions
from attn_agents.utils import metrics_table
from configs import errors, resolution
from tests import in_process
from tests.algorithms import registry_test

_NAME = 'toy_reinforce'


@dataclasses.dataclass(frozen=True)
class ReinforceConfig(base.LearningConfig):
  """One field of its own."""

  return_scale: float = 1.0


class Reinforce(base.Algorithm[ReinforceConfig]):
  """Williams 1992, with returns cut at the end of the unroll."""

  name = _NAME
  title = 'REINFORCE'
  section_class = ReinforceConfig
  metrics = ('pg_loss', 'toy_return')
  quick_settings = (
    'learning.batch_size=16',
    'runtime.envs_per_actor=8',
    'optimizer.learning_rate=2e-3',
  )

  def configure(self, preset):
    learning = ReinforceConfig(unroll_length=10, loss_reduction='mean')
    return dataclasses.replace(preset, learning=learning)

  def network_rows(self, config):
    return base.NetworkRows(1.0, 1.0)

  def make_update(self, agent, config, devices):
    return update.make_update(agent, config, devices, _loss)


def _loss(outputs, unroll, learning, entropy_cost):
  assert entropy_cost.shape == ()
  steps = transitions.from_unroll(outputs, unroll, learning)
  returns = jax.vmap(rlax.lambda_returns, in_axes=1, out_axes=1)(
    steps.reward * steps.weight, steps.discount, jnp.zeros_like(steps.reward)
  )
  log_prob = transitions.log_prob(steps.policy_logits, steps.action)
  weights = learning.return_scale * jax.lax.stop_gradient(returns)
  loss = -jnp.sum(weights * log_prob * steps.weight)
  count = jnp.sum(steps.weight)
  return loss, {
    'loss': loss,
    'pg_loss': loss,
    'num_transitions': count,
    'toy_return': jnp.sum(returns * steps.weight) / jnp.maximum(count, 1.0),
  }


@pytest.fixture(autouse=True)
def _registered():
  registry.register(Reinforce())
  yield
  del registry.ALGORITHMS[_NAME]


def test_it_trains_and_its_metrics_have_columns(tmp_path):
  config = in_process.catch_config(
    'learning.return_scale=0.5', agent='impala_shallow', algorithm=_NAME
  )
  run = in_process.InMemory(config)
  window = metrics.Window()
  writer = metrics.MetricsWriter(tmp_path, 0)
  try:
    with run.actor_threads(config.runtime.num_actors):
      feeder = run.feeder()
      for _ in range(3):
        batch = feeder.get(timeout=60)
        assert batch is not None, 'no data'
        found, lags = run.learner.step(*batch)
        window.add(found, batch[1], lags, 0.0, 0.0)
  finally:
    run.close()
  writer.write(window.close(run.learner.counters, 0, 1.0, {}))
  writer.close()
  (row,) = metrics_table.read(tmp_path / 'metrics.csv')
  assert row['learner_steps'] == 3
  assert math.isfinite(row['toy_return']) and math.isfinite(row['loss'])
  assert math.isnan(row['td_error'])


def test_what_holds_for_every_algorithm_holds_for_it():
  registry_test.test_it_trains_a_narrow_network(_NAME)
  registry_test.test_it_says_what_it_is(_NAME)
  registry_test.test_presets_and_registry_agree('s3ta', 'small')


def test_the_command_line_knows_it():
  config = resolution.resolve(
    resolution.Request(
      algorithm=_NAME, settings=['learning.return_scale=2']
    ),
    'cpu', 1, cores=2,
  )  # fmt: skip
  assert (config.algorithm, config.preset) == (_NAME, 'small')
  assert config.learning == ReinforceConfig(
    unroll_length=10, loss_reduction='mean', return_scale=2.0
  )
  with pytest.raises(errors.ConfigError, match='learns by q_learning'):
    resolution.resolve(
      resolution.Request(agent='dqn', algorithm=_NAME), 'cpu', 1, cores=2
    )

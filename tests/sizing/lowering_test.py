"""The traced update is the learner's, and its work that of the network."""

import jax
import numpy as np
import pytest

from attn_agents import experiment
from attn_agents.learning import batching, train_state
from attn_agents.sizing import hlo, lowering, work
from benchmarks import batches, costs
from configs import resolution
from configs.agents import s3ta

_QUICK = s3ta.S3TAConfig.quick_settings


def _config(
  algorithm='auto', agent='s3ta', settings=(), game='catch', runtime='threads'
):
  quick = _QUICK if agent == 's3ta' else ()
  return resolution.resolve(
    resolution.Request(
      agent=agent, game=game, preset='small', algorithm=algorithm,
      runtime=runtime,
      settings=[*quick, 'network.convolution=lax', *settings],
    ),
    'tpu', 1, 4,
  )  # fmt: skip


def _flops(traced):
  return {
    stage.name: work.measure(hlo.parse(stage.lowered.as_text('hlo'))).flops
    for stage in traced.stages
  }


def test_the_batch_is_the_learners():
  config = _config(
    'vtrace',
    settings=('environment.full_action_space=true', 'learning.unroll_length=3'),
    game='pong',
  )
  parts = experiment.Experiment(config)
  real = batching.shard(batches.random_unroll(config, parts.agent), 2)
  found = lowering._batch(parts, 2, 1)
  assert jax.tree.structure(found) == jax.tree.structure(real)
  for mine, its in zip(
    jax.tree.leaves(found), jax.tree.leaves(real), strict=True
  ):
    assert (mine.shape, mine.dtype) == (its.shape, np.asarray(its).dtype)
  # Of four hosts each feeds a quarter.
  quarter = lowering._batch(parts, 2, 4)
  assert quarter.action.shape == (2, 3, config.learning.batch_size // 8)


def test_what_waits_on_a_device():
  sizes = {}
  for unpack_on in ('host', 'device'):
    config = _config(
      'vtrace',
      settings=(
        'queue.prefetch_batches=3',
        'learning.unroll_length=3',
        f'queue.unpack_on={unpack_on}',
      ),
      agent='impala_shallow',
      runtime='launchpad',
    )
    traced = lowering.trace(config, jax.devices('cpu')[:1])
    sizes[unpack_on] = traced.waiting_bytes - 3 * traced.batch_bytes
    # A batch is of this many unrolls of 3 agent steps.
    unrolls = config.learning.batch_size
    assert traced.step_bytes * 3 * unrolls == pytest.approx(traced.batch_bytes)
  assert sizes['host'] == 0
  shape = experiment.Experiment(config).environment_spec.observation_shape
  assert sizes['device'] == 4 * config.learning.batch_size * np.prod(shape)


def test_the_work_is_that_of_the_network():
  """Counted in the program with its loops, and from the network at one row."""
  config = _config('vtrace')
  traced = lowering.trace(config, jax.devices('cpu')[:1])
  steps = config.learning.batch_size * config.learning.unroll_length
  expected = 1e9 * costs.measure(config).update(config) * steps
  found = _flops(traced)
  assert list(found) == ['update']
  # The other one counts additions of single elements, too.
  assert 0.75 * expected < found['update'] < 1.25 * expected


def test_an_update_of_several_steps_is_two_programs():
  config = _config('appo')
  traced = lowering.trace(config, jax.devices('cpu')[:1])
  prepare, step = traced.stages
  learning = config.learning
  assert (prepare.times, step.times) == (1, 3 * 8)
  assert not prepare.keeps_batch
  assert step.keeps_batch
  assert (prepare.differentiated, step.differentiated) == (0.0, 0.125)
  found = _flops(traced)
  steps = learning.batch_size * learning.unroll_length
  total = found['prepare'] + step.times * found['step']
  expected = 1e9 * costs.measure(config).update(config) * steps
  assert 0.7 * expected < total < 1.3 * expected


def test_an_update_from_a_replay():
  config = _config(agent='drqn')
  traced = lowering.trace(config, jax.devices('cpu')[:1])
  (stage,) = traced.stages
  assert stage.times == 1
  assert _flops(traced)['update'] > 0
  parts = experiment.Experiment(config)
  replay = parts.replay
  assert traced.step_bytes == replay.num_bytes / replay.capacity
  # Of four hosts each feeds a quarter to its two devices.
  quarter = lowering._batch(parts, 2, 4)
  length, size = replay.sequence_length, replay.batch_size // 8
  assert quarter.action.shape == (2, length, size)
  assert quarter.timestep.reward.shape == (2, length + 1, size)
  assert quarter.new_steps.shape == (2,)


def test_what_the_backward_pass_keeps_grows_with_the_batch():
  one, two = (
    lowering.residual_bytes(
      _config('vtrace', settings=(f'learning.batch_size={size}',))
    )
    for size in (16, 32)
  )
  assert 1.8 * one < two < 2.0 * one


def test_stages_of_a_plain_update_are_its_own_lowering():
  config = _config('vtrace', settings=('learning.unroll_length=2',))
  parts = experiment.Experiment(config)
  update = parts.algorithm.make_update(
    parts.agent, config, jax.devices('cpu')[:1]
  )
  state = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct((1, *x.shape), x.dtype), parts.state_spec()
  )
  (stage,) = train_state.stages(update, state, lowering._batch(parts, 1, 1))
  assert stage[2:] == (1, False, 1.0)

"""The update of a run, traced for devices that need not exist."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import experiment, types
from attn_agents.learning import batching, joint_learner, train_state
from configs import schema


@dataclasses.dataclass(frozen=True)
class Traced:
  """An update that is ready to be compiled.

  Attributes:
    stages: its programs, in their order.
    batch_bytes: of the batch of one device.
    waiting_bytes: of those that wait on it, and of what it puts the screens of
      the next one together of.
    step_bytes: that an agent step brings to the learner.
  """

  stages: list[train_state.Stage]
  batch_bytes: int
  waiting_bytes: int
  step_bytes: float


def trace(config: schema.Config, devices: Sequence[jax.Device]) -> Traced:
  """Traces the update that a run of this config would compile.

  Args:
    config: complete; `learning.batch_size` is over all devices.
    devices: of all hosts, each with as many.
  """
  parts = experiment.Experiment(config)
  per_host = sum(d.process_index == devices[0].process_index for d in devices)
  hosts = len(devices) // per_host
  update = parts.algorithm.make_update(parts.agent, config, devices)
  start = parts.state_spec()
  if hosts > 1:
    number = (joint_learner.NUM_INCREMENTS,)
    start = start._replace(
      increments=jax.ShapeDtypeStruct(number, np.dtype(np.float32))
    )
  # As JAX 0.5 has it, the leading axis is the devices of one host.
  state = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct((per_host, *x.shape), x.dtype), start
  )
  batch = _batch(parts, per_host, hosts)
  batch_bytes = _num_bytes(batch) // per_host
  waiting_bytes = config.queue.prefetch_batches * batch_bytes
  if config.queue.unpack_on == 'device':
    waiting_bytes += _num_bytes(batch.timestep.observation) // per_host
  return Traced(
    stages=train_state.stages(update, state, batch),
    batch_bytes=batch_bytes,
    waiting_bytes=waiting_bytes,
    step_bytes=_step_bytes(parts),
  )


def residual_bytes(config: schema.Config) -> int:
  """Bytes that the backward pass of a whole batch keeps of the forward one.

  As JAX would keep them, one array for each; XLA fuses some of them away.

  Args:
    config: complete; one device has the whole batch.
  """
  parts = experiment.Experiment(config)
  one = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), _batch(parts, 1, 1)
  )

  def kept(params: types.Nest, batch: types.Batch) -> Any:
    rows = parts.algorithm.rows(parts.agent, batch)
    key = jax.random.key(0)
    return jax.vjp(lambda p: parts.agent.unroll(p, *rows, key), params)[1]

  return _num_bytes(jax.eval_shape(kept, parts.params_spec, one))


def _batch(
  parts: experiment.Experiment, devices: int, hosts: int
) -> types.Batch:
  """Shapes and dtypes of what a host's learner is given."""
  unroll = parts.trajectory_spec().unroll
  replay = parts.replay
  if replay is None:
    size = parts.config.learning.batch_size // hosts

    def resized(x: jax.ShapeDtypeStruct, axis: int) -> jax.ShapeDtypeStruct:
      shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
      return jax.ShapeDtypeStruct(shape, x.dtype)

    def of_rows(tree: types.Nest) -> types.Nest:
      return jax.tree.map(lambda x: resized(x, 1), tree)

    whole = types.Unroll(
      timestep=of_rows(unroll.timestep),
      action=of_rows(unroll.action),
      behaviour_logits=of_rows(unroll.behaviour_logits),
      agent_state=jax.tree.map(lambda x: resized(x, 0), unroll.agent_state),
    )
    return jax.eval_shape(lambda x: batching.shard(x, devices), whole)
  size, length = replay.batch_size // hosts, replay.sequence_length

  def rows(x: jax.ShapeDtypeStruct, count: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(
      (devices, count, size // devices, *x.shape[2:]), x.dtype
    )

  return types.ReplayBatch(
    timestep=jax.tree.map(lambda x: rows(x, length + 1), unroll.timestep),
    action=rows(unroll.action, length),
    new_steps=jax.ShapeDtypeStruct((devices,), jnp.int32),
  )


def _step_bytes(parts: experiment.Experiment) -> float:
  if parts.replay is not None:
    return parts.replay.num_bytes / parts.replay.capacity
  learning, runtime = parts.config.learning, parts.config.runtime
  num_bytes = _num_bytes(parts.trajectory_spec().unroll)
  return num_bytes / learning.unroll_length / runtime.envs_per_actor


def _num_bytes(tree: types.Nest) -> int:
  return sum(
    int(np.prod(x.shape)) * x.dtype.itemsize for x in jax.tree.leaves(tree)
  )

"""Several passes over one batch, in minibatches, with PPO's clip.

Schulman et al. 2017, Algorithm 1, as OpenAI baselines' `ppo2` runs it. One
compiled step per minibatch instead of a loop in XLA, whose loops are slow at
convolutions on CPU.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import types
from attn_agents.algorithms import proximal
from attn_agents.learning import (
  gradient_step,
  minibatches,
  schedules,
  train_state,
)
from attn_agents.losses import ppo, reconstruction
from configs import schema

# From outputs of the parameters before the update, unroll and config section.
MakeTargets = Callable[..., ppo.Targets]


class _Sequences(NamedTuple):
  """What minibatches are chosen from: N sequences of L rows.

  Parts of unrolls where the network is recurrent (L = `part_length` or T,
  N = T / L B), single rows where it is not (L = 1, N = T B).

  Attributes:
    timestep: [L, N, ...].
    action: int32 [L - 1, N], those between the rows.
    targets: `ppo.Targets` [L, N], of the actions chosen at the rows.
    agent_state: [N, ...], before the first row.
  """

  timestep: types.TimeStep
  action: types.Array
  targets: ppo.Targets
  agent_state: types.AgentState


def make_update(
  agent: train_state.Agent,
  config: schema.Config,
  learning: proximal.ProximalConfig,
  devices: Sequence[jax.Device],
  make_targets: MakeTargets,
) -> train_state.Update:
  """Makes the update; see `algorithms.base.Algorithm.make_update`.

  Every device splits its own share of the batch into minibatches, and takes
  its steps together with the others: a minibatch is the union of theirs.
  Metrics are means over all steps of the update.

  Args:
    agent: the network to train.
    config: the run's config.
    learning: its section on learning.
    devices: of the learner.
    make_targets: of a whole batch.
  """
  return _Update(_Passes(agent, config, learning, make_targets), devices)


class _Update:
  """The update of all devices."""

  def __init__(self, passes: '_Passes', devices: Sequence[jax.Device]):
    self._num_steps = passes.num_steps
    self._num_minibatches = passes.num_minibatches
    # The state is not donated here: the steps need it.
    self._prepare = jax.pmap(
      passes.prepare, axis_name=train_state.AXIS, devices=devices
    )
    self._step = jax.pmap(
      passes.step,
      axis_name=train_state.AXIS,
      devices=devices,
      in_axes=(0, 0, 0, 0, None),
      out_axes=(0, None),
      donate_argnums=0,
    )

  def __call__(
    self, state: train_state.TrainState, unroll: types.Unroll
  ) -> tuple[train_state.TrainState, train_state.Metrics]:
    sequences, order, agent_steps = self._prepare(state, unroll)
    metrics = []
    for index in range(self._num_steps):
      state, step_metrics = self._step(
        state, sequences, order, agent_steps, np.int32(index)
      )
      metrics.append(step_metrics)
    return state, gradient_step.mean(metrics)

  def compile(
    self, state: train_state.TrainState, unroll: types.Unroll
  ) -> None:
    """Compiles both parts, and makes one step; the state is donated."""
    prepared = self._prepare(state, unroll)
    jax.block_until_ready(self._step(state, *prepared, np.int32(0)))

  def stages(
    self, state: types.Nest, unroll: types.Nest
  ) -> list[train_state.Stage]:
    """See `train_state.stages`."""
    prepared = jax.eval_shape(self._prepare, state, unroll)
    first = self._prepare.lower(state, unroll)
    step = self._step.lower(state, *prepared, np.int32(0))
    return [
      train_state.Stage('prepare', first, 1, differentiated=0.0),
      train_state.Stage(
        'step', step, self._num_steps, True, 1 / self._num_minibatches
      ),
    ]


class _Passes:
  """The two compiled parts of an update, within a pmap over devices."""

  def __init__(
    self,
    agent: train_state.Agent,
    config: schema.Config,
    learning: proximal.ProximalConfig,
    make_targets: MakeTargets,
  ):
    self._agent = agent
    self._config = config
    self._learning = learning
    self._make_targets = make_targets
    self.num_minibatches = learning.num_minibatches
    self.num_steps = learning.num_epochs * learning.num_minibatches
    self._gradient = gradient_step.GradientStep(config)

  def prepare(
    self, state: train_state.TrainState, unroll: types.Unroll
  ) -> tuple[_Sequences, jax.Array, jax.Array]:
    """Targets, the order of all steps, and valid transitions on all devices."""
    learning = self._learning
    start = unroll.agent_state
    rows = (state.params, unroll.timestep, unroll.action, start)
    if learning.part_length:
      outputs, starts = self._agent.unroll_parts(*rows, learning.part_length)
    else:
      outputs = self._agent.unroll(*rows)
      starts = jax.tree.map(lambda x: x[None], start)
    targets = self._make_targets(outputs, unroll, learning)
    if self._config.network.recurrent:
      sequences = _cut(unroll, targets, starts)
    else:
      sequences = _cut_rows(unroll, targets)
    order = minibatches.order(
      self._config.seed,
      state.learner_steps,
      sequences.targets.weight.shape[1],
      learning.num_epochs,
      learning.num_minibatches,
    )
    valid = jnp.sum(sequences.targets.weight)
    return sequences, order, jax.lax.psum(valid, train_state.AXIS)

  def step(
    self,
    state: train_state.TrainState,
    sequences: _Sequences,
    order: jax.Array,
    agent_steps: jax.Array,
    index: jax.Array,
  ) -> tuple[train_state.TrainState, train_state.Metrics]:
    """One step, on the minibatch of that index."""
    learning = self._learning
    part = minibatches.choose(sequences, order[index])
    if learning.normalize_advantages:
      targets = ppo.normalize_advantages(part.targets, train_state.AXIS)
      part = part._replace(targets=targets)
    clip_epsilon = learning.clip_epsilon * schedules.clip_share(
      self._config, state.agent_steps
    )

    def loss_fn(params: types.Nest) -> tuple[jax.Array, train_state.Metrics]:
      outputs = self._agent.unroll(
        params, part.timestep, part.action, part.agent_state
      )
      loss, metrics = ppo.ppo_loss(
        outputs.policy_logits,
        outputs.baseline,
        part.targets,
        learning,
        state.hyperparams.entropy_cost,
        clip_epsilon,
      )
      return reconstruction.add(
        loss,
        metrics,
        outputs,
        part.timestep.observation,
        part.targets.weight,
        learning.reconstruction_cost,
        train_state.AXIS,
      )

    grads, metrics = jax.grad(loss_fn, has_aux=True)(state.params)
    state, metrics = self._gradient.apply(state, grads, metrics)
    is_last = (index == self.num_steps - 1).astype(jnp.int32)
    return (
      state._replace(
        agent_steps=state.agent_steps + is_last * agent_steps.astype(jnp.int32),
        learner_steps=state.learner_steps + is_last,
      ),
      metrics,
    )


def _cut(
  unroll: types.Unroll, targets: ppo.Targets, starts: types.AgentState
) -> _Sequences:
  """Parts of equal length, one from each of the states [T / L, B]."""
  parts = len(starts.prev_action)
  length = len(unroll.action) // parts

  def cut(x: jax.Array) -> jax.Array:
    x = jnp.reshape(x, (parts, length, *x.shape[1:]))
    return jnp.reshape(jnp.swapaxes(x, 0, 1), (length, -1, *x.shape[3:]))

  return _Sequences(
    # The last row is only there for its value, which is in the targets by now.
    timestep=jax.tree.map(lambda x: cut(x[:-1]), unroll.timestep),
    action=cut(unroll.action)[:-1],
    targets=jax.tree.map(cut, targets),
    agent_state=jax.tree.map(
      lambda x: jnp.reshape(x, (-1, *x.shape[2:])), starts
    ),
  )


def _cut_rows(unroll: types.Unroll, targets: ppo.Targets) -> _Sequences:
  """Single rows, which a network without state tells apart."""
  count = unroll.action.size

  def flatten(tree: types.Nest) -> types.Nest:
    return jax.tree.map(lambda x: x.reshape(1, count, *x.shape[2:]), tree)

  prev_action = jnp.concatenate(
    [unroll.agent_state.prev_action[None], unroll.action[:-1]]
  )
  return _Sequences(
    timestep=flatten(jax.tree.map(lambda x: x[:-1], unroll.timestep)),
    action=jnp.zeros((0, count), unroll.action.dtype),
    targets=flatten(targets),
    agent_state=types.AgentState((), prev_action.reshape(count)),
  )

"""Grad-CAM: where the last feature maps speak for an action.

DRARL (Zhu & Kaneko 2021) section 3.3: with A^k the maps after the last section
of the residual network, and y^a the logit of action a,

    alpha_k = mean over cells of dy^a / dA^k        (Eq. 13)
    L = relu(sum over k of alpha_k A^k)             (Eq. 14)
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import types
from attn_agents.interpretability.recordings import moments, trained_agent
from attn_agents.interpretability.screen import grids

# As the residual network names its last feature maps.
_MAPS = 'last_map'


@dataclasses.dataclass(frozen=True)
class GradCamMap:
  """Grad-CAM at one moment, for one action.

  Attributes:
    row: of the recording.
    action: a.
    weights: float32 [channels], alpha.
    cells: float32 [h, w], L.
  """

  row: int
  action: int
  weights: np.ndarray
  cells: np.ndarray

  def image(self, size: tuple[int, int]) -> np.ndarray:
    """L of the pixels of a frame, float64 [*size], bilinear."""
    return grids.upsample(self.cells, size)


class GradCam:
  """Makes Grad-CAM maps of one network."""

  def __init__(self, played: trained_agent.TrainedAgent):
    """Compiles nothing yet; the first map does.

    Args:
      played: whose network.

    Raises:
      ValueError: it has no feature maps to look at, for it is no residual
        network.
    """
    self._agent = played.agent
    self._maps = _last_maps(played)
    self._run = jax.jit(self._weigh)

  def at(
    self, params: types.Nest, moment: moments.Moment, action: int | None = None
  ) -> GradCamMap:
    """The map of a moment from `moments.restore` with the same parameters.

    Args:
      params: of the network.
      moment: which.
      action: None for the one that was taken.
    """
    action = moment.action if action is None else action
    weights, cells = self._run(params, moment.timestep, moment.state, action)
    return GradCamMap(
      moment.row, action, np.asarray(weights), np.asarray(cells)
    )

  def _weigh(
    self,
    params: types.Nest,
    timestep: types.TimeStep,
    state: types.AgentState,
    action: jax.Array,
  ) -> tuple[jax.Array, jax.Array]:
    """Weights float32 [channels] and L float32 [h, w]."""

    def logit(added: jax.Array) -> tuple[jax.Array, jax.Array]:
      seen = self._agent.inspect(params, timestep, state, {_MAPS: added})
      return seen.outputs.policy_logits[0, action], seen.intermediates[_MAPS]

    # With the axis of time, which `Agent.inspect` takes off what it returns.
    nothing = jnp.zeros((1, *self._maps.shape), self._maps.dtype)
    gradient, maps = jax.grad(logit, has_aux=True)(nothing)
    weights = jnp.mean(gradient[0, 0].astype(jnp.float32), axis=(0, 1))
    cells = jnp.sum(weights * maps[0].astype(jnp.float32), axis=-1)
    return weights, jax.nn.relu(cells)


def _last_maps(played: trained_agent.TrainedAgent) -> jax.ShapeDtypeStruct:
  """Shape [1, h, w, channels] and dtype of A."""
  timestep = types.TimeStep(
    observation=jax.ShapeDtypeStruct(
      (1, *played.environment_spec.observation_shape),
      np.uint8,
    ),
    reward=jax.ShapeDtypeStruct((1,), np.float32),
    discount=jax.ShapeDtypeStruct((1,), np.float32),
    step_type=jax.ShapeDtypeStruct((1,), np.int8),
  )
  seen = jax.eval_shape(
    played.agent.inspect,
    played.params,
    timestep,
    played.agent.initial_state(1),
  )
  if _MAPS not in seen.intermediates:
    raise ValueError(
      'Grad-CAM does not apply: the agent has no residual network'
    )
  return seen.intermediates[_MAPS]

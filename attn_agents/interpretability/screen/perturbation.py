"""What a network says to one observation that is blurred in places.

Recurrent state is held, only the observation of the moment is perturbed
(Greydanus et al. 2018, Eq. 1): X' = X (1 - M) + G(X) M, where G blurs in space
only and M in [0, 1] says where. Channels, and with them stacked frames, are
perturbed alike. X' is not rounded to bytes.
"""

import itertools
from collections.abc import Iterable
from typing import NamedTuple

import jax
import numpy as np
import scipy.ndimage

from attn_agents import agent as agent_lib
from attn_agents import types
from attn_agents.interpretability.recordings import moments, trained_agent

# Observations in one call of the network.
MAX_BATCH = 128


class Responses(NamedTuple):
  """Outputs at N perturbed observations.

  Attributes:
    policy: float64 [N, num_actions], probabilities.
    value: float64 [N].
  """

  policy: np.ndarray
  value: np.ndarray


class Perturber:
  """Shows a network perturbed observations; compiled once."""

  def __init__(
    self, played: trained_agent.TrainedAgent, blur_sigma: float, num_masks: int
  ):
    """Compiles nothing yet.

    Args:
      played: whose network; parameters are given with each call.
      blur_sigma: standard deviation of G in pixels.
      num_masks: how many there will be at a moment; they are shared out evenly
        over calls of at most `MAX_BATCH`.
    """
    self._agent = played.agent
    self._blur_sigma = blur_sigma
    # One more is the unperturbed observation.
    calls = -(-(num_masks + 1) // MAX_BATCH)
    self._batch_size = -(-(num_masks + 1) // calls)
    self._run = jax.jit(self._respond)

  def responses(
    self,
    params: types.Nest,
    moment: moments.Moment,
    masks: Iterable[np.ndarray],
  ) -> tuple[Responses, Responses]:
    """The outputs without and with each perturbation.

    Args:
      params: of the network.
      moment: from `moments.restore` with the same parameters.
      masks: N times M, [height, width]; no more of them are held than go into
        one call.

    Returns:
      `Responses` [1] to the observation as it is, and [N].
    """
    timestep = with_floats(moment.timestep)
    pixels = timestep.observation
    # Once a moment, not once a mask, and so on the host: milliseconds, by the
    # function that Greydanus et al. used, with its treatment of the edges.
    blurred = scipy.ndimage.gaussian_filter(
      pixels, (0.0, self._blur_sigma, self._blur_sigma, 0.0)
    )
    nowhere = np.zeros(pixels.shape[1:3], np.float32)
    waiting = itertools.chain([nowhere], masks)
    found = []
    while few := list(itertools.islice(waiting, self._batch_size)):
      batch = np.zeros((self._batch_size, *nowhere.shape), np.float32)
      batch[: len(few)] = few
      outputs = self._run(params, batch, blurred, timestep, moment.state)
      found.append([np.asarray(x, np.float64)[: len(few)] for x in outputs])
    policy, value = (
      np.concatenate(parts) for parts in zip(*found, strict=True)
    )
    return Responses(policy[:1], value[:1]), Responses(policy[1:], value[1:])

  def _respond(
    self,
    params: types.Nest,
    masks: jax.Array,
    blurred: jax.Array,
    timestep: types.TimeStep,
    state: types.AgentState,
  ) -> tuple[jax.Array, jax.Array]:
    batch = masks.shape[0]
    masks = masks[..., None]
    seen: agent_lib.Inspection = self._agent.inspect(
      params,
      moments.repeated(timestep, batch)._replace(
        observation=timestep.observation * (1.0 - masks) + blurred * masks
      ),
      moments.repeated(state, batch),
    )
    outputs = seen.outputs
    return jax.nn.softmax(outputs.policy_logits), outputs.baseline


def with_floats(timestep: types.TimeStep) -> types.TimeStep:
  """The same row with bytes as float32 in [0, 1], as networks count them."""
  return timestep._replace(
    observation=np.asarray(timestep.observation, np.float32) / 255.0
  )

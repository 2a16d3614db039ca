"""How strongly the selected action depends on single pixels.

DRARL (Zhu & Kaneko 2021) section 4.4.2, Fig. 8: the absolute gradients of "the
policy output for the selected action" with respect to every pixel, counted by
interval over 100 consecutive states.
"""

import dataclasses

import jax
import numpy as np

from attn_agents import types
from attn_agents.interpretability.recordings import (
  moments,
  recording,
  trained_agent,
)
from attn_agents.interpretability.screen import perturbation

# The text names 0.001-0.01, > 0.001 and > 0.02; that the smallest are parted at
# 0.0001 is ours.
EDGES = (0.0, 1e-4, 1e-3, 1e-2, 2e-2, np.inf)

# Whether the policy output is pi(a | s) or the logit, the paper leaves open.
OUTPUTS = ('probability', 'logit')


@dataclasses.dataclass(frozen=True)
class GradientHistogram:
  """Counts of absolute gradients.

  Attributes:
    rows: of the recording, int [states].
    output: one of `OUTPUTS`, whose gradients these are.
    edges: float64 [intervals + 1]; an interval includes its lower edge.
    counts: int64 [intervals], over all states, pixels and channels.
  """

  rows: np.ndarray
  output: str
  edges: np.ndarray
  counts: np.ndarray

  @property
  def percent(self) -> np.ndarray:
    """Of all gradients, float64 [intervals]."""
    return 100.0 * self.counts / self.counts.sum()


class PixelGradients:
  """Differentiates one network with respect to its observation."""

  def __init__(self, played: trained_agent.TrainedAgent, output: str):
    """Compiles nothing yet.

    Args:
      played: whose network.
      output: what is differentiated, one of `OUTPUTS`.

    Raises:
      ValueError: there is no such output.
    """
    if output not in OUTPUTS:
      raise ValueError(f'output is {output!r}, must be one of {OUTPUTS}.')
    self._agent = played.agent
    self._output = output
    self._run = jax.jit(jax.grad(self._value))

  def at(self, params: types.Nest, moment: moments.Moment) -> np.ndarray:
    """Gradients for the action that was taken.

    Args:
      params: of the network.
      moment: from `moments.restore` with the same parameters.

    Returns:
      float32 [height, width, channels], per unit of a pixel in [0, 1]; the
      paper's unit is not known.
    """
    timestep = perturbation.with_floats(moment.timestep)
    gradient = self._run(
      timestep.observation, params, timestep, moment.state, moment.action
    )
    return np.asarray(gradient[0])

  def _value(
    self,
    observation: jax.Array,
    params: types.Nest,
    timestep: types.TimeStep,
    state: types.AgentState,
    action: jax.Array,
  ) -> jax.Array:
    seen = self._agent.inspect(
      params, timestep._replace(observation=observation), state
    )
    outputs = seen.outputs.policy_logits[0]
    if self._output == 'probability':
      outputs = jax.nn.softmax(outputs)
    return outputs[action]


def histogram(
  played: trained_agent.TrainedAgent,
  recorded: recording.Recording,
  first_row: int,
  num_rows: int,
  output: str = 'probability',
) -> GradientHistogram:
  """Counts gradients over consecutive rows of a recording.

  Args:
    played: the agent.
    recorded: what it is shown.
    first_row: where to begin.
    num_rows: how many, at most; where no action is taken, at LAST rows, there
      is nothing to differentiate, and they are left out.
    output: see `PixelGradients`.

  Raises:
    ValueError: there is no such output, or no such row.
  """
  gradients = PixelGradients(played, output)
  counts = np.zeros(len(EDGES) - 1, np.int64)
  rows = []
  there = range(first_row, min(first_row + num_rows, len(recorded)))
  for moment in moments.restore(played, recorded, there):
    if moment.timestep.step_type[0] == types.StepType.LAST:
      continue
    sizes = np.abs(gradients.at(played.params, moment))
    counts += np.histogram(sizes, EDGES)[0]
    rows.append(moment.row)
  if not rows:
    raise ValueError(
      f'no action was taken in {num_rows} rows from {first_row} on; the '
      f'recording has {len(recorded)} rows'
    )
  return GradientHistogram(np.array(rows), output, np.array(EDGES), counts)

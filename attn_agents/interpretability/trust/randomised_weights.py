"""The sanity check by random weights: whether pictures show what was learned.

Adebayo et al. 2018 (arXiv 1810.03292), section 3: the network's weights are
drawn anew, from the top down, one group after the other until nothing learned
is left, and the same picture is made of each network. If it does not change, it
shows the architecture or the game and not the agent.

Only what lies above the weights can be seen to depend on them: that attention
stays the same with another policy head follows from the network.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np

from attn_agents import types
from attn_agents.interpretability.recordings import (
  moments,
  recording,
  trained_agent,
)
from attn_agents.interpretability.trust import agreement

# Groups of parameters from the top down; what is in none is 'vision', the last.
_GROUPS = {
  'policy head': ('head', 'policy', 'baseline'),
  'policy core': ('policy_core', 'lstm', 'hidden'),
}
STAGES = (*_GROUPS, 'vision')

# Keeps apart from what a run of the same seed starts from: trained weights are
# not far enough from these to be compared with them.
_STREAM = 1

# Makes pictures [h, w] by name, of the agent at a moment.
Pictures = Callable[
  [trained_agent.TrainedAgent, moments.Moment], Mapping[str, np.ndarray]
]


@dataclasses.dataclass(frozen=True)
class Sanity:
  """Rank correlations with the trained network's pictures.

  Attributes:
    names: of the pictures.
    stages: `STAGES`, up to which weights are random; with the last all are.
    rows: of the recording, int [N].
    similarity: float64 [stages, pictures, N], of the network with random
      weights at the same row.
    baseline: float64 [pictures, N], of the trained network at the other rows,
      their mean.
  """

  names: tuple[str, ...]
  stages: tuple[str, ...]
  rows: np.ndarray
  similarity: np.ndarray
  baseline: np.ndarray


def cascade(trained: types.Nest, fresh: types.Nest) -> list[types.Nest]:
  """The parameters of each stage of `STAGES`.

  Args:
    trained: parameters by name.
    fresh: the same, drawn anew.
  """
  known = {name for names in _GROUPS.values() for name in names}
  stages, drawn = [], set()
  for stage in STAGES:
    drawn |= set(_GROUPS.get(stage, trained.keys() - known))
    stages.append(
      {name: (fresh if name in drawn else trained)[name] for name in trained}
    )
  return stages


def check(
  played: trained_agent.TrainedAgent,
  recorded: recording.Recording,
  rows: Sequence[int],
  pictures: Pictures,
  seed: int = 0,
) -> Sanity:
  """Makes the same pictures with more and more random weights.

  Each network is shown the recording from its start, and so comes to the rows
  with recurrent state of its own.

  Args:
    played: the trained agent.
    recorded: what is shown.
    rows: which moments are pictured.
    pictures: of any agent, with the same names.
    seed: of the random weights, drawn as training draws them; they are not
      those that a run of this seed starts from.
  """
  key = jax.random.fold_in(jax.random.key(seed), _STREAM)
  fresh = jax.jit(played.agent.initial_params)(key)
  ours = _picture(played, recorded, rows, pictures)
  similarity = []
  for params in cascade(played.params, fresh):
    theirs = _picture(played.with_params(params), recorded, rows, pictures)
    similarity.append(
      [
        np.diagonal(agreement.spearman(ours[name], theirs[name]))
        for name in ours
      ]
    )
  return Sanity(
    names=tuple(ours),
    stages=STAGES,
    rows=np.unique(rows),
    similarity=np.array(similarity),
    baseline=np.array(
      [agreement.agreement(maps, maps).others for maps in ours.values()]
    ),
  )


def _picture(
  played: trained_agent.TrainedAgent,
  recorded: recording.Recording,
  rows: Sequence[int],
  pictures: Pictures,
) -> dict[str, np.ndarray]:
  """Pictures [N, h, w] by name."""
  found = [
    pictures(played, moment)
    for moment in moments.restore(played, recorded, rows)
  ]
  return {name: np.stack([maps[name] for maps in found]) for name in found[0]}

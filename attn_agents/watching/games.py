"""Plays game after game, each row with the newest parameters."""

import dataclasses
from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy import special

from attn_agents import agent as agent_lib
from attn_agents import types
from attn_agents.environments import seeding
from attn_agents.evaluation import protocols
from attn_agents.interpretability.recordings import trained_agent, views
from attn_agents.watching import shots
from configs import schema

# A place of its own: no actor, evaluator or recording has it.
_HOST = seeding.MAX_HOSTS - 1
_ACTOR = seeding.MAX_ACTORS_PER_HOST - 3


@dataclasses.dataclass(frozen=True)
class Plan:
  """How to play.

  Attributes:
    seed: of games and actions.
    protocol: see `protocols.apply`.
    policy: 'sampled' or 'greedy'.
    rows_per_second: agent steps shown per second; see
      `suite.EnvironmentSpec.steps_per_second` for the normal speed.
  """

  seed: int = 0
  protocol: str = 'noop'
  policy: str = 'sampled'
  rows_per_second: float = 15.0


class _Score(NamedTuple):
  """The score up to a row.

  Attributes:
    row: from 0, over all games.
    game: from 1.
    score: of the current game, unclipped.
    last_score: of the game before; None in the first.
  """

  row: int = -1
  game: int = 1
  score: float = 0.0
  last_score: float | None = None

  def after(self, timestep: types.TimeStep) -> '_Score':
    """The score up to the next row, a `types.TimeStep` [1]."""
    row, game, score, last_score = self
    if row >= 0 and timestep.step_type[0] == types.StepType.FIRST:
      game, score, last_score = game + 1, 0.0, score
    return _Score(row + 1, game, score + float(timestep.reward[0]), last_score)


def play(
  environment: schema.EnvironmentConfig,
  plan: Plan,
  newest: Callable[[], trained_agent.TrainedAgent],
) -> Generator[shots.Shot, None, None]:
  """Plays without end.

  New parameters may arrive in the middle of a game. As in actors, they continue
  from the recurrent state that the old ones left.

  Args:
    environment: of the agent, with the game to be played.
    plan: how to play.
    newest: returns the agent that plays; called at every row.

  Yields:
    Every row. Its facts are those of `_Score` and: `reward`; `ends`, whether
    the game ends here; `action`; `value`; `entropy` of the policy in nats;
    `checkpoint`, the learner step; `training_frames` until the checkpoint. A
    value or entropy that is not finite is None.
  """
  seeds = seeding.actor_seeds(plan.seed, 0, _HOST, _ACTOR, 1)
  key = jax.random.key(seeds.policy)
  config = protocols.apply(environment, plan.protocol)
  both = views.Views(config, seeds.environment)
  try:
    view, state = both.reset(), newest().agent.initial_state(1)
    score = _Score()
    while True:
      played, score = newest(), score.after(view.timestep)
      seen, after = played.act(
        jax.random.fold_in(key, score.row), view.timestep, state, plan.policy
      )
      action = np.asarray(after.prev_action)
      facts = {
        **score._asdict(),
        'reward': float(view.timestep.reward[0]),
        'ends': bool(view.timestep.step_type[0] == types.StepType.LAST),
        'action': int(action[0]),
        **_agent_facts(played, seen),
      }
      maps = shots.maps_of(seen.intermediates, played.config)
      yield shots.Shot(view.frame, maps, facts)
      view, state = both.step(action), after
  finally:
    both.close()


def _agent_facts(
  played: trained_agent.TrainedAgent, seen: agent_lib.Inspection
) -> dict[str, Any]:
  """Which agent played a row, and what it said."""
  logits = np.asarray(
    played.log_policy(seen.outputs.policy_logits[0]), np.float64
  )
  return {
    'value': _finite(seen.outputs.baseline[0]),
    'entropy': _finite(special.entr(special.softmax(logits)).sum()),
    'checkpoint': played.facts['checkpoint'],
    'training_frames': played.facts['training_frames'],
  }


def _finite(value: Any) -> float | None:
  """The number, or None: JSON has no number that is not finite."""
  return float(value) if np.isfinite(value) else None

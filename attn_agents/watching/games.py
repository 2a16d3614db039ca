"""One game after the other, each row by whichever parameters are newest."""

import dataclasses
from collections.abc import Callable, Generator
from typing import Any

import jax
import numpy as np
from scipy import special

from attn_agents import types
from attn_agents.environments import seeding
from attn_agents.evaluation import protocols
from attn_agents.interpretability.recordings import trained_agent, views
from attn_agents.watching import shots
from configs import schema

# No actor, evaluator or recording has this place.
_HOST = seeding.MAX_HOSTS - 1
_ACTOR = seeding.MAX_ACTORS_PER_HOST - 3


@dataclasses.dataclass(frozen=True)
class Plan:
  """How to play.

  Attributes:
    seed: of games and actions.
    protocol: see `protocols.apply`.
    policy: 'sampled' or 'greedy'.
    rows_per_second: the pace. One row is `action_repeat` frames of the
      emulator, so 15 is the speed of the console.
  """

  seed: int = 0
  protocol: str = 'noop'
  policy: str = 'sampled'
  rows_per_second: float = 15.0


def play(
  environment: schema.EnvironmentConfig,
  plan: Plan,
  newest: Callable[[], trained_agent.TrainedAgent],
) -> Generator[shots.Shot, None, None]:
  """Plays without end.

  New parameters take over in the middle of a game, with the recurrent state as
  the old ones left it, as they do in actors.

  Args:
    environment: of the agent, with the game to be played.
    plan: how.
    newest: who plays, asked at every row.

  Yields:
    Every row. Its facts: `row`, from 0, over all games; `game`, from 1;
    `score` so far, unclipped; `last_score`, of the game before, if any;
    `reward`; `ends`, whether the game does; `action`; `value`; `entropy` of the
    policy in nats; `checkpoint`, the learner step; `training_frames`, seen
    until then. A value or entropy that is not finite is None.
  """
  seeds = seeding.actor_seeds(plan.seed, 0, _HOST, _ACTOR, 1)
  key = jax.random.key(seeds.policy)
  config = protocols.apply(environment, plan.protocol)
  both = views.Views(config, seeds.environment)
  try:
    view, state = both.reset(), newest().agent.initial_state(1)
    row, game, score, last_score = 0, 1, 0.0, None
    while True:
      played = newest()
      seen, after = played.act(
        jax.random.fold_in(key, row), view.timestep, state, plan.policy
      )
      action = np.asarray(after.prev_action)
      logits = np.asarray(
        played.log_policy(seen.outputs.policy_logits[0]), np.float64
      )
      step_type = view.timestep.step_type[0]
      if row and step_type == types.StepType.FIRST:
        game, score, last_score = game + 1, 0.0, score
      score += float(view.timestep.reward[0])
      facts = {
        'row': row,
        'game': game,
        'score': score,
        'last_score': last_score,
        'reward': float(view.timestep.reward[0]),
        'ends': bool(step_type == types.StepType.LAST),
        'action': int(action[0]),
        'value': _number(seen.outputs.baseline[0]),
        'entropy': _number(special.entr(special.softmax(logits)).sum()),
        'checkpoint': played.facts['checkpoint'],
        'training_frames': played.facts['training_frames'],
      }
      maps = shots.maps_of(seen.intermediates, played.config)
      yield shots.Shot(view.frame, maps, facts)
      view, state = both.step(action), after
      row += 1
  finally:
    both.close()


def _number(value: Any) -> float | None:
  """JSON has no other numbers."""
  return float(value) if np.isfinite(value) else None

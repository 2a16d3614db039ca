"""Plays games with an agent and records every row of them."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attn_agents import agent as agent_lib
from attn_agents import types
from attn_agents.environments import seeding
from attn_agents.evaluation import protocols
from attn_agents.interpretability.recordings import (
  parts,
  recording,
  trained_agent,
  views,
  writing,
)
from attn_agents.learning import sight
from attn_agents.networks.layers import spatial_basis
from attn_agents.runs import named_trees
from configs import overrides

# No actor and no evaluator has this place.
_HOST = seeding.MAX_HOSTS - 1
_ACTOR = seeding.MAX_ACTORS_PER_HOST - 2
# Of a row that was recorded before, what must come out the same again.
_CHECKED = ('action', 'reward', 'step_type')


@dataclasses.dataclass(frozen=True)
class Plan:
  """What to record.

  Attributes:
    num_episodes: whole games, at most.
    max_steps: agent steps, at most.
    seed: of games and actions.
    protocol: see `protocols.apply`.
    policy: 'sampled' or 'greedy'.
    with_states: keep the network's state before every row, too. For S3TA at the
      paper's size that is 553 kB a row.
  """

  num_episodes: int = 1
  max_steps: int = 900
  seed: int = 0
  protocol: str = 'noop'
  policy: str = 'sampled'
  with_states: bool = False


def record(
  played: trained_agent.TrainedAgent,
  plan: Plan,
  path: pathlib.Path,
  *,
  edit: views.Edit | None = None,
  actions: np.ndarray | None = None,
  facts: dict[str, Any] | None = None,
  report: Callable[[int], None] = lambda row: None,
) -> recording.Recording:
  """Plays and records. Rows on disk are played again, but not written again.

  The seed determines games and actions, so that an interrupted recording
  continues where it ended.

  Args:
    played: who plays.
    plan: how.
    path: directory of the recording.
    edit: changes the screen before the agent sees it.
    actions: int32 [N], taken at rows 0..N-1 instead of the agent's own: with
      the seed of another recording, the agent is shown that game.
    facts: what else to put into facts.json.
    report: called with the number of each row.

  Returns:
    The recording, ended after `plan.num_episodes` games or `plan.max_steps`
    agent steps, whichever is first.

  Raises:
    RecordingError: there is another recording at `path`, or one that was begun
      by another agent.
  """
  config = protocols.apply(played.config.environment, plan.protocol)
  seeds = seeding.actor_seeds(plan.seed, 0, _HOST, _ACTOR, 1)
  writer = writing.Writer(path, _facts(played, plan) | (facts or {}))
  there = recording.Recording(path)
  if there.ended:
    return there
  known = {name: there[name] for name in _CHECKED} if len(there) else {}
  both = views.Views(config, seeds.environment, edit)
  key = jax.random.key(seeds.policy)
  try:
    games = 0
    for moment in _play(both, played, plan.policy, key, actions):
      row = _arrays(moment, games, plan)
      if moment.row >= writer.next_row:
        writer.append(row)
      else:
        _check(path, moment.row, row, known)
      report(moment.row)
      games += int(row['step_type'] == types.StepType.LAST)
      steps = moment.row - games + (row['step_type'] == types.StepType.LAST)
      if steps >= plan.max_steps or games >= plan.num_episodes:
        break
    return writer.end(games)
  finally:
    both.close()


def _facts(played: trained_agent.TrainedAgent, plan: Plan) -> dict[str, Any]:
  """Who plays what, and how."""
  spec = played.environment_spec
  return {
    **played.facts,
    'config': overrides.to_dict(played.config),
    'parameters': named_trees.digest(played.params),
    'game': played.config.environment.game,
    'action_repeat': spec.action_repeat,
    'num_actions': spec.num_actions,
    'actions': spec.actions,
    'screen_shape': spec.screen_shape,
    'step_seconds': played.step_seconds,
    'basis': getattr(played.config.network, 'basis', None),
    'plan': dataclasses.asdict(plan),
  }


class _Row(NamedTuple):
  """One row as it was played."""

  row: int
  row_in_game: int
  view: views.View
  seen: agent_lib.Inspection
  before: types.AgentState
  action: np.ndarray


def _play(
  both: views.Views,
  played: trained_agent.TrainedAgent,
  policy: str,
  key: jax.Array,
  actions: np.ndarray | None,
) -> Iterator[_Row]:
  """Yields rows without end; takes `actions`, if given, not the agent's."""
  view, state = both.reset(), played.agent.initial_state(1)
  row = row_in_game = 0
  while True:
    seen, after = played.act(
      jax.random.fold_in(key, row), view.timestep, state, policy
    )
    if actions is not None:
      forced = jnp.asarray(actions[row : row + 1], jnp.int32)
      after = after._replace(prev_action=forced)
    action = np.asarray(after.prev_action)
    yield _Row(row, row_in_game, view, seen, state, action)
    last = view.timestep.step_type[0] == types.StepType.LAST
    view, state = both.step(action), after
    row, row_in_game = row + 1, 0 if last else row_in_game + 1


def _check(
  path: pathlib.Path,
  number: int,
  row: Mapping[str, np.ndarray],
  known: Mapping[str, np.ndarray],
) -> None:
  """Refuses to continue a recording that another agent or machine began."""
  for name, values in known.items():
    if values[number] != row[name]:
      raise parts.RecordingError(
        f'{path} was recorded by another agent or machine: '
        f'{name} of row {number} is '
        f'{values[number]} there and {row[name]} now; delete it'
      )


def _arrays(played: _Row, game: int, plan: Plan) -> dict[str, types.Array]:
  """One row, as `recording` says."""
  timestep, seen = played.view.timestep, played.seen
  row = {
    'frame': played.view.frame,
    'observation': timestep.observation[0],
    'reward': timestep.reward[0],
    'discount': timestep.discount[0],
    'step_type': timestep.step_type[0],
    'game': np.int32(game),
    'row': np.int32(played.row_in_game),
    'action': played.action[0],
    'policy_logits': seen.outputs.policy_logits[0],
    'baseline': seen.outputs.baseline[0],
    **sight.of_cores(seen.core_state),
  }
  for name in ('attention', 'queries', 'answers'):
    if name in seen.intermediates:
      row[name] = seen.intermediates[name][0]
  if 'keys' in seen.intermediates:
    # The rest is the spatial basis, the same everywhere.
    keys = seen.intermediates['keys'][0]
    row['keys'] = keys[..., : keys.shape[-1] - spatial_basis.CHANNELS]
  if plan.with_states:
    for index, leaf in enumerate(jax.tree.leaves(played.before.core_state)):
      row[f'state/{index}'] = leaf[0]
  return row

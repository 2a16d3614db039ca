"""Scores parameters: environments, policy and seeds put together."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from attn_agents import agent as agent_lib
from attn_agents import experiment, types
from attn_agents.acting import action_selection, actor
from attn_agents.environments import registry as environments
from attn_agents.environments import seeding, suite
from attn_agents.evaluation import episodes, policies, protocols
from configs import schema

# No actor has this place, so that no game of training is played again.
_HOST = seeding.MAX_HOSTS - 1
_ACTOR = seeding.MAX_ACTORS_PER_HOST - 1


@dataclasses.dataclass(frozen=True)
class Plan:
  """How to score.

  Attributes:
    num_episodes: whole games.
    agent_steps: at least so many steps in place of a number of games; 0 for
      games.
    num_envs: environments that play them side by side; each plays its share.
    num_threads: of the emulators.
    protocol: see `protocols.apply`.
    policy: one of `protocols.POLICIES`.
    seed: of games and actions.
    max_episode_frames: emulator frames of a game, at most.
  """

  num_episodes: int = 200
  agent_steps: int = 0
  num_envs: int = 16
  num_threads: int = 1
  protocol: str = 'noop'
  policy: str = 'sampled'
  seed: int = 0
  max_episode_frames: int = protocols.MAX_EPISODE_FRAMES

  @property
  def seeds(self) -> seeding.ActorSeeds:
    """Those of environments and policy."""
    return seeding.actor_seeds(self.seed, 0, _HOST, _ACTOR, self.num_envs)


class Evaluator:
  """Scores parameters of one agent on one game, as often as asked."""

  def __init__(
    self,
    config: schema.Config,
    plan: Plan,
    agent: agent_lib.Agent | None = None,
  ):
    """Starts nothing.

    Args:
      config: of the run, with the game to be played in it.
      plan: how to score.
      agent: who plays, with parameters like those of the config's agent; None
        for that one.
    """
    self.environment = protocols.apply(
      config.environment, plan.protocol, plan.max_episode_frames
    )
    self.plan = plan
    self._config = config
    self._agent = agent
    self._parts = experiment.Experiment(
      dataclasses.replace(config, environment=self.environment)
    )

  @property
  def spec(self) -> suite.EnvironmentSpec:
    """Of the game to be played."""
    return self._parts.environment_spec

  def of_game(self, game: str) -> 'Evaluator':
    """The same on another game; nothing is compiled again."""
    environment = self._config.environment.of_game(game)
    config = dataclasses.replace(self._config, environment=environment)
    other = Evaluator(config, self.plan, self._agent)
    if self.plan.policy != 'random':
      other.__dict__['_compiled'] = self._compiled
    return other

  @functools.cached_property
  def _compiled(self) -> actor.Policy:
    agent: actor.Agent = self._agent or self._parts.agent
    selection = self._parts.selection
    if self.plan.policy == 'greedy':
      selection = action_selection.GREEDY
    return actor.Policy(agent, self._parts.unravel(), selection.select)

  def _variables(self, params: types.Nest) -> action_selection.Variables:
    """What the policy computes with."""
    if self.plan.policy == 'greedy':
      return action_selection.Variables(params)
    return self._parts.evaluation_variables(params)

  def evaluate(
    self,
    params: types.Nest,
    *,
    report: Callable[[episodes.Episode], None] = lambda episode: None,
    progress: Callable[[episodes.Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
  ) -> list[episodes.Episode]:
    """Plays what the plan says; the same every time it is called.

    Args:
      params: of the agent; not looked at by the random policy.
      report: see `episodes.play`.
      progress: see `episodes.play`.
      should_stop: see `episodes.play`.

    Raises:
      StoppedError: see `episodes.play`.
    """
    plan = self.plan
    environment = environments.make_environment(
      self.environment,
      plan.num_envs,
      plan.seeds.environment,
      plan.num_threads,
      evaluation=True,
    )
    try:
      policy = self._policy(params)
      if plan.agent_steps:
        return episodes.play_steps(
          environment,
          policy,
          plan.agent_steps,
          report=report,
          progress=progress,
          should_stop=should_stop,
        )
      return episodes.play(
        environment,
        policy,
        plan.num_episodes,
        report=report,
        progress=progress,
        should_stop=should_stop,
      )
    finally:
      environment.close()

  def _policy(self, params: types.Nest) -> episodes.Policy:
    plan = self.plan
    if plan.policy == 'random':
      return policies.RandomPolicy(
        self.spec.num_actions, plan.num_envs, plan.seeds.policy
      )
    return policies.AgentPolicy(
      self._compiled,
      self._variables(params),
      plan.num_envs,
      plan.seeds.policy,
    )

  def describe(self, progress: episodes.Progress) -> str:
    """One line about where `evaluate` is."""
    plan, game = self.plan, self.environment.game
    of = '' if plan.agent_steps else f' of {plan.num_episodes}'
    frames = self.spec.action_repeat * progress.agent_steps
    return (
      f'{game}: {progress.games}{of} games are over, the longest in progress '
      f'has {frames:,} frames of at most {plan.max_episode_frames:,}'
    )

  def facts(self) -> dict[str, Any]:
    """What was played how, for summary.json."""
    return {
      'evaluated_game': self.environment.game,
      'action_repeat': self.spec.action_repeat,
      'protocol': self.plan.protocol,
      'opening': self.spec.opening,
      'policy': self.plan.policy,
      'seed': self.plan.seed,
      'environments': self.plan.num_envs,
      'max_episode_frames': self.plan.max_episode_frames,
    }

"""What a run is made of: frozen, typed, documented sections.

A config is plain data: this package imports neither JAX nor NumPy, so that a
wrong flag is refused before anything heavy starts. Tags in the comments follow
the project's specification: [P] printed in the S3TA paper, [R] its references
(IMPALA), [C] our choice.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from attn_agents.algorithms import base
from configs import errors, ranges, sizes

if TYPE_CHECKING:
  from flax import linen as nn


MAX_ACTORS = 256
# What names of trained agents that ship begin with, where a run is expected.
ZOO_PREFIX = 'zoo:'
MAX_ENVS_PER_ACTOR = 255
_BATCHES = ranges.Range(
  1, 64, '1 to 64: 0 deadlocks, and each waiting batch makes data older'
)
# A profile grows with each.
_MOST_PROFILED = 1000
_PORT = ranges.Range(0, 65535, 'a port up to 65535, or 0 for any')


@dataclasses.dataclass(frozen=True)
class EnvironmentConfig:
  """The game and how it is shown to the agent (S3TA A.1, IMPALA Table G.1).

  Attributes:
    game: one of `configs.games.names()`, e.g. ms_pacman; or several of them
      that one agent plays, as 'catch,pong' or a set
      (`attn_agents/environments/mixed_suite.py`).
    height, width: size of an observation in pixels; 210 x 160 is unresized [P].
    grayscale: one luminance channel in place of RGB.
    frame_stack: number of last observations stacked along channels.
    action_repeat: emulator frames per agent step [P].
    max_pool: pixelwise maximum over the last two raw frames of a step [C]; it
      keeps sprites that flicker on alternate frames visible. EnvPool cannot
      do without, so only True is accepted.
    sticky_action_probability: chance that the emulator repeats the previous
      action instead [C: 0, the protocol of the paper's time].
    noop_max: no-op frames at a game's start, drawn from 1..noop_max [R].
    fire_reset: open every episode (with `episodic_life`, every life) with agent
      steps of FIRE and action 2 in games whose action 1 is FIRE, as baselines'
      wrappers do [R for A2C and PPO; C: off elsewhere].
    fire_after_lost_life: with `fire_reset`, play that opening after a lost life
      also where it ends no episode, within the step that lost it [C: not].
      Whole games of agents that were trained with `episodic_life` have it.
    episodic_life: a lost life ends the training episode, not the game [R].
    zero_discount_on_life_loss: in place of it, a lost life only gives discount
      0 in training: what follows is not worth losing one, but the agent's state
      runs on, as in evaluation [C: not].
    full_action_space: all actions that the game reads, mostly 18, instead of
      its minimal set [R].
    shared_actions: the same 18 in every game, also in those that read fewer; an
      agent of many games has them [R].
    max_episode_frames: frames after which a game is cut off [R].
    stagger_steps: the first games of an actor's environments are cut one after
      the other over so many agent steps, so that later ones are not all at the
      same point [C: 0, they are].
  """

  RANGES: ClassVar[Mapping[str, ranges.Range]] = {
    'height': ranges.Range(1, 1024),
    'width': ranges.Range(1, 1024),
    'frame_stack': ranges.Range(1, 16),
    'action_repeat': ranges.Range(1, 60),
    'sticky_action_probability': ranges.Range(
      0.0, 0.999, 'a probability below 1, 0 to 0.999'
    ),
    'noop_max': ranges.Range(1, 10_000),
    'max_episode_frames': ranges.Range(1, 2**31 - 1),
    'stagger_steps': ranges.Range(0, 1_000_000),
  }

  game: str = 'ms_pacman'
  height: int = 210
  width: int = 160
  grayscale: bool = False
  frame_stack: int = 1
  action_repeat: int = 4
  max_pool: bool = True
  sticky_action_probability: float = 0.0
  noop_max: int = 30
  fire_reset: bool = False
  fire_after_lost_life: bool = False
  episodic_life: bool = True
  zero_discount_on_life_loss: bool = False
  full_action_space: bool = False
  shared_actions: bool = False
  max_episode_frames: int = 108_000
  stagger_steps: int = 0

  def of_game(self, game: str) -> 'EnvironmentConfig':
    """The same with another game, or with one of several."""
    return dataclasses.replace(self, game=game)

  def whole_games(self) -> 'EnvironmentConfig':
    """The same with lost lives that are nothing to the agent.

    Lives open as in training. No game is cut but by the frame cap.
    """
    return dataclasses.replace(
      self,
      episodic_life=False,
      zero_discount_on_life_loss=False,
      fire_after_lost_life=self.fire_after_lost_life
      or (self.fire_reset and self.episodic_life),
      stagger_steps=0,
    )


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
  """Base of every agent's network section; each agent adds its own fields.

  Attributes:
    head: what it puts out in `types.NetworkOutput`: 'policy', the logits of a
      policy and a value, or 'action_values'. Algorithms with the same `head`
      can train it.
    quick_settings: 'section.field=value' that make the network narrow, and
      frames small enough, to learn Catch within a minute or two; for tests and
      smoke runs.
    training_parts: parts that only training uses. Where `runtime.init_from` has
      none of them, they start new.
    RANGES: of the numbers among the fields, see `configs.ranges`.
    convolution: 'lax' leaves convolutions to XLA, 'canonical' writes them and
      their gradients in the one form that is fast on CPU; 'auto' chooses by
      backend.
    dtype: of the convolutions, and of what each agent adds, 'float32' or
      'bfloat16'; parameters, states and losses are float32.
  """

  head: ClassVar[str] = 'policy'
  quick_settings: ClassVar[tuple[str, ...]] = ()
  training_parts: ClassVar[tuple[str, ...]] = ()
  RANGES: ClassVar[Mapping[str, ranges.Range]] = {}

  convolution: str = 'auto'
  dtype: str = 'float32'

  def make(
    self,
    num_actions: int,
    observation_shape: tuple[int, int, int],
    max_abs_reward: float,
  ) -> 'nn.Module':
    """Makes the network; imports it only here, since configs are free of JAX.

    Args:
      num_actions: size of the policy, or number of action values.
      observation_shape: height, width and channels.
      max_abs_reward: the previous reward is clipped to [-x, x] before the
        network sees it; 0 leaves it.

    Returns:
      See `attn_agents.networks.factory.make_network`.

    Raises:
      TypeError: this section names no network.
    """
    raise TypeError(f'{type(self).__name__} names no network')

  @property
  def transferred(self) -> tuple[str, ...]:
    """Parts whose parameters `runtime.init_from` copies; () for all of them."""
    return ()

  @property
  def attention_layers(self) -> sizes.Convolutions | None:
    """The convolutions from a frame to the cells of attention maps.

    None: cells cover the frame evenly, or there are no such maps.
    """
    return None

  @property
  def recurrent(self) -> bool:
    """Whether the network carries state from row to row."""
    return True

  def validate(self) -> None:
    """Raises `errors.ConfigError` if the sizes cannot make a network.

    They are in their ranges, see `configs.ranges`.
    """
    errors.choice(
      'network.convolution', self.convolution, ('auto', 'lax', 'canonical')
    )
    errors.choice('network.dtype', self.dtype, ('float32', 'bfloat16'))

  def validate_frames(self, height: int, width: int) -> None:
    """Raises `errors.ConfigError` if frames of that size do not fit in."""


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
  """The optimiser in TensorFlow 1's form, and the clip before it.

  Attributes:
    name: 'rmsprop', g / sqrt(ms + epsilon) with ms starting at 1 [P, S3TA A.1;
      R, IMPALA and baselines' A2C]; 'adam' [R, baselines' PPO2]; or
      'centred_rmsprop', g / sqrt(ms - mean^2 + epsilon), both starting at 0 [R,
      the code of DQN and DARQN].
    learning_rate: step size at the start [P].
    anneal_frames: frames over which the learning rate falls linearly. 0 keeps
      it constant [C for S3TA].
    anneal_to: the share of it that it falls to. If that is 0, PPO's clip falls
      too, and the run ends when both are 0 [R: 0]. Otherwise the clip stays and
      the run continues.
    decay: of the running mean of squares; Adam's beta2 is `adam_beta2` [P].
    epsilon: inside the square root for RMSProp, outside for Adam [P].
    momentum: of RMSProp's scaled update [P].
    adam_beta1, adam_beta2: decays of Adam's two moments [R].
    clip: 'global_norm' scales the whole gradient down to `clip_threshold` [C];
      'value' clips each element, the S3TA paper's literal words.
    clip_threshold: 1280 = IMPALA's 40 x a batch of 32 summed losses [P].
  """

  RANGES: ClassVar[Mapping[str, ranges.Range]] = {
    'learning_rate': ranges.Range(1e-12, 100.0),
    'anneal_frames': ranges.Range(0, ranges.MAX_FRAMES),
    'anneal_to': ranges.Range(0.0, 1.0, 'a share of the learning rate, 0 to 1'),
    'decay': ranges.DECAY,
    'epsilon': ranges.Range(1e-30, 1000.0),
    'momentum': ranges.DECAY,
    'adam_beta1': ranges.DECAY,
    'adam_beta2': ranges.DECAY,
    'clip_threshold': ranges.Range(1e-12, 1e12),
  }

  name: str = 'rmsprop'
  learning_rate: float = 2e-4
  anneal_frames: int = 0
  anneal_to: float = 0.0
  decay: float = 0.99
  epsilon: float = 0.01
  momentum: float = 0.0
  adam_beta1: float = 0.9
  adam_beta2: float = 0.999
  clip: str = 'global_norm'
  clip_threshold: float = 1280.0

  @property
  def ends_run(self) -> bool:
    """Whether nothing more is learned after `anneal_frames`."""
    return self.anneal_frames > 0 and not self.anneal_to


@dataclasses.dataclass(frozen=True)
class QueueConfig:
  """The queue between actors and learner, and the way to it.

  In lock step actors never fill it, and its sizes do not matter.

  Attributes:
    capacity_batches: batches the queue holds before actors block. While all
      actors are about equally fast, policy lag is at most capacity_batches +
      prefetch_batches + 2 updates, plus the batches that actors are making; an
      unroll of a slower actor is older.
    prefetch_batches: batches ready on the learner's devices.
    packing: 'on' sends trajectories as few bytes, without loss, which costs
      actors and learner some time for each frame; 'off' as they are; 'auto'
      packs where it pays, never for a replay (docs/training.md). Under
      `runtime.kind` 'threads' nothing is sent.
    unpack_on: who puts the screens of packed trajectories together: 'host', or
      'device', which is sent only what changes (docs/training.md). For a
      replay it is the host.
    queue_port, variables_port: of Reverb's servers; 0 picks free ones. Under
      `runtime.kind` 'threads' there are none.
  """

  RANGES: ClassVar[Mapping[str, ranges.Range]] = {
    'capacity_batches': _BATCHES,
    'prefetch_batches': _BATCHES,
    'queue_port': _PORT,
    'variables_port': _PORT,
  }

  capacity_batches: int = 1
  prefetch_batches: int = 1
  packing: str = 'auto'
  unpack_on: str = 'host'
  queue_port: int = 0
  variables_port: int = 0


@dataclasses.dataclass(frozen=True)
class RuntimeConfig:
  """How many processes run and how they behave; may change between resumes.

  Attributes:
    kind: 'launchpad' runs learner and actors as processes that share data
      through Reverb, 'threads' as threads of one process; 'auto' takes
      launchpad where it is installed.
    num_actors: actor processes or threads; 0 fits the machine.
    envs_per_actor: environments per actor; 0 fits machine and batch. One actor
      puts all of them into one item of the queue.
    env_threads: EnvPool threads per actor; 0 fits the machine.
    max_actor_restarts: times each actor is started again after dying.
    publish_every_updates: updates between two publications of parameters.
    checkpoint_every_seconds: wall time between two checkpoints.
    checkpoints_kept: newest checkpoints kept.
    log_every_seconds: wall time between two rows of metrics.csv.
    evaluate_every_frames: frames between two checkpoints that an evaluator
      beside training scores, the best of which it keeps; 0 for none.
    evaluation_episodes: whole games of each such score.
    evaluation_steps: agent steps of each such score in place of a number of
      games, as DQN's papers have it; 0 for games.
    evaluation_envs: environments that play them side by side.
    evaluation_max_episode_frames: frames after which a game of such a score is
      cut off; the same for all scores of a run.
    stall_seconds: a learner without data for this long ends the run, and so
      does a last checkpoint that finds no room for this long.
    init_from: the directory of a run whose newest checkpoint gives a new run
      its first parameters, or of an exported agent, or `zoo:<name>`; '' for
      random ones.
    profile_updates: 'a:b' leaves a profile of the run's updates a to b - 1 for
      TensorBoard; '' for none.
  """

  RANGES: ClassVar[Mapping[str, ranges.Range]] = {
    # The most are what the seeds of actors and environments are dealt out for.
    'num_actors': ranges.Range(0, MAX_ACTORS),
    'envs_per_actor': ranges.Range(0, MAX_ENVS_PER_ACTOR),
    'env_threads': ranges.Range(0, 1024),
    'max_actor_restarts': ranges.Range(0, 1000),
    'publish_every_updates': ranges.Range(1, 1_000_000),
    'checkpoint_every_seconds': ranges.SECONDS,
    'checkpoints_kept': ranges.Range(1, 1_000_000),
    'log_every_seconds': ranges.SECONDS,
    'evaluate_every_frames': ranges.Range(0, ranges.MAX_FRAMES),
    'evaluation_episodes': ranges.Range(1, 1_000_000),
    'evaluation_steps': ranges.Range(0, ranges.MAX_STEPS),
    'evaluation_envs': ranges.Range(1, MAX_ENVS_PER_ACTOR),
    'evaluation_max_episode_frames': ranges.Range(1, 2**31 - 1),
    'stall_seconds': ranges.SECONDS,
  }

  kind: str = 'auto'
  num_actors: int = 0
  envs_per_actor: int = 0
  env_threads: int = 0
  max_actor_restarts: int = 5
  publish_every_updates: int = 1
  checkpoint_every_seconds: float = 120.0
  checkpoints_kept: int = 3
  log_every_seconds: float = 5.0
  evaluate_every_frames: int = 0
  evaluation_episodes: int = 20
  evaluation_steps: int = 0
  evaluation_envs: int = 4
  evaluation_max_episode_frames: int = 108_000
  stall_seconds: float = 600.0
  init_from: str = ''
  profile_updates: str = ''

  def updates_to_profile(self) -> tuple[int, int] | None:
    """(a, b) of `profile_updates`; None for none.

    Raises:
      ConfigError: these are no two numbers, or none or too many updates.
    """
    text = self.profile_updates
    if not text:
      return None
    numbers = re.fullmatch(r'(\d{1,12}):(\d{1,12})', text)
    first = int(numbers[1]) if numbers else 10
    last = int(numbers[2]) if numbers else first + 5
    nearest = min(max(last, first + 1), first + _MOST_PROFILED)
    errors.require(
      numbers is not None and nearest == last,
      'runtime.profile_updates',
      text,
      f'first:end, at most {_MOST_PROFILED} updates, as {first}:{nearest}',
    )
    return first, last


@dataclasses.dataclass(frozen=True)
class Config:
  """A whole run.

  Attributes:
    agent: a name in `configs.agents.AGENTS`.
    preset: the name of the settings this started from.
    algorithm: a name in `attn_agents.algorithms.registry`.
    learning: that algorithm's section.
    seed: of parameters, policies and environments.
    max_frames: emulator frames after which the run ends; 0 runs until stopped,
      or until an annealed learning rate reaches 0.
    max_hours: of running after which it ends, too, over all starts of the run;
      0 for no such end.
  """

  RANGES: ClassVar[Mapping[str, ranges.Range]] = {
    'seed': ranges.Range(0, 2**31 - 1),
    'max_frames': ranges.Range(0, ranges.MAX_FRAMES),
    'max_hours': ranges.Range(0.0, ranges.MAX_SECONDS / 3600),
  }

  agent: str
  preset: str
  network: NetworkConfig
  algorithm: str
  learning: base.LearningConfig
  seed: int = 0
  max_frames: int = 0
  max_hours: float = 0.0
  environment: EnvironmentConfig = dataclasses.field(
    default_factory=EnvironmentConfig
  )
  optimizer: OptimizerConfig = dataclasses.field(
    default_factory=OptimizerConfig
  )
  queue: QueueConfig = dataclasses.field(default_factory=QueueConfig)
  runtime: RuntimeConfig = dataclasses.field(default_factory=RuntimeConfig)


def variant(config: Config, agent: str, **network: Any) -> Config:
  """The preset of an agent that differs in options of its network only."""
  return dataclasses.replace(
    config, agent=agent, network=dataclasses.replace(config.network, **network)
  )

"""Every number of every config, with values that no run can use."""

import collections
import dataclasses
import functools
import math
import typing

import pytest

from attn_agents.algorithms import registry
from configs import agents, errors, ranges, resolution

_INTEGERS = ('-1', '0', '1000000000000000000', '9' * 400)
_FLOATS = (*_INTEGERS, '-inf', 'inf', 'nan', '1e30', '-1e-9', '1e-30')

# By hand: a run that was within them must stay so.
_BOUNDS = {
  (0.0, 0.999): 'environment.sticky_action_probability',
  (0.0, 0.999999): (
    'optimizer.adam_beta1 optimizer.adam_beta2 optimizer.decay '
    'optimizer.momentum'
  ),
  (0.0, 1.0): (
    'learning.discount learning.epsilon_end learning.epsilon_start '
    'learning.evaluation_epsilon learning.gae_lambda learning.vtrace_lambda '
    'network.soft_share optimizer.anneal_to'
  ),
  (-100.0, 100.0): 'network.vision_forget_bias',
  (0.0, 100.0): 'network.vision_blur',
  (0, 255): 'runtime.envs_per_actor',
  (0, 256): 'runtime.num_actors',
  (0.0, 1_000.0): (
    'learning.max_policy_lag network.query_spread runtime.max_actor_restarts'
  ),
  (0, 1_024): 'runtime.env_threads',
  (0, 8_192): 'network.hidden_size network.lstm_size',
  (0, 10_000): 'learning.part_length',
  (0.0, 100_000_000 / 3600): 'max_hours',
  (0, 65_535): 'queue.queue_port queue.variables_port',
  (
    0.0,
    1_000_000.0,
  ): (
    'environment.stagger_steps learning.baseline_cost learning.entropy_cost '
    'learning.reinforce_cost'
  ),
  (0.0, 100_000_000.0): 'learning.replay_checkpoint_seconds',
  (0.0, 1_000_000_000.0): 'learning.max_abs_reward learning.max_abs_td_error',
  (0, 2_000_000_000): 'runtime.evaluation_steps',
  (0, 2_147_483_647): 'seed',
  (
    0,
    8_000_000_000,
  ): 'max_frames optimizer.anneal_frames runtime.evaluate_every_frames',
  (1e-30, 1_000.0): 'optimizer.epsilon',
  (1e-12, 100.0): 'learning.final_learning_rate optimizer.learning_rate',
  (1e-12, 1_000_000_000_000.0): 'optimizer.clip_threshold',
  (1e-06, 0.999999): 'learning.clip_epsilon',
  (
    1e-06,
    1_000_000.0,
  ): 'learning.clip_pg_rho_threshold learning.clip_rho_threshold',
  (0.001, 1_000.0): 'network.vision_gain',
  (0.001, 100_000_000.0): (
    'runtime.checkpoint_every_seconds runtime.log_every_seconds '
    'runtime.stall_seconds'
  ),
  (1, 16): 'environment.frame_stack',
  (1, 60): 'environment.action_repeat',
  (1, 64): (
    'network.conv_kernels network.conv_strides network.pixel_block '
    'queue.capacity_batches queue.prefetch_batches'
  ),
  (1, 100): 'network.blocks_per_section network.mask_blocks',
  (1, 255): 'runtime.evaluation_envs',
  (1, 1_000): 'learning.num_epochs',
  (1, 1_024): 'environment.height environment.width network.num_queries',
  (1, 4_096): 'network.channels network.conv_channels network.key_channels',
  (1, 8_192): (
    'network.answer_hidden network.answer_size network.attention_size '
    'network.head_hidden network.hidden_size network.policy_core_size '
    'network.query_hidden'
  ),
  (
    1,
    10_000,
  ): 'environment.noop_max learning.sequence_length learning.unroll_length',
  (1, 65_536): 'learning.batch_size learning.num_minibatches',
  (1, 1_000_000): (
    'learning.steps_per_update runtime.checkpoints_kept '
    'runtime.evaluation_episodes runtime.publish_every_updates'
  ),
  (1, 2_000_000_000): (
    'learning.epsilon_steps learning.learning_rate_steps '
    'learning.replay_capacity learning.replay_min_size '
    'learning.target_update_steps'
  ),
  (
    1,
    2_147_483_647,
  ): 'environment.max_episode_frames runtime.evaluation_max_episode_frames',
  (2, 4_096): 'network.vision_channels',
}


def _resolve(agent, algorithm, *settings):
  return resolution.resolve(
    resolution.Request(agent=agent, algorithm=algorithm, settings=settings),
    'cpu', 1, cores=2,
  )  # fmt: skip


def _kinds(field):
  """The plain types of a field: of the elements of a tuple, or beside None."""
  inner = typing.get_args(field.type)
  return {kind for kind in inner or (field.type,) if kind in (int, float)}


@functools.cache
def _fields():
  """(section's class, field) to agent, algorithm, path, type: each once."""
  found = {}
  for agent, algorithm in agents.pairs():
    config = agents.make(agent, 'small', algorithm)
    sections = {'': config} | {
      f'{field.name}.': getattr(config, field.name)
      for field in dataclasses.fields(config)
      if dataclasses.is_dataclass(getattr(config, field.name))
    }
    for prefix, section in sections.items():
      for field in dataclasses.fields(section):
        for kind in _kinds(field):
          found[type(section), field.name] = (
            agent, algorithm, prefix + field.name, kind,
          )  # fmt: skip
  return found


def test_every_number_has_a_range_with_two_bounds():
  assert len(_fields()) > 100
  for section_class, name in _fields():
    known = ranges.of(section_class)
    assert name in known, f'{section_class.__name__}.{name} has no range'
    assert -math.inf < known[name].low < known[name].high < math.inf
  for section_class in {section_class for section_class, _ in _fields()}:
    names = {field.name for field in dataclasses.fields(section_class)}
    assert set(ranges.of(section_class)) <= names


def test_bounds_are_those_that_were_promised():
  found = collections.defaultdict(set)
  for (section_class, name), (_, _, path, _) in _fields().items():
    low, high, _ = ranges.of(section_class)[name]
    # A new one is within what was promised once it is in the table.
    if any(path in x.split() for x in _BOUNDS.values()):
      found[low, high].add(path)
  assert found == {bounds: set(x.split()) for bounds, x in _BOUNDS.items()}


@dataclasses.dataclass(frozen=True)
class _Section:
  """Numbers of either kind, alone and several."""

  RANGES: typing.ClassVar = {
    'whole': ranges.Range(2, 5),
    'share': ranges.Range(0.5, 2.0),
    'several': ranges.Range(1, 3),
  }
  whole: int = 2
  share: float = 1.0
  several: tuple[int, ...] = (1,)
  free: float = 0.0


@pytest.mark.parametrize(
  ('inside', 'outside'),
  [
    ({'whole': 2}, {'whole': 1}),
    ({'whole': 5}, {'whole': 6}),
    ({'share': 0.5}, {'share': math.nextafter(0.5, 0)}),
    ({'share': 2.0}, {'share': math.nextafter(2, 3)}),
    ({'share': 1}, {'share': math.nan}),
    ({'several': (1, 3)}, {'several': (1, 0)}),
    ({'several': (3, 1)}, {'several': (4, 1)}),
    ({'several': (1,) * 32}, {'several': (1,) * 33}),
    ({'free': 1e300}, {'free': math.inf}),
    ({'free': -1e300}, {'free': -math.inf}),
  ],
)
def test_both_bounds_belong_to_the_range(inside, outside):
  ranges.check_section(_Section(**inside))
  (name,) = outside
  with pytest.raises(errors.ConfigError, match=f'^a.{name}='):
    ranges.check_section(_Section(**outside), 'a.')


@pytest.mark.parametrize('value', _FLOATS)
def test_what_is_out_of_range_is_refused_by_its_name(value):
  """In one line; what is in range may clash with another field's value."""
  for (section_class, name), (
    agent,
    algorithm,
    path,
    kind,
  ) in _fields().items():
    if kind is int and value not in (*_INTEGERS, 'inf', 'nan'):
      continue
    low, high, _ = ranges.of(section_class)[name]
    try:
      within = low <= kind(value) <= high
    except (ValueError, OverflowError):
      within = False
    try:
      _resolve(agent, algorithm, f'{path}={value}')
    except errors.ConfigError as error:
      assert '\n' not in str(error)
      if not within:
        assert str(error).startswith(f'{path}='), error
      else:
        assert name in str(error), (path, value, error)
    else:
      assert within, f'{path}={value} was accepted'


@pytest.mark.parametrize(
  ('settings', 'words'),
  [
    (
      'network.vision_gain=inf',
      'network.vision_gain=inf: expected 0.001 to 1000; the nearest is 1000',
    ),
    ('network.query_spread=nan', 'network.query_spread=nan: expected 0 to'),
    (
      'environment.frame_stack=1000',
      'environment.frame_stack=1000: expected 1 to 16; the nearest is 16',
    ),
    (
      'learning.unroll_length=100000000',
      'learning.unroll_length=100000000: expected 1 to 10000; the nearest is',
    ),
    ('network.conv_channels=16,0', 'network.conv_channels=(16, 0): expected'),
    ('queue.prefetch_batches=65', '1 to 64: 0 deadlocks'),
    ('runtime.num_actors=-1', 'runtime.num_actors=-1: expected 0 to 256'),
  ],
)
def test_a_line_names_section_value_range_and_the_nearest(settings, words):
  for look in (
    lambda: _resolve('s3ta', 'auto', settings),
    # Before the machine is looked at.
    lambda: resolution.check_names(resolution.Request(settings=[settings])),
  ):
    with pytest.raises(errors.ConfigError) as caught:
      look()
    assert words in str(caught.value)


def test_steps_stay_below_what_their_counter_holds():
  with pytest.raises(
    errors.ConfigError, match=r'max_frames=8000000000: .*most'
  ):
    resolution.resolve(
      resolution.Request(
        preset='paper', max_frames=8_000_000_000,
        settings=['environment.action_repeat=3'],
      ),
      'cpu', 1, cores=2,
    )  # fmt: skip


def test_a_field_of_a_class_from_outside_must_be_finite():
  @dataclasses.dataclass(frozen=True)
  class Section:
    size: float
    sizes: tuple[float, ...] = ()
    on: bool = True

  ranges.check_section(Section(1e300, (1.0, -2.0)), 'network.')
  for bad in (Section(math.nan), Section(-math.inf), Section(1.0, (math.inf,))):
    with pytest.raises(errors.ConfigError, match=r'network\.size.*a finite'):
      ranges.check_section(bad, 'network.')
  with pytest.raises(errors.ConfigError, match='at most 32 numbers'):
    ranges.check_section(Section(1.0, (1.0,) * 33), 'network.')


def test_all_algorithms_are_walked():
  assert {algorithm for _, algorithm, _, _ in _fields().values()} <= set(
    registry.ALGORITHMS
  )
  for algorithm in registry.ALGORITHMS.values():
    assert (algorithm.section_class, 'discount') in _fields()

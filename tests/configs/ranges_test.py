"""Every number of every config, with values that no run can use."""

import dataclasses
import functools
import math
import typing

import pytest

from attn_agents.algorithms import registry
from configs import agents, errors, ranges, resolution

_INTEGERS = ('-1', '0', '1000000000000000000', '9' * 400)
_FLOATS = (*_INTEGERS, '-inf', 'inf', 'nan', '1e30', '-1e-9', '1e-30')


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

import gzip
import json

import jax
import jax.numpy as jnp

from attn_agents.learning import profiling


@jax.jit
def some_update(x):
  return jnp.sin(x) @ x


def _update(profiler, numbers):
  x = jnp.ones((50, 50))
  for number in numbers:
    profiler.before(number)
    with jax.profiler.TraceAnnotation(f'number {number}'):
      result = some_update(x)
    profiler.after(number, result)


def _recorded(directory):
  """Numbers of the updates in each of the profiles."""
  found = []
  for path in directory.glob('plugins/profile/*/*.trace.json.gz'):
    assert list(path.parent.glob('*.xplane.pb'))
    events = json.loads(gzip.decompress(path.read_bytes()))['traceEvents']
    names = {event.get('name', '') for event in events}
    found.append(sorted(x for x in names if x.startswith('number ')))
  return found


def test_the_updates_that_were_asked_for_are_recorded(tmp_path):
  said = []
  profiler = profiling.Profiler(tmp_path, (3, 5), said.append)
  _update(profiler, range(8))
  assert _recorded(tmp_path) == [['number 3', 'number 4']]
  assert said == [f'the profile is in {tmp_path}/plugins/profile']
  profiler.close()
  assert len(said) == 1


def test_a_run_that_ends_before_leaves_what_there_is(tmp_path):
  said = []
  profiler = profiling.Profiler(tmp_path, (1, 50), said.append)
  _update(profiler, range(3))
  assert not said
  profiler.close()
  assert _recorded(tmp_path) == [['number 1', 'number 2']]


def test_the_last_update_has_ended_before_the_profile(tmp_path, monkeypatch):
  happened = []

  class Computing:
    def __init__(self, number):
      self._number = number

    def block_until_ready(self):
      happened.append(self._number)
      return self

  monkeypatch.setattr(jax.profiler, 'start_trace', happened.append)
  monkeypatch.setattr(
    jax.profiler, 'stop_trace', lambda: happened.append('stop')
  )
  profiler = profiling.Profiler(tmp_path, (1, 3), lambda line: None)
  for number in range(5):
    profiler.before(number)
    profiler.after(number, Computing(number))
  # The others wait for nothing.
  assert happened == [str(tmp_path), 2, 'stop']


def test_a_run_that_is_past_them_or_asked_for_none_records_nothing(tmp_path):
  for updates in (None, (3, 5)):
    profiler = profiling.Profiler(tmp_path, updates)
    _update(profiler, range(4, 7))
    profiler.close()
  assert not list(tmp_path.iterdir())


def test_a_profile_that_cannot_be_had_is_told_and_stops_nothing(tmp_path):
  said = []
  first = profiling.Profiler(tmp_path / 'a', (0, 9), said.append)
  second = profiling.Profiler(tmp_path / 'b', (0, 9), said.append)
  first.before(0)
  _update(second, range(3))
  first.close()
  assert len(said) == 2
  assert said[0].startswith('no profile: ')
  assert (tmp_path / 'a').exists() and not (tmp_path / 'b').exists()

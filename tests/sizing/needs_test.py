import json
import pathlib

import pytest

from attn_agents.sizing import chips, compiled, needs, work

_RESULTS = pathlib.Path(__file__).parents[2] / 'results' / 'speed'


def _update(flops, moved, times=1):
  counted = work.Work(flops, moved, (), 0)
  program = compiled.Program('update', times, 0, 0, 0, 0, 0, counted)
  return compiled.Update((program,), 100.0, {}, 0.0)


def test_the_slower_of_the_two_is_the_bound():
  chip = chips.Chip('x', 1, {'float32': 1e12, 'bfloat16': 2e12}, 1e9)
  found = needs.at_most(
    _update(2e12, 1e9, times=3), chip, 'float32', 1_200, needs.Rate(50.0, '')
  )
  assert (found.compute_seconds, found.memory_seconds) == (6.0, 3.0)
  assert found.steps_per_second == 200
  assert found.arriving == 200 * 100
  assert found.cores == 4
  moving = needs.at_most(
    _update(2e12, 2e9, times=3), chip, 'bfloat16', 1_200, None
  )
  assert (moving.compute_seconds, moving.seconds) == (3.0, 6.0)
  assert (moving.steps_per_second, moving.cores) == (200, None)


def test_alike_exchanges_of_all_programs_are_one():
  exchange = work.Collective('all-reduce', 8, 4, 1)
  programs = [
    compiled.Program(name, times, 0, 0, 0, 0, 0, work.Work(1, 1, (each,), 0))
    for name, times, each in (
      ('prepare', 1, exchange),
      ('step', 12, exchange),
      ('step', 12, work.Collective('all-reduce', 16, 4, 2)),
    )
  ]
  update = compiled.Update(tuple(programs), 0.0, {}, 0.0)
  assert [(c.num_bytes, c.count) for c in update.collectives] == [
    (8, 13),
    (16, 24),
  ]


def test_the_rate_is_what_was_measured_here():
  found = needs.measured_rate(_RESULTS, 's3ta', 'paper')
  content = json.loads((_RESULTS / 's3ta_policy.json').read_text())
  rates = content['alternatives'].items()
  best = max(r['rate']['median'] for n, r in rates if n.startswith('policy'))
  assert found.steps_per_core == best / content['machine']['cores']
  assert content['machine']['cpu'] in found.source
  assert needs.measured_rate(_RESULTS, 'drqn', 'paper') is None


def test_whole_actors_count_before_policies():
  found = needs.measured_rate(_RESULTS, 's3ta', 'small')
  content = json.loads((_RESULTS / 'small_acting.json').read_text())
  rates = {n: r['rate']['median'] for n, r in content['alternatives'].items()}
  best = max(rate for name, rate in rates.items() if name.startswith('actor'))
  assert found.steps_per_core == pytest.approx(best / 2)
  assert max(rates.values()) > best

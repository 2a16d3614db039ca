"""The history of a population, and making its decisions again."""

import dataclasses
import json
import math
import multiprocessing

import numpy as np
import pytest

from attn_agents.population import decisions, history
from configs import errors
from tests.population import populations


def _played(population, generations=6, seed=0):
  """A history in which members decide in a random order."""
  rng = np.random.default_rng(seed)
  record, entries = decisions.Record(population), []
  turns = np.repeat(np.arange(population.size), generations)
  for member in rng.permutation(turns).tolist():
    generation = record.generation(member)
    entries.append(
      decisions.decide(
        population, record, member, population.end_of(generation),
        10 * generation, float(rng.normal()), time=float(len(entries)),
      )
    )  # fmt: skip
    record.add(entries[-1])
  return entries


def test_generations_end_with_the_burn_in_and_then_at_intervals():
  ends = [populations.make().end_of(g) for g in range(7)]
  assert ends == [100, 150, 200, 250, 300, 300, 300]
  without = populations.make(burn_in_frames=0)
  assert [without.end_of(g) for g in range(6)] == [50, 100, 150, 200, 250, 300]


def test_a_copy_takes_the_hyperparameters_that_the_fitness_was_of():
  """Not those that the other member has gone on with since."""
  population = populations.make(size=2, margin=0.0)
  first = decisions.decide(
    population, decisions.Record(population), 1, 100, 5, fitness=1.0
  )
  assert first.compared_with is None
  changed = dataclasses.replace(
    first, hyperparameters={**first.hyperparameters, 'learning_rate': 0.5}
  )
  second = decisions.decide(
    population, decisions.Record(population, [changed]), 0, 100, 5, fitness=0.0
  )
  assert (second.parent, second.parent_generation) == (1, 0)
  factor = second.factors.get('learning_rate', 1.0)
  assert second.hyperparameters['learning_rate'] == 1e-3 * factor


def test_a_member_is_compared_with_how_another_stood_last():
  population = populations.make(size=2)
  record = decisions.Record(population)
  record.add(decisions.decide(population, record, 1, 100, 5, fitness=1.0))
  record.add(decisions.decide(population, record, 1, 150, 9, fitness=-1.0))
  again = decisions.decide(population, record, 0, 100, 5, fitness=0.0)
  assert (again.compared_with, again.parent) == (1, None)


@pytest.mark.parametrize('rule', ['impala', 'truncation'])
def test_all_decisions_can_be_made_again(rule):
  population = populations.make(rule=rule)
  entries = _played(population)
  assert len({x.parent for x in entries}) > 2
  assert decisions.replay(population, entries) == []


@pytest.mark.parametrize(
  'change',
  [
    {'parent': None, 'parent_generation': None},
    {'fitness': 9.0},
    {'compared_with': 0},
    {'hyperparameters': dict(populations.HYPERPARAMETERS)},
    {'factors': {'epsilon': 2.0}},
  ],
)
def test_a_decision_that_does_not_follow_is_named(change):
  population = populations.make()
  entries = _played(population)
  index = next(i for i, x in enumerate(entries) if x.parent and x.factors)
  if 'fitness' in change:
    # That of whoever was copied decided.
    copied = entries[index]
    index = max(
      i for i, x in enumerate(entries[:index])
      if x.member == copied.parent
    )  # fmt: skip
    change = {'fitness': -9.0}
  entries[index] = dataclasses.replace(entries[index], **change)
  found = decisions.replay(population, entries)
  assert found
  assert 'when made again' in found[0]


def test_what_is_written_is_read(tmp_path):
  population = populations.make()
  entries = _played(population)
  entries.append(
    decisions.decide(
      population, decisions.Record(population, entries), 0, 300, 9, math.nan
    )
  )
  log = history.History(tmp_path / 'new')
  log.create(population)
  for entry in entries:
    log.append(entry)
  assert log.population() == population
  assert log.entries()[:-1] == entries[:-1]
  assert math.isnan(log.entries()[-1].fitness)
  assert decisions.replay(log.population(), log.entries()) == []


def test_half_a_line_is_nothing_and_makes_room_for_the_next(tmp_path):
  population = populations.make()
  entries = _played(population)
  log = history.History(tmp_path)
  log.create(population)
  log.append(entries[0])
  path = tmp_path / 'history.jsonl'
  whole = path.read_bytes()
  path.write_bytes(whole + whole[: len(whole) // 2])
  assert log.entries() == entries[:1]
  log.append(entries[1])
  assert log.entries() == entries[:2]


def test_damage_is_named(tmp_path):
  log = history.History(tmp_path)
  with pytest.raises(errors.ConfigError, match='holds no population'):
    log.population()
  log.create(populations.make())
  (tmp_path / 'history.jsonl').write_text('{"member": 1}\n')
  with pytest.raises(errors.ConfigError, match=r'history.jsonl.*in line 1'):
    log.entries()
  (tmp_path / 'population.json').write_text('{}')
  with pytest.raises(errors.ConfigError, match=r'population\.json is damaged'):
    log.population()


def test_another_population_is_refused_and_names_what_differs(tmp_path):
  log = history.History(tmp_path)
  log.create(populations.make())
  log.create(populations.make())
  with pytest.raises(errors.ConfigError, match=r'\(margin: 0.05 there, 0.1'):
    log.create(populations.make(margin=0.1))


def test_more_frames_are_asked_of_the_same_population_and_fewer_refused(
  tmp_path,
):
  log = history.History(tmp_path)
  log.create(populations.make())
  more = populations.make(max_frames=310)
  log.check(more)
  assert log.population().max_frames == 300
  log.create(more)
  assert log.population() == more
  with pytest.raises(errors.ConfigError, match=r'max_frames: 310 there, 300'):
    log.create(populations.make())
  with pytest.raises(errors.ConfigError, match=r'\(margin: 0.05 there, 0.1'):
    log.create(populations.make(max_frames=320, margin=0.1))
  assert log.population() == more


def _decide(root, member, count):
  log = history.History(root)
  population = log.population()
  for _ in range(count):
    with log.lock():
      record = log.record()
      step = record.generation(member)
      log.append(
        decisions.decide(population, record, member, 100, step, float(member))
      )


def test_members_that_decide_at_once_leave_a_history_that_follows(tmp_path):
  population = populations.make()
  log = history.History(tmp_path)
  log.create(population)
  context = multiprocessing.get_context('spawn')
  deciding = [
    context.Process(target=_decide, args=(tmp_path, member, 15))
    for member in range(4)
  ]
  for process in deciding:
    process.start()
  for process in deciding:
    process.join(60)
  entries = log.entries()
  assert [process.exitcode for process in deciding] == [0] * 4
  assert len(entries) == 60
  assert decisions.replay(population, entries) == []
  json.loads((tmp_path / 'population.json').read_text())

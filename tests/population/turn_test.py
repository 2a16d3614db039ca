"""Turns of members, on checkpoints of a real agent; no training."""

import csv
import dataclasses
import json
import os
import shutil
import sys

import jax
import numpy as np
import pytest

from attn_agents import experiment
from attn_agents.learning import game_columns
from attn_agents.population import decisions, history, members, turn
from attn_agents.runs import checkpoints, run_directory, saved_runs, snapshots
from configs import errors, overrides
from tests import in_process
from tests.population import populations


@pytest.fixture(scope='module')
def parts():
  return experiment.Experiment(in_process.catch_config(agent='impala_ff'))


@pytest.fixture(scope='module')
def spec(parts):
  return parts.state_spec()


@pytest.fixture(scope='module')
def trained(tmp_path_factory, parts, spec):
  """Three members at the end of their first generation; 1 is the best."""
  root = tmp_path_factory.mktemp('population')
  history.History(root).create(populations.make(size=3, margin=0.1))
  for member, fitness in enumerate((-0.5, 0.5, -0.4)):
    _train(root, parts, spec, member, frames=100, step=5, fitness=fitness)
  return root


@pytest.fixture
def root(trained, tmp_path, parts, spec, monkeypatch):
  """A copy of it."""
  monkeypatch.setattr(experiment.Experiment, 'state_spec', lambda _: spec)
  return shutil.copytree(trained, tmp_path / 'population')


def _train(root, parts, spec, member, frames, step, fitness):
  """What a member's run leaves: every weight is its number and step."""
  run = members.run_of(root, member)
  run.path.mkdir(exist_ok=True)
  run.write({'config': overrides.to_dict(parts.config), 'started': []})
  is_new = not run.metrics.exists()
  with open(run.metrics, 'a', newline='') as file:
    rows = csv.writer(file)
    if is_new:
      rows.writerow(['frames', 'episode_return_mean'])
    rows.writerow([frames, fitness])
  state = jax.tree.map(
    lambda x: np.full(x.shape, member + step / 100, x.dtype),
    spec,
  )
  snapshot = snapshots.Snapshot(
    state._replace(learner_steps=np.int32(step), agent_steps=np.int32(frames)),
    snapshots.Counters(frames, frames, step, games=member, wall_time=1.0),
    recent_returns=(fitness,),
    recent_lengths=(9.0,),
  )
  manager = checkpoints.Checkpointer(run.checkpoints)
  assert manager.save(snapshot)
  manager.close()


def _newest(root, spec, member):
  manager = checkpoints.Checkpointer(members.run_of(root, member).checkpoints)
  snapshot = manager.restore(spec)
  manager.close()
  return snapshot


def _weights(snapshot):
  leaves = jax.tree.leaves((snapshot.state.params, snapshot.state.opt_state))
  found = {float(x) for leaf in leaves for x in np.ravel(leaf)}
  return {round(x, 4) for x in found if x != int(x)}


def _decided(root, member):
  """The turn of a member, after the others', whoever it is compared with."""
  for other in range(3):
    if other != member:
      turn.take(root, other)
  return turn.take(root, member)


def test_a_copy_has_the_others_weights_and_its_own_progress(root, spec):
  seeds = (
    seed for seed in range(100)
    if decisions.decide(
      dataclasses.replace(populations.make(3), seed=seed),
      decisions.Record(populations.make(3), [_entry(1, 0.5), _entry(2, -0.4)]),
      0, 100, 5, -0.5,
    ).parent == 1
  )  # fmt: skip
  content = json.loads((root / 'population.json').read_text())
  (root / 'population.json').write_text(
    json.dumps({**content, 'seed': next(seeds)})
  )
  entry = _decided(root, 0)
  assert (entry.member, entry.parent, entry.parent_generation) == (0, 1, 0)
  assert (entry.frames, entry.step, entry.fitness) == (100, 5, -0.5)
  after = _newest(root, spec, 0)
  assert _weights(after) == {1.05}
  assert after.recent_returns == (0.5,)
  assert after.counters == snapshots.Counters(100, 100, 6, 0, 1.0)
  assert (after.state.learner_steps, after.state.agent_steps) == (6, 100)
  for name, value in entry.hyperparameters.items():
    found = getattr(after.state.hyperparams, name)
    np.testing.assert_allclose(found, value, rtol=1e-6)


def _entry(member, fitness):
  population = populations.make(3)
  record = decisions.Record(population)
  return decisions.decide(population, record, member, 100, 5, fitness)


def test_who_copies_nobody_keeps_its_weights(root, spec):
  entry = _decided(root, 1)
  assert entry.parent is None
  after = _newest(root, spec, 1)
  assert _weights(after) == {1.05}
  assert after.counters.learner_steps == 6
  assert float(after.state.hyperparams.learning_rate) == pytest.approx(
    entry.hyperparameters['learning_rate']
  )


def test_a_turn_says_what_was_decided_once(root, monkeypatch, capsys):
  arguments = ['turn', f'--root={root}', '--member=1']
  monkeypatch.setattr(sys, 'argv', arguments)
  assert turn.main() == 0
  (entry,) = history.History(root).entries()
  said = capsys.readouterr().out
  assert said == f'{turn.described(entry)}\n'
  assert said.startswith('member_01: generation 0, fitness 0.5')
  assert turn.main() == 0
  assert not capsys.readouterr().out


@pytest.mark.parametrize(
  ('changes', 'line'),
  [
    ({'parent': 2, 'compared_with': 2}, ', copies member_02'),
    ({'compared_with': 0}, ', keeps its own before member_00'),
    (
      {'factors': {'epsilon': 1.2, 'learning_rate': 1 / 1.2}},
      ', epsilon x 1.2, learning_rate x 0.833',
    ),
  ],
)
def test_a_decision_is_told_in_one_line(changes, line):
  plain = {'parent': None, 'compared_with': None, 'factors': {}}
  entry = dataclasses.replace(_entry(1, 0.51234), **{**plain, **changes})
  assert turn.described(entry) == (
    f'member_01: generation 0, fitness 0.512{line}'
  )


def test_a_turn_is_taken_once_and_only_at_the_end_of_a_generation(
  root, parts, spec
):
  assert turn.take(root, 0).generation == 0
  assert turn.take(root, 0) is None
  _train(root, parts, spec, 0, frames=149, step=9, fitness=0.0)
  assert turn.take(root, 0) is None
  _train(root, parts, spec, 0, frames=150, step=10, fitness=0.0)
  assert turn.take(root, 0).generation == 1


def test_nothing_follows_the_last_frame(root, parts, spec):
  log = history.History(root)
  for generation in range(4):
    entry = dataclasses.replace(_entry(0, 0.0), generation=generation, step=0)
    log.append(entry)
  _train(root, parts, spec, 0, frames=300, step=9, fitness=0.0)
  assert turn.take(root, 0) is None
  assert len(log.entries()) == 4


@pytest.mark.parametrize('when', ['decided', 'donated'])
def test_a_turn_that_was_cut_short_is_taken_to_its_end(
  root, spec, monkeypatch, when
):
  place = turn if when == 'decided' else history.History
  name = '_apply' if when == 'decided' else 'append'
  with monkeypatch.context() as patch:
    patch.setattr(place, name, _killed)
    with pytest.raises(KeyboardInterrupt):
      turn.take(root, 0)
  log = history.History(root)
  before = log.entries()
  assert len(before) == (when == 'decided')
  assert _newest(root, spec, 0).counters.learner_steps == 5
  entry = turn.take(root, 0)
  assert log.entries() == [entry]
  assert not before or before == [entry]
  assert _newest(root, spec, 0).counters.learner_steps == 6


def _killed(*args):
  raise KeyboardInterrupt


def test_what_was_the_last_generation_ends_with_a_turn_if_more_are_asked(
  root, parts, spec
):
  log = history.History(root)
  for generation in range(4):
    log.append(
      dataclasses.replace(_entry(0, 0.0), generation=generation, step=0)
    )
  _train(root, parts, spec, 0, frames=300, step=9, fitness=0.0)
  log.create(dataclasses.replace(log.population(), max_frames=400))
  entry = turn.take(root, 0)
  assert (entry.generation, entry.frames) == (4, 300)
  assert _newest(root, spec, 0).counters.learner_steps == 10


def test_a_turn_keeps_as_many_checkpoints_as_training(root, parts, spec):
  config = overrides.apply(parts.config, ['runtime.checkpoints_kept=5'])
  run = members.run_of(root, 0)
  run.write({'config': overrides.to_dict(config), 'started': []})
  for step in (1, 2, 3, 4):
    shutil.copytree(run.checkpoints / '5', run.checkpoints / str(step))
  turn.take(root, 0)
  assert saved_runs.steps(run.checkpoints) == [2, 3, 4, 5, 6]


def test_a_member_that_trains_is_left_alone(root):
  run = run_directory.RunDirectory(root / 'member_00')
  run.lock()
  with pytest.raises(errors.ConfigError, match='another run is using it'):
    turn.take(root, 0)


def test_donated_checkpoints_stay_as_long_as_somebody_waits_for_them(
  root, parts, spec
):
  log = history.History(root)
  for member in (1, 2):
    turn.take(root, member)
  waits = dataclasses.replace(
    _entry(0, -0.5), parent=1, parent_generation=0, compared_with=1
  )
  log.append(waits)
  for generation, frames in enumerate((150, 200), 1):
    _train(root, parts, spec, 1, frames, step=10 * generation, fitness=0.5)
    turn.take(root, 1)
  kept = [p.name for p in sorted((root / 'donors' / '01').iterdir())]
  assert kept == ['0', '2']
  turn.take(root, 0)
  assert _weights(_newest(root, spec, 0)) == {1.05}
  kept = [p.name for p in sorted((root / 'donors' / '01').iterdir())]
  assert kept == ['2']


def test_where_links_cannot_be_made_checkpoints_are_copied(
  root, spec, monkeypatch
):
  def refuse(source, target):
    raise OSError

  monkeypatch.setattr(os, 'link', refuse)
  turn.take(root, 1)
  place = members.donor_directory(root, 1, 0)
  manager = checkpoints.Checkpointer(place)
  assert _weights(manager.restore(spec)) == {1.05}
  manager.close()


def test_fitness_over_several_games_is_the_mean_capped_score(tmp_path):
  run = run_directory.RunDirectory(tmp_path)
  run.metrics.write_text(
    f'frames,episode_return_mean,{game_columns.CAPPED}\n100,50,0.25\n'
  )
  assert members.fitness_of(run, 'catch,pong') == 0.25


def test_fitness_has_one_unit_before_a_game_with_a_human_score_has_ended(
  tmp_path,
):
  """The mean of Catch alone is no score, and larger than any."""
  run = run_directory.RunDirectory(tmp_path)
  run.metrics.write_text(
    f'frames,episode_return_mean,{game_columns.CAPPED}\n100,0.75,\n'
  )
  assert np.isnan(members.fitness_of(run, 'catch,pong'))


@pytest.mark.parametrize(
  ('game', 'mean', 'fitness'),
  [
    ('catch', '-0.25', -0.25),
    # Of Pong, random play scores -20.7 and a human 14.6.
    ('pong', '-20.7', 0.0),
    ('pong', '-3.05', 0.5),
    ('pong', '21', 1.0),
  ],
)
def test_fitness_is_human_normalised_and_capped(tmp_path, game, mean, fitness):
  run = run_directory.RunDirectory(tmp_path)
  assert np.isnan(members.fitness_of(run, game))
  run.metrics.write_text(f'frames,episode_return_mean\n100,{mean}\n')
  assert members.fitness_of(run, game) == pytest.approx(fitness)

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest

from attn_agents import types
from attn_agents.evaluation import evaluator
from attn_agents.interpretability.recordings import (
  moments,
  parts,
  record,
  recording,
  trained_agent,
  views,
)
from attn_agents.networks.layers import spatial_basis
from attn_agents.watching import games
from tests.interpretability import playing

PLAN = playing.PLAN


def test_rows_are_those_of_whole_games(recorded):
  # Catch lasts nine steps: rows 0..9 of each game.
  assert recorded.ended
  assert len(recorded) == 30
  end = json.loads((recorded.path / 'end.json').read_text())
  assert end == {'num_rows': 30, 'num_games': 3}
  np.testing.assert_array_equal(recorded['game'], np.repeat([0, 1, 2], 10))
  np.testing.assert_array_equal(recorded['row'], np.tile(np.arange(10), 3))
  first, last = types.StepType.FIRST, types.StepType.LAST
  kinds = [first] + [types.StepType.MID] * 8 + [last]
  np.testing.assert_array_equal(recorded['step_type'], kinds * 3)
  assert set(recorded['reward'][9::10]) <= {-1.0, 1.0}


def test_rows_are_what_an_unroll_of_the_same_agent_gives(played, recorded):
  timestep = types.TimeStep(
    *(
      recorded[name][:, None]
      for name in ('observation', 'reward', 'discount', 'step_type')
    )
  )
  outputs = jax.jit(played.agent.unroll)(
    played.params,
    timestep,
    recorded['action'][:-1, None],
    played.agent.initial_state(1),
  )
  np.testing.assert_allclose(
    recorded['policy_logits'], outputs.policy_logits[:, 0], atol=1e-5
  )
  np.testing.assert_allclose(
    recorded['baseline'], outputs.baseline[:, 0], atol=1e-5
  )


def test_attention_answers_and_queries_belong_together(recorded):
  attention = recorded['attention']
  np.testing.assert_allclose(attention.sum(axis=(2, 3)), 1.0, rtol=1e-5)
  assert recorded['queries'].shape == (30, 2, 72)
  assert recorded['keys'].shape == (30, 5, 4, 8)
  # The last 64 numbers of an answer are the basis, averaged by attention.
  basis = spatial_basis.spatial_basis(5, 4, recorded.facts['basis'])
  np.testing.assert_allclose(
    recorded['answers'][..., -64:],
    np.einsum('nhij,ijc->nhc', attention, basis),
    atol=1e-5,
  )


def test_frame_and_observation_show_the_same_board(recorded):
  # Both are drawn from boards of 10 x 5 cells; their centres.
  frame, seen = recorded['frame'], recorded['observation']
  rows, columns = np.arange(10), np.arange(5)
  np.testing.assert_array_equal(
    frame[:, rows[:, None] * 21 + 10, columns * 32 + 16],
    seen[:, (rows[:, None] * 33 + 16) // 10, (columns * 26 + 13) // 5],
  )
  assert np.ptp(frame) == 255


def test_same_seed_gives_the_same_and_another_seed_another(
  played, recorded, tmp_path
):
  plan = dataclasses.replace(PLAN, num_episodes=1)
  again = record.record(played, plan, tmp_path / 'again')
  other = record.record(
    played, dataclasses.replace(plan, seed=1), tmp_path / 'other'
  )
  np.testing.assert_array_equal(
    again['policy_logits'], recorded['policy_logits'][:10]
  )
  assert not np.array_equal(other['action'], again['action'])


def test_greedy_takes_the_likeliest(played, tmp_path):
  plan = dataclasses.replace(PLAN, num_episodes=2, policy='greedy')
  greedy = record.record(played, plan, tmp_path / 'greedy')
  np.testing.assert_array_equal(
    greedy['action'], greedy['policy_logits'].argmax(axis=-1)
  )


def test_steps_are_bounded(played, tmp_path):
  plan = dataclasses.replace(PLAN, max_steps=12)
  short = record.record(played, plan, tmp_path / 'short')
  # 9 steps, the row that starts the next game, which is none, and 3 more.
  np.testing.assert_array_equal(short['row'], [*range(10), *range(4)])


def test_recorded_games_are_those_of_no_actor_and_of_no_watcher(
  played, tmp_path, monkeypatch
):
  asked, closed = [], []
  real, close = record.seeding.actor_seeds, views.Views.close

  def seeds(*place):
    asked.append(place)
    # Those of this place exist.
    return real(*place)

  def closing(both):
    closed.append(both)
    close(both)

  monkeypatch.setattr(record.seeding, 'actor_seeds', seeds)
  monkeypatch.setattr(views.Views, 'close', closing)
  plan = record.Plan(num_episodes=1, max_steps=2, seed=5)
  record.record(played, plan, tmp_path / 'r')
  monkeypatch.undo()
  assert len(closed) == 1, 'both views are freed'
  ((seed, incarnation, host, actor, num_envs),) = asked
  assert (seed, incarnation, num_envs) == (5, 0, 1)
  # The last host's last places are those of evaluations, recordings and views.
  others = {(part._HOST, part._ACTOR) for part in (evaluator, games)}
  assert {(host, actor), *others} == {(31, 255), (31, 254), (31, 253)}


def test_a_recording_that_breaks_off_frees_its_games(
  played, tmp_path, monkeypatch
):
  closed = []
  close = views.Views.close
  monkeypatch.setattr(
    views.Views, 'close', lambda both: (closed.append(both), close(both))
  )

  def fall_over(row):
    raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    record.record(played, PLAN, tmp_path / 'r', report=fall_over)
  assert len(closed) == 1


def test_both_views_are_whole_games_of_one_seed(played, monkeypatch):
  made, closed = [], []

  class Environment:
    """Of no game."""

    spec = played.environment_spec

    def __init__(self, view, *options, **more):
      made.append((view, options, more))

    def close(self):
      closed.append(self)

  monkeypatch.setattr(views.environments, 'make_environment', Environment)
  config = dataclasses.replace(played.config.environment, grayscale=True)
  both = views.Views(config, 77)
  (seen, *ours), (drawn, *theirs) = made
  assert seen == config and not drawn.grayscale
  assert ours == theirs == [(1, 77), {'num_threads': 1, 'evaluation': True}]
  both.close()
  assert len(set(closed)) == 2


def test_the_default_plan_is_a_minute_without_states():
  # 15 agent steps are a second of Atari.
  plan = record.Plan()
  assert (plan.num_episodes, plan.max_steps, plan.seed) == (1, 60 * 15, 0)
  assert not plan.with_states


def test_broken_off_recording_goes_on(played, recorded, tmp_path):
  path = tmp_path / 'broken'

  def fall_over(row):
    if row == 21:
      raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    record.record(played, PLAN, path, report=fall_over)
  half = recording.Recording(path)
  assert (len(half), half.ended) == (16, False)
  changed = (path / 'rows_8.npz').stat().st_mtime_ns
  whole = record.record(played, PLAN, path)
  assert (path / 'rows_8.npz').stat().st_mtime_ns == changed
  assert whole.ended
  for name in recorded.names:
    np.testing.assert_array_equal(whole[name], recorded[name], name)


def test_another_plan_is_refused_where_a_recording_is(played, recorded):
  other = dataclasses.replace(PLAN, seed=3)
  with pytest.raises(parts.RecordingError, match='different: plan'):
    record.record(played, other, recorded.path)


def _of_run(played, path):
  """The same agent, as the checkpoint of a run that lies there."""
  return played.with_params(played.params, run=str(path))


def test_a_recording_is_of_an_agent_wherever_its_run_lies(played, tmp_path):
  plan = dataclasses.replace(PLAN, num_episodes=1)
  path = tmp_path / 'recording'
  record.record(_of_run(played, '/before'), plan, path)
  moved = record.record(_of_run(played, '/after'), plan, path)
  assert moved.facts['run'] == '/before'
  # Another agent at the same path, or one that plays otherwise, is not taken.
  params = jax.tree.map(lambda x: x + 1e-3, played.params)
  other = played.with_params(params, run='/before')
  with pytest.raises(parts.RecordingError, match='different: parameters'):
    record.record(other, plan, path)
  environment = dataclasses.replace(played.config.environment, fire_reset=True)
  config = dataclasses.replace(played.config, environment=environment)
  other = trained_agent.TrainedAgent(
    config, played.params, {**played.facts, 'run': '/before'}
  )
  with pytest.raises(
    parts.RecordingError, match=r'different: environment\.fire_reset'
  ):
    record.record(other, plan, path)


def test_older_recordings_are_known_by_their_run(played, tmp_path):
  plan = dataclasses.replace(PLAN, num_episodes=1)
  path = tmp_path / 'moved' / 'analyses' / 'recording'
  record.record(_of_run(played, '/before'), plan, path)
  facts = json.loads((path / 'facts.json').read_text())
  for name in ('config', 'parameters'):
    del facts[name]
  (path / 'facts.json').write_text(json.dumps(facts))
  # In the directory of the run itself, it is of this run.
  record.record(_of_run(played, tmp_path / 'moved'), plan, path)
  with pytest.raises(parts.RecordingError, match='different: run'):
    record.record(_of_run(played, tmp_path / 'other'), plan, path)


def test_recordings_that_lack_newer_facts_are_read(played, recorded, tmp_path):
  copy = tmp_path / 'copy'
  shutil.copytree(recorded.path, copy)
  facts = json.loads((copy / 'facts.json').read_text())
  assert facts['actions'] == ['left', 'stay', 'right']
  for name in ('actions', 'screen_shape', 'step_seconds'):
    del facts[name]
  (copy / 'facts.json').write_text(json.dumps(facts))
  again = record.record(played, PLAN, copy)
  assert again.frame_size == recorded.frame_size == (210, 160)
  assert len(again) == len(recorded)


def test_reading_some_rows_equals_reading_all(recorded):
  rows = np.array([29, 0, 8, 7, 8])
  np.testing.assert_array_equal(
    recorded.rows('policy_logits', rows), recorded['policy_logits'][rows]
  )


def test_replay_puts_the_network_into_the_recorded_moments(played, recorded):
  rows = [3, 12, 25]
  found = list(moments.restore(played, recorded, rows))
  assert [moment.row for moment in found] == rows
  for moment in found:
    np.testing.assert_allclose(
      moment.seen.outputs.policy_logits[0],
      recorded['policy_logits'][moment.row],
      atol=1e-5,
    )
    for index, leaf in enumerate(jax.tree.leaves(moment.state.core_state)):
      np.testing.assert_allclose(
        leaf[0], recorded[f'state/{index}'][moment.row], atol=1e-5
      )
    assert moment.action == recorded['action'][moment.row]


def test_agent_sees_the_edited_screen(played, recorded, tmp_path):
  def paint(frame, row):
    painted = frame.copy()
    if row >= 2:
      painted[:21, :32] = (255, 0, 0)
    return painted

  plan = dataclasses.replace(PLAN, num_episodes=1)
  edited = record.record(played, plan, tmp_path / 'painted', edit=paint)
  frames = edited['frame']
  assert (frames[2:, :21, :32] == (255, 0, 0)).all()
  seen = edited['observation']
  np.testing.assert_array_equal(seen[:2], recorded['observation'][:2])
  np.testing.assert_array_equal(seen[2:, 0, 0], [[255, 0, 0]] * 8)


def test_views_that_come_apart_are_noticed(monkeypatch):
  config = playing.make_agent().config.environment
  both = views.Views(config, seed=1)
  both.reset()
  both._drawn.step(np.array([1], np.int32))
  with pytest.raises(views.ViewsDifferError, match='copies of the game differ'):
    for _ in range(9):
      both.step(np.array([1], np.int32))


def test_what_another_agent_began_is_not_gone_on_with(played, tmp_path):
  path = tmp_path / 'begun'

  def fall_over(row):
    if row == 17:
      raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    record.record(played, PLAN, path, report=fall_over)
  changed = played.with_params(jax.tree.map(lambda x: -3 * x, played.params))
  # Another machine may compute something else with the same parameters.
  facts = json.loads((path / 'facts.json').read_text())
  del facts['parameters']
  (path / 'facts.json').write_text(json.dumps(facts))
  with pytest.raises(parts.RecordingError, match='by another agent or machine'):
    record.record(changed, PLAN, path)

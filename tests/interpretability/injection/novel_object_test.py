import dataclasses
import json
import math
import types as types_lib

import numpy as np
import pytest

from attn_agents import agent, types
from attn_agents.environments import registry as environments
from attn_agents.interpretability.injection import compute as injection
from attn_agents.interpretability.injection import divergence, novel_object
from attn_agents.interpretability.recordings import agent_view, record, writing
from attn_agents.interpretability.screen import cells
from configs import schema
from tests.interpretability import playing

PLAN = record.Plan(num_episodes=2, max_steps=100)
# A block that shows in rows 4 to 6 of a game.
BLOCK = injection.Injection(
  np.full((60, 50, 4), 255, np.uint8), (20.0, 70.0), (9.0, 0.0), 4, 7
)
GRID = cells.even((5, 4), (210, 160))


@pytest.fixture(scope='module')
def played():
  return playing.make_agent()


@pytest.fixture(scope='module')
def pair(played, tmp_path_factory):
  path = tmp_path_factory.mktemp('pair')
  return novel_object.record_pair(played, PLAN, BLOCK, path)


def _trace(rng, rows=6):
  maps = rng.dirichlet(np.full(20, 0.3), size=(rows, 2)).reshape(rows, 2, 5, 4)
  return divergence.Trace(
    attention=maps.astype(np.float32),
    policy_logits=rng.normal(size=(rows, 3)).astype(np.float32),
    baseline=rng.normal(size=rows).astype(np.float32),
    action=np.zeros(rows, np.int32),
  )


def _slow_js(p, q):
  total = 0.0
  for a, b in zip(p, q, strict=True):
    middle = (a + b) / 2
    total += a * math.log(a / middle) / 2 if a else 0
    total += b * math.log(b / middle) / 2 if b else 0
  return total


def _softmax(logits):
  exponents = [math.exp(x) for x in logits]
  return [x / sum(exponents) for x in exponents]


def test_distances_equal_loops():
  rng = np.random.default_rng(0)
  ours, theirs = _trace(rng), _trace(rng)
  theirs.action[3:] = 1
  found = divergence.compare(ours, theirs, np.arange(6), BLOCK, GRID)
  for n in range(6):
    for head in range(2):
      p, q = (t.attention[n, head].ravel().tolist() for t in (ours, theirs))
      distance = sum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2
      assert found.total_variation[n, head] == pytest.approx(distance)
      assert found.jensen_shannon[n, head] == pytest.approx(_slow_js(p, q))
    p, q = (_softmax(t.policy_logits[n].tolist()) for t in (ours, theirs))
    kl = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert found.policy_kl[n] == pytest.approx(kl)
    assert found.value_difference[n] == pytest.approx(
      float(ours.baseline[n]) - float(theirs.baseline[n])
    )
  assert found.first_difference == 3


def test_distances_at_their_limits():
  one, other = np.zeros((2, 1, 1, 5, 4))
  one[..., 0, 0] = other[..., 3, 2] = 1
  assert divergence.total_variation(one, other) == 1
  assert divergence.jensen_shannon(one, other) == pytest.approx(math.log(2))
  assert divergence.total_variation(one, one) == 0
  assert divergence.jensen_shannon(one, one) == 0


def test_mass_on_the_box_is_a_sum_over_its_pixels():
  rng = np.random.default_rng(0)
  ours, theirs = _trace(rng), _trace(rng)
  rows = np.array([3, 4, 5, 6, 7, 0])
  found = divergence.compare(ours, theirs, rows, BLOCK, GRID)
  np.testing.assert_array_equal(found.visible, [0, 1, 1, 1, 0, 0])
  for n, left in ((1, 20), (2, 29), (3, 38)):
    # Cells are 42 by 40 pixels.
    for mass, trace in ((found.mass, ours), (found.mass_without, theirs)):
      pixels = cells.resize(trace.attention[n], GRID, 'nearest') / (42 * 40)
      expected = pixels[:, 70:130, left : left + 50].sum(axis=(1, 2))
      np.testing.assert_allclose(mass[n], expected, rtol=1e-4)
    assert found.area[n] == pytest.approx(60 * 50 / (210 * 160))
  np.testing.assert_array_equal(found.mass[[0, 4, 5]], 0)
  summary = found.summary()
  json.dumps(summary, allow_nan=False)
  assert summary['visible_rows'] == 3
  np.testing.assert_allclose(
    summary['lift'], found.mass[1:4].mean(axis=0) * 11.2, rtol=1e-6
  )
  hidden = divergence.compare(ours, theirs, rows[:1].repeat(6), BLOCK, GRID)
  assert (
    json.loads(json.dumps(hidden.summary(), allow_nan=False))['area'] is None
  )


def test_pair_is_one_game_until_the_object_shows(played, pair):
  with_object, without = pair
  found = novel_object.paired(*pair, BLOCK, None)
  # Catch lasts ten rows; the second games are others if actions differ.
  assert found.policy_kl.shape == (10,)
  for name in ('total_variation', 'policy_kl', 'value_difference'):
    np.testing.assert_allclose(getattr(found, name)[:4], 0, atol=1e-12)
  assert (found.total_variation[4:, 1] > 5e-4).all()
  assert (np.abs(found.value_difference[4:]) > 1e-5).all()
  assert with_object.facts['injection']['position'] == [20, 70]
  np.testing.assert_array_equal(with_object['frame'][:4], without['frame'][:4])
  assert (with_object['frame'][4, 70:130, 20:70] == 255).all()
  differing = np.flatnonzero(with_object['action'] != without['action'])
  assert found.first_difference == (differing[0] if len(differing) else None)


def test_forced_rows_see_the_object_and_take_the_recorded_actions(played, pair):
  _, without = pair
  found = novel_object.teacher_forced(played, without, BLOCK)
  # Both games are compared to their ends.
  assert found.policy_kl.shape == (20,)
  np.testing.assert_array_equal(
    np.flatnonzero(found.visible), [4, 5, 6, 14, 15, 16]
  )
  for start in (0, 10):
    changed = found.total_variation[start : start + 10, 1]
    np.testing.assert_allclose(changed[:4], 0, atol=1e-6)
    # It is remembered when it has gone.
    assert (changed[4:] > 5e-4).all()


def test_forced_rows_are_an_unroll_of_edited_rows(played, pair):
  _, without = pair
  found = novel_object.teacher_forced(played, without, BLOCK)
  view = agent_view.AgentView(played.environment_spec)
  state, values = played.agent.initial_state(1), []
  for row in range(len(without)):
    frame = without['frame'][row]
    seen = view.edit(
      without['observation'][row],
      frame,
      BLOCK(frame, row % 10),
      is_first=row % 10 == 0,
    )
    timestep = types.TimeStep(
      seen[None],
      *(without[n][row : row + 1] for n in ('reward', 'discount', 'step_type')),
    )
    said = played.inspect(played.params, timestep, state)
    values.append(float(said.outputs.baseline[0]))
    state = types.AgentState(said.core_state, without['action'][row : row + 1])
  expected = values - without['baseline']
  assert np.abs(expected).max() > 1e-4
  np.testing.assert_allclose(found.value_difference, expected, atol=1e-6)


def test_agents_without_attention_have_policy_and_value_only(pair):
  _, without = pair
  found = novel_object.teacher_forced(
    playing.make_agent(resnet=True), without, BLOCK
  )
  assert found.mass.shape == found.total_variation.shape == (20, 0)
  np.testing.assert_array_equal(found.policy_kl > 1e-9, found.visible)
  assert found.summary()['visible_rows'] == 6


def test_object_that_never_shows_changes_nothing(played, pair):
  _, without = pair
  away = dataclasses.replace(BLOCK, position=(500.0, 0.0))
  found = novel_object.teacher_forced(played, without, away)
  assert found.first_difference is None
  np.testing.assert_allclose(found.value_difference, 0, atol=1e-6)
  np.testing.assert_array_equal(found.area, 0)


def test_stacked_frames_of_a_new_game_all_show_the_object(tmp_path):
  writer = writing.Writer(tmp_path, {})
  for game, row in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)):
    writer.append(
      {
        'observation': np.zeros((33, 26, 2), np.uint8),
        'frame': np.zeros((210, 160, 3), np.uint8),
        'reward': np.float32(0),
        'discount': np.float32(1),
        'step_type': np.int8(min(row, 1)),
        'action': np.int32(0),
        'game': np.int32(game),
        'row': np.int32(row),
      }
    )

  def inspect(params, timestep, state):
    # The value is how bright the older of the two frames is.
    value = timestep.observation[..., 0].mean(axis=(1, 2))
    outputs = types.NetworkOutput(np.zeros((2, 3)), value)
    return agent.Inspection(outputs, state.core_state, {})

  played = types_lib.SimpleNamespace(
    environment_spec=environments.spec(
      schema.EnvironmentConfig(
        height=33, width=26, grayscale=True, frame_stack=2
      )
    ),
    params=None,
    agent=types_lib.SimpleNamespace(
      initial_state=lambda batch: types.AgentState((), np.zeros(batch))
    ),
    inspect=inspect,
  )
  early = dataclasses.replace(BLOCK, start_row=0, until_row=1)
  found = novel_object.teacher_forced(played, writer.end(2), early)
  bright = 255 * 60 * 50 / (210 * 160)
  np.testing.assert_allclose(
    found.value_difference, [bright, bright, 0] * 2, rtol=0.02
  )

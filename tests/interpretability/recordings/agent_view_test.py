import numpy as np
import pytest

from attn_agents.environments import registry as environments
from attn_agents.interpretability.recordings import agent_view
from configs import schema
from tests.environments import resizing


def _view(**fields):
  config = schema.EnvironmentConfig(
    **({'height': 84, 'width': 84, 'grayscale': True} | fields)
  )
  return agent_view.AgentView(environments.spec(config))


def _frames(count):
  rng = np.random.default_rng(0)
  return rng.integers(0, 256, (count, 210, 160, 3), dtype=np.uint8)


@pytest.mark.parametrize(('size', 'target'), [(210, 84), (160, 84), (7, 7)])
def test_area_weights_equal_loops(size, target):
  np.testing.assert_allclose(
    agent_view.area_weights(size, target),
    resizing.area_weights(size, target),
    atol=1e-12,
  )


def test_edit_changes_an_observation_as_the_screens_do():
  frame, edited = _frames(2)
  seen = np.full((84, 84, 1), 100, np.uint8)

  def shrink(screen):
    grey = np.rint(screen.astype(float) @ np.array([0.299, 0.587, 0.114]))
    rows = resizing.area_weights(210, 84)
    return np.rint(rows @ grey @ resizing.area_weights(160, 84).T)

  view = _view()
  result = view.edit(seen, frame, edited, is_first=True)
  expected = np.clip(100 + shrink(edited) - shrink(frame), 0, 255)
  np.testing.assert_array_equal(result[..., 0], expected)


def test_colour_at_full_size_becomes_the_edited_screen():
  frame, edited = _frames(2)
  view = _view(height=210, width=160, grayscale=False)
  np.testing.assert_array_equal(
    view.edit(frame, frame, edited, is_first=True), edited
  )


def test_stacked_frames_keep_the_edit_they_were_seen_with():
  frame = np.zeros((210, 160, 3), np.uint8)
  view = _view(frame_stack=3)
  seen = np.zeros((84, 84, 3), np.uint8)
  levels = []
  for level, is_first in [(10, True), (20, False), (30, False), (5, True)]:
    edited = np.full_like(frame, level)
    result = view.edit(seen, frame, edited, is_first)
    assert len(np.unique(result.reshape(-1, 3), axis=0)) == 1
    levels.append(result[0, 0].tolist())
  assert levels == [[10, 10, 10], [10, 10, 20], [10, 20, 30], [5, 5, 5]]

import numpy as np
import pytest

from attn_agents import types
from attn_agents.interpretability.saliency import compute as saliency
from attn_agents.interpretability.screen import perturbation
from tests.interpretability import playing, synthetic

OPTIONS = saliency.Sizes(mask_sigma=4.0, blur_sigma=1.5, stride=11)


def _blur(pixels, sigma):
  """[h, w, c] blurred in space, mirrored at the edges with the edge twice."""
  radius = int(4 * sigma + 0.5)
  weights = np.exp(-0.5 * np.square(np.arange(-radius, radius + 1) / sigma))
  weights /= weights.sum()
  for axis in range(2):
    pad = [(radius, radius) if a == axis else (0, 0) for a in range(3)]
    wide = np.pad(pixels, pad, mode='symmetric')
    pixels = sum(
      weight * np.take(wide, np.arange(pixels.shape[axis]) + i, axis)
      for i, weight in enumerate(weights)
    )
  return pixels


def _softmax(logits):
  return np.exp(logits) / np.exp(logits).sum()


def _slow_map(played, recorded, row, options):
  """Policy and value saliency, one position at a time, by the definition."""
  state = played.agent.initial_state(1)
  arrays = {
    name: recorded[name]
    for name in ('observation', 'reward', 'discount', 'step_type', 'action')
  }

  def timestep(index, observation):
    rest = (arrays[n][index][None] for n in ('reward', 'discount', 'step_type'))
    return types.TimeStep(observation[None], *rest)

  for before in range(row):
    seen = played.inspect(
      played.params, timestep(before, arrays['observation'][before]), state
    )
    state = types.AgentState(
      seen.core_state, arrays['action'][before][None].astype(np.int32)
    )
  pixels = arrays['observation'][row] / 255.0
  blurred = _blur(pixels, options.blur_sigma)

  def outputs(mask):
    shown = pixels * (1 - mask) + blurred * mask
    seen = played.inspect(
      played.params, timestep(row, shown.astype(np.float32)), state
    )
    logits = np.asarray(seen.outputs.policy_logits[0], np.float64)
    return _softmax(logits), float(seen.outputs.baseline[0])

  height, width = pixels.shape[:2]
  policy, value = outputs(np.zeros((height, width, 1)))
  maps = []
  for y in range(0, height, options.stride):
    for x in range(0, width, options.stride):
      mask = np.zeros((height, width, 1))
      for i in range(height):
        for j in range(width):
          distance = (i - y) ** 2 + (j - x) ** 2
          mask[i, j] = np.exp(-distance / (2 * options.mask_sigma**2))
      changed_policy, changed_value = outputs(mask)
      maps.append(
        (
          0.5 * np.sum((changed_policy - policy) ** 2),
          0.5 * (changed_value - value) ** 2,
        )
      )
  return np.array(maps).T


def test_is_the_one_at_a_time_form_with_recurrent_state_held(
  tmp_path, monkeypatch
):
  # 3 x 3 places and the unperturbed one: calls of 4, 4 and 2 observations.
  monkeypatch.setattr(perturbation, 'MAX_BATCH', 4)
  played = playing.make_agent(resnet=True, lstm_size=8, convolution='lax')
  rng = np.random.default_rng(0)
  seen = rng.integers(0, 256, (4, *playing.OBSERVATION_SHAPE), dtype=np.uint8)
  recorded = synthetic.record(tmp_path / 'r', seen)
  (found,) = saliency.saliency_maps(played, recorded, [3], OPTIONS)
  slow = _slow_map(played, recorded, 3, OPTIONS)
  assert found.row == 3
  for fast, expected in zip((found.policy, found.value), slow, strict=True):
    assert fast.shape == (3, 3)
    # Far above rounding, whose square is 1e-14.
    assert expected.max() > 1e-7
    np.testing.assert_allclose(
      fast.ravel(), expected, rtol=1e-2, atol=1e-3 * expected.max()
    )


def test_finds_the_patches_that_policy_and_value_depend_on():
  played = synthetic.make_agent()
  seen = synthetic.moment(synthetic.observations(1)[0])
  maker = saliency.Saliency(played)
  # 16 x 14 places and one, in two calls.
  found = maker.at(played.params, seen)
  images = found.images(synthetic.SIZE)
  cells = found.on_cells(synthetic.CELLS)
  for which, cell in enumerate((synthetic.POLICY_CELL, synthetic.VALUE_CELL)):
    rows, columns = np.indices(synthetic.SIZE)
    # In cells of 8 pixels, from the middle of the patch.
    far = np.maximum(
      np.abs((rows + 0.5) / 8 - cell[0] - 0.5),
      np.abs((columns + 0.5) / 8 - cell[1] - 0.5),
    )
    image = images[which]
    assert far.flat[np.argmax(image)] < 0.5
    assert image[far < 1.25].sum() > 0.9 * image.sum()
    assert np.unravel_index(np.argmax(cells[which]), synthetic.CELLS) == cell


def test_sizes_follow_the_observation():
  assert saliency.default_sizes(80) == saliency.Sizes(5.0, 3.0, 5)
  assert saliency.default_sizes(160) == saliency.Sizes(10.0, 6.0, 5)
  assert saliency.default_sizes(20).stride == 1
  with pytest.raises(ValueError, match='positive'):
    saliency.Sizes(5.0, 0.0, 5)

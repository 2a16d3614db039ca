import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from attn_agents import types
from attn_agents.interpretability.grad_cam import compute as grad_cam
from tests.interpretability import playing, synthetic


class _Linear(nn.Module):
  """Its last maps are the observation's channels, its logits linear in them."""

  @nn.nowrap
  def initial_state(self, batch_size):
    del batch_size
    return ()

  @nn.compact
  def __call__(self, inputs, core_state):
    maps = inputs.observation / 255.0
    if not self.is_initializing():
      maps = self.perturb('last_map', maps)
    self.sow('intermediates', 'last_map', maps)
    flat = jnp.reshape(maps, (*maps.shape[:2], -1))
    logits = nn.Dense(3, name='policy')(flat)
    return types.NetworkOutput(logits, logits[..., 0]), core_state


def test_is_the_paper_s_formula_where_gradients_are_the_weights():
  played = synthetic.make_agent(_Linear(), size=(3, 4))
  rng = np.random.default_rng(0)
  observation = rng.integers(0, 256, (3, 4, 3), dtype=np.uint8)
  maker = grad_cam.GradCam(played)
  for action in range(3):
    found = maker.at(played.params, synthetic.moment(observation), action)
    slopes = played.params['policy']['kernel'].reshape(3, 4, 3, 3)[..., action]
    expected = np.zeros((3, 4))
    for k in range(3):
      alpha = sum(slopes[i, j, k] for i in range(3) for j in range(4)) / 12
      np.testing.assert_allclose(found.weights[k], alpha, rtol=1e-5)
      expected += alpha * observation[..., k] / 255.0
    # Both kinds of cells, so that the ReLU is seen to act.
    assert expected.min() < 0 or action
    np.testing.assert_allclose(
      found.cells, np.maximum(expected, 0), rtol=1e-5, atol=1e-7
    )
    assert found.action == action


def test_image_shows_a_hand_built_map_where_it_is():
  cells = np.zeros((3, 4), np.float32)
  cells[2, 1] = 6.0
  made = grad_cam.GradCamMap(0, 0, np.ones(1, np.float32), cells)
  image = made.image((30, 60))
  # The cell's own pixels are 20..29 and 15..29; its middle is at 24.5 and 22.
  np.testing.assert_allclose(image[24:, 22], [5.7] + [6.0] * 5)
  assert image[25:, 22].min() > image[25:, [21, 23]].max()
  assert np.all(image[:15] == 0) and np.all(image[:, 38:] == 0)


@pytest.mark.parametrize('attention', ['none', 'residual'])
def test_weights_are_finite_differences_of_the_logit(attention):
  played = playing.make_agent(resnet=True, attention=attention)
  rng = np.random.default_rng(0)
  seen = synthetic.moment(
    rng.integers(0, 256, playing.OBSERVATION_SHAPE, dtype=np.uint8), action=2
  )
  found = grad_cam.GradCam(played).at(played.params, seen)
  inspect = jax.jit(played.agent.inspect)

  def outputs(added):
    return inspect(
      played.params, seen.timestep, seen.state, {'last_map': added}
    )

  height, width, channels = (*found.cells.shape, len(found.weights))
  step, maps = 1e-2, None
  for k in range(channels):
    one = np.zeros((1, 1, height, width, channels), np.float32)
    one[..., k] = step
    up, down = outputs(one), outputs(-one)
    slope = up.outputs.policy_logits[0, 2] - down.outputs.policy_logits[0, 2]
    # Adding to all cells at once sums their gradients.
    expected = slope / (2 * step) / (height * width)
    np.testing.assert_allclose(found.weights[k], expected, rtol=0.02, atol=1e-5)
    maps = up.intermediates['last_map'][0] - one[0, 0]
  np.testing.assert_allclose(
    found.cells, np.maximum(maps @ found.weights, 0), rtol=1e-4, atol=1e-6
  )


def test_does_not_apply_to_other_networks():
  with pytest.raises(ValueError, match='does not apply'):
    grad_cam.GradCam(playing.make_agent())

import numpy as np
import pytest
import scipy.ndimage

from attn_agents.interpretability.saliency import compute as saliency
from attn_agents.interpretability.trust import deletion
from tests.interpretability import synthetic

_CELLS = 30
_NAMES = ('policy head', 'value head')


@pytest.fixture(scope='module')
def played():
  return synthetic.make_agent()


@pytest.fixture(scope='module')
def seen():
  return synthetic.moment(synthetic.observations(1)[0])


@pytest.fixture(scope='module')
def curves(played, seen):
  heads = played.inspect(played.params, seen.timestep, seen.state)
  attention = heads.intermediates['attention'][0]
  maker = deletion.Deletion(
    played, synthetic.CELLS, 2, num_points=_CELLS + 1, num_draws=40
  )
  return maker.at(
    played.params, seen, dict(zip(_NAMES, np.asarray(attention), strict=True))
  )


def _far(played, seen):
  """Distances of policy and value where all of the patch is blurred."""
  sigma = saliency.default_sizes(synthetic.SIZE[1]).blur_sigma
  pixels = seen.timestep.observation[0] / 255.0
  blurred = scipy.ndimage.gaussian_filter(pixels, (sigma, sigma, 0))
  sharp, dull = (
    played.inspect(
      played.params,
      seen.timestep._replace(observation=x[None].astype(np.float32)),
      seen.state,
    ).outputs
    for x in (pixels, blurred)
  )
  policies = []
  for outputs in (sharp, dull):
    exponents = np.exp(np.asarray(outputs.policy_logits[0], np.float64))
    policies.append(exponents / exponents.sum())
  # Total variation is the largest difference of an event's probability; there
  # are 2^3 events.
  events = np.array(list(np.ndindex(2, 2, 2)))
  variation = np.max(events @ (policies[1] - policies[0]))
  return variation, abs(float(dull.baseline[0] - sharp.baseline[0]))


def test_the_patch_is_deleted_and_inserted_first(played, seen, curves):
  assert curves.names == _NAMES
  np.testing.assert_allclose(curves.fractions, np.arange(31) / 30)
  for output, far in enumerate(_far(played, seen)):
    assert far > 0.1
    # Nothing deleted changes nothing, any more changes as much as all.
    steps = far * (np.arange(31) >= 1)
    deleted, inserted = curves.ordered[:, output, output]
    np.testing.assert_allclose(deleted, steps, atol=1e-5)
    np.testing.assert_allclose(inserted, far - steps, atol=1e-5)
    # The trapezoids of these.
    areas = curves.areas[:, output, output]
    np.testing.assert_allclose(areas, far * np.array([59, 1]) / 60, atol=1e-5)
    # The head that sees the other patch first sees this one second or later.
    other = curves.ordered[0, output, 1 - output]
    assert other[1] < 1e-5


def test_random_orders_find_it_half_way_on_average(played, seen, curves):
  for output, far in enumerate(_far(played, seen)):
    areas = curves.random_areas[:, output]
    # 1 / 2 of all with a standard deviation of 0.29 / sqrt(40).
    np.testing.assert_allclose(areas.mean(axis=1), far / 2, atol=0.14 * far)
    np.testing.assert_allclose(areas.sum(axis=0), far, atol=1e-5)
    assert np.unique(areas[0].round(4)).size > 10


def test_what_is_asked_has_to_be_what_was_announced(played, seen):
  maker = deletion.Deletion(played, synthetic.CELLS, 1)
  for maps in (
    {'a': np.ones((6, 5))},
    {'a': np.ones((5, 6)), 'b': np.ones((5, 6))},
  ):
    with pytest.raises(ValueError, match='expected 1 maps'):
      maker.at(played.params, seen, maps)

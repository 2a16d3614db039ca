import numpy as np
import pytest
import scipy.ndimage

from attn_agents.interpretability.saliency import compute as saliency
from attn_agents.interpretability.screen import perturbation
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


def _without_a_network(monkeypatch, **options):
  """A maker whose policy and value are told by the mask alone."""
  sizes = []

  class Perturber:
    """Its policy is the share that is blurred, its value the first pixel."""

    def __init__(self, played, blur_sigma, num_masks):
      sizes.append((blur_sigma, num_masks))

    def responses(self, params, moment, masks):
      masks = np.stack([np.zeros(synthetic.SIZE), *masks])
      share = masks.mean(axis=(1, 2))
      said = perturbation.Responses(
        np.stack([share, 1 - share], axis=1), 3 * masks[:, 0, 0]
      )
      before, after = (
        perturbation.Responses(*(x[some] for x in said))
        for some in (slice(0, 1), slice(1, None))
      )
      return before, after

  monkeypatch.setattr(deletion.perturbation, 'Perturber', Perturber)
  maker = deletion.Deletion(
    synthetic.make_agent(), synthetic.CELLS, 1, **options
  )
  return maker, sizes[0]


def _at(maker, row=0, first=1.0):
  values = np.zeros(synthetic.CELLS)
  values[0, 0] = first
  return maker.at(
    None, synthetic.moment(np.zeros(1))._replace(row=row), {'a': values}
  )


def test_curves_have_steps_of_five_percent_and_five_random_orders(monkeypatch):
  maker, (blur, masks) = _without_a_network(monkeypatch)
  found = _at(maker)
  # Of 30 cells, whole ones.
  np.testing.assert_allclose(found.fractions, np.arange(21) / 20, atol=1 / 60)
  assert found.ordered.shape == (2, 2, 1, 21)
  assert found.random.shape == (2, 2, 5, 21)
  # Deletion and insertion of a map and five orders, 21 points each.
  assert masks == 2 * 6 * 21
  # That of saliency, 3 of 80 columns.
  assert blur == pytest.approx(3 * 48 / 80)
  assert _without_a_network(monkeypatch, blur_sigma=2.0)[1][0] == 2.0
  # The share that is blurred is the total variation, whatever the order.
  deleted, inserted = found.ordered[:, 0, 0]
  np.testing.assert_allclose(deleted, found.fractions, atol=1e-6)
  np.testing.assert_allclose(inserted, 1 - found.fractions, atol=1e-6)
  # The value changes with the first cell, which goes first or last.
  step = np.arange(21) >= 1
  np.testing.assert_allclose(found.ordered[:, 1, 0], [3 * step, 3 - 3 * step])
  last = _at(maker, first=-1.0).ordered[0, 1, 0]
  np.testing.assert_allclose(last, 3 * (np.arange(21) == 20))


def test_random_orders_depend_on_seed_and_row(monkeypatch):
  maker, _ = _without_a_network(monkeypatch)
  other, _ = _without_a_network(monkeypatch, seed=1)
  orders = [
    each.random[0, 1].tobytes()
    for each in (_at(maker), _at(maker), _at(maker, row=1), _at(other))
  ]
  assert orders[0] == orders[1] and len(set(orders)) == 3

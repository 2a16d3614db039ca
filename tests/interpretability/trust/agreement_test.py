import numpy as np
import scipy.stats

from attn_agents.interpretability.saliency import compute as saliency
from attn_agents.interpretability.trust import agreement


def test_correlations_are_scipys_with_ties_of_all_pairs():
  rng = np.random.default_rng(0)
  # Few values, so that many are equal.
  first, second = rng.integers(0, 4, (3, 4, 5)), rng.integers(0, 9, (2, 4, 5))
  found = agreement.spearman(first, second)
  for i in range(3):
    for j in range(2):
      expected = scipy.stats.spearmanr(first[i].ravel(), second[j].ravel())
      np.testing.assert_allclose(found[i, j], expected.statistic)
  assert np.all(
    np.isnan(agreement.spearman(np.ones((1, 2, 2)), second[:, :2, :2]))
  )


def test_pictures_are_compared_with_their_own_moment_and_with_others():
  rng = np.random.default_rng(0)
  references = rng.normal(size=(5, 6, 6))
  pictures = references + 0.3 * rng.normal(size=references.shape)
  pictures[4] = 1.0
  found = agreement.agreement(pictures, references)
  for i in range(5):
    pairs = [
      scipy.stats.spearmanr(pictures[j].ravel(), references[i].ravel())[0]
      for j in range(4)
    ]
    others = [pair for j, pair in enumerate(pairs) if j != i]
    np.testing.assert_allclose(found.others[i], np.mean(others))
    if i < 4:
      np.testing.assert_allclose(found.same[i], pairs[i])
  # The last picture has no order.
  assert np.isnan(found.same[4])
  assert found.same[:4].min() > 0.8 > 0.5 > np.abs(found.others).max()
  assert np.isnan(agreement.agreement(pictures[:1], references[:1]).others[0])


def test_heads_are_told_apart_by_what_they_follow():
  # A head that sees what the policy hangs on, and one for the value, on cells
  # of 4 x 4 pixels; saliency at every second pixel.
  rng = np.random.default_rng(0)
  places = rng.uniform(0, 1, (2, 6, 2))
  rows, columns = (
    (np.arange(0, 24, 2) + 0.5) / 24,
    (np.arange(0, 32, 2) + 0.5) / 32,
  )

  def bump(place, rows, columns):
    distance = (rows[:, None] - place[0]) ** 2 + (columns - place[1]) ** 2
    return np.exp(-distance / 0.08)

  cells = (np.arange(6) + 0.5) / 6, (np.arange(8) + 0.5) / 8
  attention = np.stack(
    [[bump(places[head, n], *cells) for head in range(2)] for n in range(6)]
  )
  maps = [
    saliency.SaliencyMap(
      n,
      bump(places[0, n], rows, columns),
      bump(places[1, n], rows, columns),
      rows,
      columns,
      (24, 32),
    )
    for n in range(6)
  ]
  found = agreement.with_saliency(attention, maps)
  for output, head in (('policy', 0), ('value', 1)):
    both = found[output]
    assert len(both) == 3
    assert both[head].same.min() > 0.95
    assert both[head].same.mean() - both[head].others.mean() > 0.3
    assert both[1 - head].same.mean() < 0.5
    assert both[1 - head].same.mean() < both[2].same.mean() < 0.95

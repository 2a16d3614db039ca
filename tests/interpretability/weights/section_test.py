"""The section on weights shows one moment and the mean."""

import numpy as np

from attn_agents.interpretability.weights import section
from tests.interpretability import given


def test_a_late_moment_and_the_mean_are_shown_over_its_frame(monkeypatch):
  drawn = []
  monkeypatch.setattr(
    section.figure, 'draw', lambda *x: drawn.append(x) or len(drawn)
  )
  attention = np.random.default_rng(0).dirichlet(np.ones(4), (5, 2))
  attention = attention.reshape(5, 2, 2, 2)
  found = section.run(given.make(given.Recorded(5, attention=attention)))
  # The last of the three rows 0, 2 and 3; at the fifth nothing is played.
  (frame, moment), (same_frame, mean) = drawn
  assert (frame == 3).all() and (same_frame == 3).all()
  np.testing.assert_array_equal(moment, attention[3])
  np.testing.assert_allclose(mean, attention.mean(axis=0))
  assert found.figures == {'moment': 1, 'mean': 2}
  assert found.captions['moment'] == 'Attention weights at step 3.'
  assert found.captions['mean'].endswith('that of step 3.')
  assert '1 to 4.' in found.how_to_read
  (line,) = found.timelines
  assert line.labels == ['head 1', 'head 2']
  np.testing.assert_array_equal(line.values, found.arrays['entropy'])
  assert line.values.shape == (5, 2)
  np.testing.assert_array_equal(found.arrays['mean_map'], mean)
  assert found.numbers['cells'] == 4
  assert [row[0] for row in found.tables[0].rows] == [1, 2]

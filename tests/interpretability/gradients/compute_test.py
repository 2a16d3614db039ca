import numpy as np
import pytest

from attn_agents import types
from attn_agents.interpretability.gradients import compute as gradients
from attn_agents.interpretability.recordings import recording
from tests.interpretability import synthetic

# Of 8 x 8 pixels of 3 channels; d score / d pixel is one 192th, up to sign.
_PATCH = 8 * 8 * 3


@pytest.mark.parametrize('output', gradients.OUTPUTS)
def test_gradients_are_those_of_the_closed_form(output):
  played = synthetic.make_agent()
  params = {'policy': np.float32(0.5)}
  observation = synthetic.observations(1)[0]
  maker = gradients.PixelGradients(played, output)
  # The score of a checkerboard is half of its contrast.
  odds = np.exp(4.0 * 0.5 * 0.5)
  first = odds / (odds + 2)
  slopes = {
    'logit': (4.0 * 0.5, 0.0),
    'probability': (
      4.0 * 0.5 * first * (1 - first),
      -4.0 * 0.5 * first / (odds + 2),
    ),
  }[output]
  for action, slope in enumerate(slopes):
    found = maker.at(params, synthetic.moment(observation, action=action))
    board = observation[synthetic.patch(synthetic.POLICY_CELL)] / 127.5 - 1.0
    expected = np.zeros(found.shape)
    expected[synthetic.patch(synthetic.POLICY_CELL)] = slope * board / _PATCH
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-9)


def test_histogram_counts_all_gradients_of_the_rows_with_an_action(tmp_path):
  played = synthetic.make_agent().with_params({'policy': np.float32(0.5)})
  seen = synthetic.observations(6)
  # An even screen has no contrast.
  seen[3] = 100
  path = tmp_path / 'r'
  recorded = synthetic.record(path, seen)
  arrays = dict(np.load(path / 'rows_0.npz'))
  arrays['step_type'][4] = types.StepType.LAST
  arrays['action'][:] = [0, 0, 1, 0, 0, 2]
  np.savez(path / 'rows_0.npz', **arrays)
  found = gradients.histogram(
    played, recording.Recording(path), first_row=1, num_rows=4
  )
  np.testing.assert_array_equal(found.rows, [1, 2, 3])
  # Where the score s is 0.5 and 0, with odds exp(2 s) to 1 to 1: absolute
  # gradients of pi are 0.00253, 0.00146 and 0.00231 in the patch, 0 elsewhere.
  slopes = []
  for score, action in ((0.5, 0), (0.5, 1), (0.0, 0)):
    odds = np.exp(2 * score)
    chosen = (1 - odds / (odds + 2)) if action == 0 else 1 / (odds + 2)
    slopes.append(2 * odds / (odds + 2) * chosen / _PATCH)
  assert all(1e-3 < slope < 1e-2 for slope in slopes)
  total = 3 * seen[0].size
  np.testing.assert_array_equal(
    found.counts, [total - 3 * _PATCH, 0, 3 * _PATCH, 0, 0]
  )
  np.testing.assert_allclose(found.percent[2], 300 * _PATCH / total)
  with pytest.raises(ValueError, match='no action'):
    gradients.histogram(played, recording.Recording(path), 4, 1)
  with pytest.raises(ValueError, match='must be one of'):
    gradients.histogram(played, recorded, 0, 1, output='value')


def test_intervals_begin_with_their_lower_edge():
  # What the paper's text names has to be readable from the intervals.
  assert {0.001, 0.01, 0.02} <= set(gradients.EDGES)
  counts, _ = np.histogram(
    [0.0, 1e-3, 0.0099, 0.01, 0.02, 7.0], gradients.EDGES
  )
  np.testing.assert_array_equal(counts, [1, 0, 2, 1, 2])

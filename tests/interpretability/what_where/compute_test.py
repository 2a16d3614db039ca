import json

import numpy as np
import pytest

from attn_agents.interpretability.recordings import record, writing
from attn_agents.interpretability.what_where import compute as what_where
from attn_agents.networks.layers import spatial_basis
from tests.interpretability import playing

_N, _HEADS, _HEIGHT, _WIDTH, _KEYS = 2, 3, 5, 4, 6


@pytest.fixture(name='problem')
def _problem():
  rng = np.random.default_rng(0)
  queries = rng.normal(size=(_N, _HEADS, _KEYS + 64)).astype(np.float32)
  keys = rng.normal(size=(_N, _HEIGHT, _WIDTH, _KEYS)).astype(np.float32)
  basis = spatial_basis.spatial_basis(_HEIGHT, _WIDTH, 'one_to_four')
  logits = rng.normal(size=(_N, _HEADS, _HEIGHT, _WIDTH))
  weights = np.exp(logits)
  return queries, keys, weights / weights.sum(axis=(2, 3), keepdims=True), basis


def test_equations_8_to_11_equal_loops(problem):
  queries, keys, attention, basis = problem
  found = what_where.what_where(*problem)
  clipped = 0
  for n, q, i, j in np.ndindex(_N, _HEADS, _HEIGHT, _WIDTH):
    what = sum(queries[n, q, h] * keys[n, i, j, h] for h in range(_KEYS))
    where = sum(queries[n, q, h + _KEYS] * basis[i, j, h] for h in range(64))
    difference = what - where
    if abs(difference) > np.log(10):
      difference = np.log(10) * np.sign(difference)
      clipped += 1
    at = (n, q, i, j)
    assert found.what[at] == pytest.approx(what, abs=1e-4)
    assert found.where[at] == pytest.approx(where, abs=1e-4)
    assert found.difference[at] == pytest.approx(difference, abs=1e-4)
    assert found.contribution[at] == pytest.approx(
      difference * attention[at], abs=1e-4
    )
  assert 10 < clipped < 110
  np.testing.assert_allclose(
    found.balance, found.contribution.sum(axis=(2, 3)) / np.log(10), rtol=1e-5
  )


def test_a_query_for_content_is_red_and_one_for_a_place_is_blue(problem):
  _, keys, attention, basis = problem
  # Head 0 asks for what only the content has, head 1 for what only the basis
  # has (made positive everywhere by asking along its own features), head 2 for
  # both alike.
  keys = np.abs(keys) + 3
  queries = np.zeros((_N, 3, _KEYS + 64), np.float32)
  queries[:, 0, :_KEYS] = 1
  flat = basis.reshape(-1, 64)
  place = np.linalg.lstsq(flat, np.full(len(flat), 20.0), rcond=None)[0]
  queries[:, 1, _KEYS:] = place
  queries[:, 2, 0] = 1
  keys[..., 0] = 20
  queries[:, 2, _KEYS:] = place
  found = what_where.what_where(queries, keys, attention, basis)
  np.testing.assert_array_equal(found.where[:, 0], 0)
  np.testing.assert_array_equal(found.what[:, 1], 0)
  assert (found.contribution[:, 0] > 0).all()
  assert (found.contribution[:, 1] < 0).all()
  np.testing.assert_allclose(found.balance[:, 0], 1, rtol=1e-5)
  np.testing.assert_allclose(found.balance[:, 1], -1, rtol=1e-5)
  np.testing.assert_allclose(found.balance[:, 2], 0, atol=1e-4)
  summary = found.summary()
  json.dumps(summary, allow_nan=False)
  assert summary['what_rows'] == [1, 0, 0]
  assert summary['where_rows'] == [0, 1, 0]


def test_parts_add_up_to_the_recorded_attention(tmp_path):
  played = playing.make_agent(basis='even_zero')
  recorded = record.record(
    played, record.Plan(num_episodes=2, max_steps=100), tmp_path / 'r'
  )
  found = what_where.of_recording(recorded)
  logits = (found.what + found.where).astype(np.float64)
  weights = np.exp(logits - logits.max(axis=(2, 3), keepdims=True))
  weights /= weights.sum(axis=(2, 3), keepdims=True)
  np.testing.assert_allclose(weights, recorded['attention'], atol=1e-5)
  # They differ from cell to cell, or any softmax would do.
  assert np.ptp(found.what, axis=(2, 3)).min() > 0.01
  assert recorded['attention'].max() > 2 / 20


def test_agents_without_queries_are_refused(tmp_path):
  writer = writing.Writer(tmp_path, {'agent': 's3ta_l2_keys'})
  writer.append(
    {
      'reward': np.float32(0),
      'action': np.int32(0),
      'step_type': np.int8(1),
      'observation': np.zeros((4, 4, 1), np.uint8),
      'frame': np.zeros((4, 4, 3), np.uint8),
      'attention': np.ones((1, 1, 1)),
    }
  )
  recorded = writer.end(0)
  with pytest.raises(ValueError, match='s3ta_l2_keys has none'):
    what_where.of_recording(recorded)


def test_queries_of_another_size_are_refused(problem):
  queries, *others = problem
  with pytest.raises(ValueError, match='69 channels'):
    what_where.what_where(queries[..., 1:], *others)

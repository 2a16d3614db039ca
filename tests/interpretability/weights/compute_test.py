import json
import math

import numpy as np
import pytest

from attn_agents.interpretability.weights import compute as attention_maps


def _maps(rows=50, heads=3, height=7, width=5):
  rng = np.random.default_rng(0)
  logits = 3 * rng.normal(size=(rows, heads, height * width))
  maps = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
  return maps.reshape(rows, heads, height, width).astype(np.float32)


def test_entropy_equals_a_loop():
  maps = _maps(rows=4)
  entropy = attention_maps.entropy(maps)
  for n in range(4):
    for head in range(3):
      expected = -sum(
        float(a) * math.log(float(a)) for a in maps[n, head].flat if a > 0
      )
      assert entropy[n, head] == pytest.approx(expected)


def test_entropy_of_k_equal_cells_is_log_k():
  maps = np.zeros((3, 4, 4))
  for index, count in enumerate((1, 5, 16)):
    maps[index].flat[:count] = 1 / count
  np.testing.assert_allclose(
    attention_maps.effective_cells(maps), [1, 5, 16], rtol=1e-12
  )
  assert not np.signbit(attention_maps.entropy(maps)).any()


def test_summary_tells_a_peaked_from_a_wandering_and_a_diffuse_head():
  maps = np.zeros((20, 3, 4, 5), np.float32)
  maps[:, 0, 1, 1] = 1
  maps[np.arange(20), 1, np.arange(20) // 5, np.arange(20) % 5] = 1
  maps[:, 2] = 1 / 20
  summary = attention_maps.distribution(maps).summary()
  json.dumps(summary, allow_nan=False)
  assert summary['cells'] == 20
  np.testing.assert_allclose(summary['effective_cells_mean'], [1, 1, 20])
  np.testing.assert_allclose(summary['cells_of_mean'], [1, 20, 20])
  np.testing.assert_allclose(summary['largest_mean'], [1, 1, 0.05])


def test_quantiles_are_over_rows_of_a_head():
  maps = _maps()
  found = attention_maps.distribution(maps)
  summary = found.summary()
  for head in range(3):
    ordered = np.sort(attention_maps.entropy(maps[:, head]))
    # 49 gaps between 50 rows; the median is in the middle of one.
    median = (ordered[24] + ordered[25]) / 2
    assert summary['entropy_quantiles']['0.5'][head] == pytest.approx(median)
    assert summary['entropy_quantiles']['0.05'][head] < np.quantile(
      ordered, 0.1
    )
    assert summary['entropy_mean'][head] == pytest.approx(ordered.mean())
  np.testing.assert_allclose(found.mean_map, sum(maps) / 50, rtol=1e-5)

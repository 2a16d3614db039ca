"""Costs of agents against sums over their layers, by hand."""

import pytest

from attn_agents.diagnostics import agents as costs
from configs import agents


def _inner(size, kernel, stride=1):
  """Taps that are not padding, of a SAME convolution along one axis."""
  out = -(-size // stride)
  pad = max((out - 1) * stride + kernel - size, 0) // 2
  return sum(
    1
    for i in range(out)
    for k in range(kernel)
    if 0 <= i * stride + k - pad < size
  )


def _conv(height, width, channels, features, kernel=3, stride=1):
  taps = _inner(height, kernel, stride) * _inner(width, kernel, stride)
  return taps * channels * features


def test_s3ta():
  """Spec A1: 510.4 M multiply-adds, padding counted."""
  found = costs.cost(agents.make('s3ta', 'paper'))
  assert found.observation == (210, 160, 3)
  assert found.num_params == 2_287_123
  # 2 x 27 x 20 x 128 + 2 x 256 floats.
  assert found.state_bytes == 4 * (2 * 27 * 20 * 128 + 2 * 256)
  adds = (
    _conv(210, 160, 3, 32, 8, 4)
    + _conv(53, 40, 32, 64, 4, 2)
    + _conv(27, 20, 64, 512)
    + _conv(27, 20, 128, 512)
    + 4 * 540 * (72 + 184)
    + 256 * 256
    + 256 * 128
    + 128 * 288
    + (1025 + 18) * 512
    + 512 * 256
    + 512 * 1024
    + 256 * 128
    + 128 * 19
  )
  assert 0.93 < 2 * adds / (2 * 510.4e6) < 0.97
  # Biases, activations and the softmax come on top.
  assert found.flops_per_step == pytest.approx(2 * adds, rel=0.01)


def test_impala():
  found = costs.cost(agents.make('impala_ff', 'paper'))
  assert found.observation == (84, 84, 4)
  assert found.num_params == 1_089_232 + 257 * 18 + 257
  assert found.state_bytes == 0
  adds, size, channels = 0, 84, 4
  for features in (16, 32, 32):
    adds += _conv(size, size, channels, features)
    size, channels = -(-size // 2), features
    adds += 4 * _conv(size, size, channels, channels)
  adds += 11 * 11 * 32 * 256 + 256 * 19
  assert found.flops_per_step == pytest.approx(2 * adds, rel=0.03)


def test_an_lstm_is_all_the_state_there_is():
  found = costs.cost(agents.make('impala_lstm', 'paper'))
  assert found.num_params == 1_638_883
  assert found.state_bytes == 4 * 2 * 256


def test_attention_costs_what_its_masks_do():
  plain, masked = (
    costs.cost(agents.make(agent, 'paper')).flops_per_step
    for agent in ('impala_ff', 'drarl_simple')
  )
  adds = sum(
    2 * _conv(size, size, c, c) + 2 * size * size * c * c
    for size, c in ((42, 16), (21, 32), (11, 32))
  )
  assert masked - plain == pytest.approx(2 * adds, rel=0.03)

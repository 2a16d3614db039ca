import dataclasses

import pytest

from benchmarks import costs
from configs import agents


def test_an_agent_step_costs_what_its_products_do():
  cost = costs.measure(agents.make('s3ta', 'paper'))
  # Output cells x output channels x kernel x input channels, from Table 2.
  products = (
    53 * 40 * 32 * 8 * 8 * 3
    + 27 * 20 * 64 * 4 * 4 * 32
    + 27 * 20 * 512 * 3 * 3 * (64 + 128)
  )
  # Products with padding are not counted; the layers behind are 2 % more.
  assert 0.93 < cost.forward / (2 * products / 1e9) < 1.0
  # Two more products for each, but none for the gradient of the pixels.
  assert 1.95 < cost.backward / cost.forward < 2.0
  assert cost.observation_bytes == 210 * 160 * 3
  assert cost.state_bytes == 4 * 2 * (27 * 20 * 128 + 256)


def test_counts_rows_that_are_no_steps():
  cost = costs.Cost(1.0, 2.0, 0, 0)
  assert cost.unroll(10) == pytest.approx(1.1)
  config = agents.make('impala_ff', 'paper')
  vtrace = dataclasses.replace(config.learning, unroll_length=10)
  config = dataclasses.replace(config, learning=vtrace)
  assert cost.update(config) == pytest.approx(3.1)
  config = agents.make('impala_ff', 'paper', 'ppo')
  ppo = dataclasses.replace(config.learning, unroll_length=10, num_epochs=4)
  config = dataclasses.replace(config, learning=ppo)
  assert cost.update(config) == pytest.approx(1.1 + 4 * 3.0)

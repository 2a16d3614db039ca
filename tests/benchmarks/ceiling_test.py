"""Shares are of the peak of the dtype that is computed in."""

from unittest import mock

import pytest

from benchmarks import (
  acting,
  children,
  costs,
  data_path,
  learner_update,
  peak,
  queues,
)
from tests.benchmarks import flag_values


@pytest.fixture(autouse=True)
def _nothing_is_compiled(monkeypatch):
  monkeypatch.setattr(peak, 'matmul', lambda *args: None)
  monkeypatch.setattr(children, 'make_run', lambda *args: None)
  monkeypatch.setattr(costs, 'measure', lambda config: costs.Cost(1, 2, 0, 0))


@pytest.mark.parametrize(
  ('dtype', 'other', 'with_share'),
  [
    ('float32', 'bfloat16', {'ours', 'plain'}),
    # The plain form knows float32 only.
    ('bfloat16', 'float32', {'ours'}),
  ],
)
def test_other_dtypes_than_the_ceilings_have_no_share(
  monkeypatch, dtype, other, with_share
):
  flag_values.set_flags(
    monkeypatch,
    agent='impala_ff',
    smoke=True,
    phases=['forward', 'gradient', 'update'],
    set=[f'network.dtype={dtype}'],
    algorithm='vtrace',
    variant=[f'other: network.dtype={other}'],
  )
  benchmark = learner_update.make()
  assert benchmark.ceiling.name == f'matmul peak, {dtype}'
  found = {x.name: x.cost for x in benchmark.alternatives}
  assert len(found) == 9
  # Of two steps, which take three rows: once forward, and twice that back.
  # A gradient goes back through the third, too.
  for phase, cost in (('forward', 1.5), ('gradient', 4.5), ('update', 3.5)):
    for name in ('ours', 'other', 'plain'):
      expected = cost if name in with_share else 0.0
      assert found[f'{phase}, {name}'] == expected


def test_acting_is_compared_with_the_peak_of_its_dtype(monkeypatch):
  flag_values.set_flags(
    monkeypatch,
    agent='impala_ff',
    smoke=True,
    parts=[],
    set=['network.dtype=bfloat16'],
  )
  assert acting.make().ceiling.name == 'matmul peak, bfloat16'


@pytest.mark.parametrize(
  ('on_device', 'expected'),
  [
    (False, {'queue, in memory'}),
    (True, {'queue, in memory', 'feeder, device'}),
  ],
)
def test_hops_without_a_copy_on_the_host_have_no_share(
  monkeypatch, on_device, expected
):
  monkeypatch.setattr(queues, 'keep_on_device', lambda: on_device)
  made = mock.MagicMock(megabytes=1.5)
  monkeypatch.setattr(data_path.data_hops, 'Hops', lambda *args: made)
  flag_values.set_flags(
    monkeypatch, agent='impala_ff', smoke=True, set=[], size='84x84x4'
  )
  hops = data_path.make().alternatives
  assert {x.name for x in hops if not x.is_bounded} == expected
  assert len(hops) == 5


def test_a_gradient_is_one_pass_however_often_a_batch_is_used(monkeypatch):
  flag_values.set_flags(
    monkeypatch,
    agent='impala_ff',
    smoke=True,
    phases=['gradient', 'update'],
    algorithm='appo',
    variant=[],
    set=['learning.num_epochs=3', 'learning.num_minibatches=1'],
  )
  found = {x.name: x.cost for x in learner_update.make().alternatives}
  assert found['gradient, ours'] == 4.5
  # Three passes over two steps and, for the targets, three rows forward.
  assert found['update, ours'] == 3 * (1 + 2) + 1.5

import itertools

import numpy as np
import pytest

from attn_agents import types
from attn_agents.learning import synchronous_batches


def _item(actor_id, version, tag=0):
  """A trajectory of which only the report counts; `tag` tells copies apart."""
  zero = np.float32(0)
  return types.Trajectory(
    unroll=tag,
    report=types.ActorReport(
      np.int64(version), np.int32(actor_id), zero, types.GameEnd(zero, zero),
      zero, zero, zero, zero,
    ),
  )  # fmt: skip


def _seen(reads, num_actors):
  return [
    [
      (int(t.report.actor_id), int(t.report.params_version), t.unroll)
      for t in batch
    ]
    for batch in synchronous_batches.group(reads, num_actors)
  ]


def test_a_batch_is_in_the_order_of_actors_whoever_came_first():
  for order in itertools.permutations(range(3)):
    reads = [[_item(actor, 7)] for actor in order]
    assert _seen(reads, 3) == [[(0, 7, 0), (1, 7, 0), (2, 7, 0)]]


@pytest.mark.parametrize('per_read', [1, 2, 4])
def test_versions_follow_one_another_however_they_are_read(per_read):
  items = [_item(a, v) for v in (4, 5) for a in (1, 0)]
  reads = [items[i : i + per_read] for i in range(0, 4, per_read)]
  assert _seen(reads, 2) == [[(0, 4, 0), (1, 4, 0)], [(0, 5, 0), (1, 5, 0)]]


def test_a_restarted_actor_counts_once_per_version():
  reads = [[_item(0, 3, 'first')], [_item(0, 3, 'again')], [_item(1, 3)]]
  assert _seen(reads, 2) == [[(0, 3, 'first'), (1, 3, 0)]]


def test_what_the_learner_has_gone_past_is_dropped():
  reads = [
    [_item(0, 3)], [_item(1, 3)],
    [_item(1, 3, 'late')], [_item(0, 4)], [_item(1, 4)],
  ]  # fmt: skip
  assert _seen(reads, 2) == [
    [(0, 3, 0), (1, 3, 0)],
    [(0, 4, 0), (1, 4, 0)],
  ]


def test_an_incomplete_round_is_not_handed_on():
  assert _seen([[_item(0, 3)], [_item(0, 3)]], 2) == []

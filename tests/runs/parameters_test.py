"""Checkpoints that cannot be played with, told without making any."""

import types as stdlib_types

import numpy as np
import pytest

from attn_agents.runs import parameters, snapshots
from configs import errors


class _Checkpointer:
  """Has read what it is made to read, or fails so."""

  closed = 0

  def __init__(self, directory):
    self._directory = directory

  def restore(self, template, step):
    assert (template, step) == ('spec', 8)
    found = type(self).found
    if isinstance(found, Exception):
      raise found
    state = stdlib_types.SimpleNamespace(params={'a': {'w': found}})
    return snapshots.Snapshot(state, snapshots.Counters(frames=9))

  def close(self):
    type(self).closed += 1


@pytest.fixture(name='restore')
def _restore(monkeypatch, tmp_path):
  def restore(found, steps=(8,)):
    for step in steps:
      (tmp_path / str(step)).mkdir()
    made = type('Made', (_Checkpointer,), {'found': found})
    parts = stdlib_types.SimpleNamespace(state_spec=lambda: 'spec')
    monkeypatch.setattr(parameters.checkpoints, 'Checkpointer', made)
    monkeypatch.setattr(parameters.experiment, 'Experiment', lambda _: parts)
    try:
      return parameters.restore(None, tmp_path, 8)
    finally:
      assert made.closed == 1

  return restore


def test_what_is_finite_is_played_with(restore):
  found = restore(np.array([1.0, 2.0]))
  assert found.params['a']['w'].tolist() == [1.0, 2.0]
  assert found.counters.frames == 9


def test_a_checkpoint_of_another_agent_is_refused(restore):
  with pytest.raises(errors.ConfigError) as caught:
    restore(ValueError('it has arrays of other names (w)'))
  assert str(caught.value) == (
    '--checkpoint=8 is not of the agent in config.json: it has arrays of other '
    'names (w)'
  )


def test_one_that_is_damaged_says_so_itself(restore):
  with pytest.raises(errors.ConfigError) as caught:
    restore(errors.ConfigError('checkpoint 8 is damaged'))
  assert str(caught.value) == 'checkpoint 8 is damaged'


@pytest.mark.parametrize(
  ('steps', 'instead'),
  [((8,), 'another run'), ((4, 6, 8), '--checkpoint=6')],
)
@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_with_what_is(
  restore, tmp_path, steps, instead, value
):
  with pytest.raises(errors.ConfigError) as caught:
    restore(np.array([1.0, value]), steps)
  assert str(caught.value) == (
    f'checkpoint {tmp_path / "8"}: parameter a/w is infinite or NaN (1 such '
    f'arrays); expected finite numbers, as of {instead}'
  )

"""Agents that are compared have names that tell them apart."""

import pathlib

import numpy as np
import pytest

from attn_agents.interpretability import context
from attn_agents.interpretability.recordings import trained_agent
from configs import agents


def _agent(run, checkpoint=7, agent='s3ta', params=0.0):
  facts = {'run': run, 'checkpoint': checkpoint}
  return trained_agent.TrainedAgent(
    agents.make(agent, 'small'), {'w': np.full(2, params)}, facts
  )


def _given(played, other):
  return context.Context(
    played=played, other=other, recorded=None, plan=None,
    directory=pathlib.Path(), trained=None, checkpoints=pathlib.Path(),
  )  # fmt: skip


@pytest.mark.parametrize(
  ('ours', 'theirs', 'labels'),
  [
    (
      _agent('/runs/pong'), _agent('/runs/pong', agent='drarl'),
      ('s3ta', 'drarl'),
    ),
    (
      _agent('/runs/pong', 1200), _agent('/runs/boxing'),
      ('s3ta, checkpoint 1,200 of pong', 's3ta, checkpoint 7 of boxing'),
    ),
    (
      _agent('/runs/a/pong'), _agent('/runs/b/pong'),
      ('s3ta, checkpoint 7 of a/pong', 's3ta, checkpoint 7 of b/pong'),
    ),
    (
      _agent('/runs/pong'), _agent('/old/runs/pong'),
      ('s3ta, checkpoint 7 of /runs/pong',
       's3ta, checkpoint 7 of old/runs/pong'),
    ),
    (
      _agent('/runs/pong', 3), _agent('/runs/pong', 5),
      ('s3ta, checkpoint 3 of pong', 's3ta, checkpoint 5 of pong'),
    ),
    (
      _agent('/runs/pong'), _agent('/runs/pong'),
      ('s3ta, checkpoint 7 of pong', 's3ta, checkpoint 7 of pong, again'),
    ),
  ],
)  # fmt: skip
def test_labels_differ_and_say_no_more_than_it_takes(ours, theirs, labels):
  assert _given(ours, theirs).labels == labels


class _Recorded(dict):
  """As much of a recording as is asked for."""

  path = pathlib.Path('recorded')


def test_each_other_agent_has_a_recording_of_its_own(monkeypatch):
  paths, plans = [], []

  def record(other, plan, path, **_):
    paths.append(path)
    plans.append(plan)
    raise context.DoesNotApplyError

  monkeypatch.setattr(context.record, 'record', record)
  for params in (1.0, 2.0, 1.0):
    given = _given(_agent('/a/pong'), _agent('/b/pong', params=params))
    given.recorded = _Recorded(action=np.zeros(3, np.int32))
    given.plan = context.record.Plan(with_states=True)
    with pytest.raises(context.DoesNotApplyError):
      given.shown_to_other  # noqa: B018
  assert len(paths) == 3 and paths[0] == paths[2] != paths[1]
  # Nobody looks at its states, which may be many times larger than its frames.
  assert not any(plan.with_states for plan in plans)

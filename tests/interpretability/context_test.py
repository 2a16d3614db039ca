"""Agents that are compared have names that tell them apart."""

import pathlib

import numpy as np
import pytest

from attn_agents.interpretability import context
from attn_agents.interpretability.gradients import section as gradients
from attn_agents.interpretability.recordings import trained_agent
from attn_agents.interpretability.saliency import options as saliency
from attn_agents.interpretability.screen import cells
from attn_agents.interpretability.trust import section as trust
from configs import agents
from tests.interpretability import given as given_lib


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


def test_each_other_agent_has_a_recording_of_its_own(monkeypatch):
  paths, plans = [], []

  def record(other, plan, path, **_):
    paths.append(path)
    plans.append(plan)
    raise context.DoesNotApplyError

  monkeypatch.setattr(context.record, 'record', record)
  for params in (1.0, 2.0, 1.0):
    given = _given(_agent('/a/pong'), _agent('/b/pong', params=params))
    given.recorded = given_lib.Recorded(3, action=np.zeros(3, np.int32))
    given.plan = context.record.Plan(with_states=True)
    with pytest.raises(context.DoesNotApplyError):
      given.shown_to_other  # noqa: B018
  assert len(paths) == 3 and paths[0] == paths[2] != paths[1]
  # Nobody looks at its states, which may be many times larger than its frames.
  assert not any(plan.with_states for plan in plans)


def _played(frames):
  """A recording with these numbers as frames."""
  rows = len(frames)
  return given_lib.Recorded(
    rows, action=np.arange(rows), frame=np.array(frames)
  )


@pytest.mark.parametrize(
  ('theirs', 'same'),
  [
    ([1, 2, 3, 4], True), ([1, 2, 3], False), ([1, 2, 3, 5], False),
    ([0, 2, 3, 4], False), ([6, 7, 8, 9], False), ([1, 2, 3, 4, 5], False),
  ],
)  # fmt: skip
def test_the_other_agent_is_shown_the_same_game_or_none(
  monkeypatch, theirs, same
):
  asked = []

  def record(other, plan, path, *, actions, facts):
    asked.append((other, path, actions, facts))
    return shown

  monkeypatch.setattr(context.record, 'record', record)
  given = _given(_agent('/a/pong'), _agent('/b/boxing', 1200))
  given.recorded, shown = _played([1, 2, 3, 4]), _played(theirs)
  given.plan = context.record.Plan()
  given.directory = pathlib.Path('/results')
  if same:
    other, found = given.shown_to_other
    assert other is given.other and found is shown
    # It is made once.
    assert given.shown_to_other[1] is shown and len(asked) == 1
  else:
    with pytest.raises(
      context.DoesNotApplyError, match='/b/boxing was trained'
    ):
      given.shown_to_other  # noqa: B018
  other, path, actions, facts = asked[0]
  assert other is given.other and actions is given.recorded['action']
  assert path.parent == pathlib.Path('/results/baseline')
  assert path.name.startswith('boxing_1200_')
  assert facts['shown'] == 'recorded' and len(facts['shown_actions']) == 64


def test_without_another_agent_there_is_nothing_to_compare_with():
  given = _given(_agent('/a/pong'), None)
  assert given.labels == ('s3ta', '')
  with pytest.raises(context.DoesNotApplyError, match='no --baseline'):
    given.shown_to_other  # noqa: B018


def test_options_are_those_chosen_or_the_defaults():
  given = _given(_agent('/a/pong'), None)
  chosen = trust.Options(rows=3)
  given.chosen = [saliency.Options(maps=2), chosen]
  assert given.options_of(trust.Options) is chosen
  assert given.options_of(gradients.Options) == gradients.Options()


def test_even_cells_are_the_means_of_their_pixels():
  given = _given(_agent('/a/pong'), None)
  # One column of two cells, of which the first has four of six rows.
  given.__dict__['grid'] = cells.Grid(
    np.array([2.0, 6.0]), np.array([0.5]), (6, 1)
  )
  maps = np.array([[[1.0], [4.0]], [[0.0], [3.0]]])
  np.testing.assert_allclose(
    given.on_even_cells(maps), [[[1], [3]], [[0], [2]]]
  )

"""What `games.play` says of each row, against a game played again by hand."""

import itertools

import jax
import numpy as np
import pytest

from attn_agents import types
from attn_agents.environments import seeding
from attn_agents.interpretability.recordings import views
from attn_agents.watching import games
from tests.interpretability import playing

_ROWS = 35


@pytest.fixture(scope='module')
def played():
  made = playing.make_agent()
  return made.with_params(made.params, checkpoint=3, training_frames=120)


def _later(played):
  params = jax.tree.map(lambda x: 2.0 * x, played.params)
  return played.with_params(params, checkpoint=5, training_frames=200)


def _play(played, rows=_ROWS, newest=None, **plan):
  found = games.play(
    played.config.environment, games.Plan(**plan), newest or (lambda: played)
  )
  return list(itertools.islice(found, rows))


def test_every_row_is_the_one_the_agent_saw(played):
  # From row 14 on, in the middle of the second game, newer parameters play.
  later, switch = _later(played), 14
  asked = itertools.count(-1)  # Once before the first row.
  found = _play(
    played, newest=lambda: later if next(asked) >= switch else played
  )
  seeds = seeding.actor_seeds(0, 0, 31, 253, 1)
  both = views.Views(played.config.environment, seeds.environment)
  view, state = both.reset(), played.agent.initial_state(1)
  score, ended = 0.0, []
  for row, shot in enumerate(found):
    who = later if row >= switch else played
    seen = who.inspect(who.params, view.timestep, state)
    np.testing.assert_array_equal(shot.frame, view.frame)
    for head, map_ in zip(
      seen.intermediates['attention'][0], shot.maps, strict=True
    ):
      np.testing.assert_array_equal(map_.weights, head)
    probabilities = np.asarray(jax.nn.softmax(seen.outputs.policy_logits[0]))
    score += view.timestep.reward[0]
    assert shot.facts == {
      'row': row,
      'game': len(ended) + 1,
      'score': score,
      'last_score': ended[-1] if ended else None,
      'reward': view.timestep.reward[0],
      'ends': row % 10 == 9,
      'action': shot.facts['action'],
      'value': float(seen.outputs.baseline[0]),
      'entropy': pytest.approx(
        -sum(p * np.log(p) for p in probabilities), rel=1e-4
      ),
      **{k: who.facts[k] for k in ('checkpoint', 'training_frames')},
    }
    if shot.facts['ends']:
      assert view.game_end.game_return[0] == score
      ended.append(score)
      score = 0.0
    action = np.array([shot.facts['action']], np.int32)
    view, state = both.step(action), types.AgentState(seen.core_state, action)
  assert len(ended) == 3 and set(ended) <= {-1.0, 1.0}


def test_actions_are_the_policys(played):
  def actions(**plan):
    return [s.facts['action'] for s in _play(played, 40, **plan)]

  assert actions(seed=1) == actions(seed=1) != actions(seed=2)
  assert set(actions(seed=1)) == {0, 1, 2}
  # Where one action is all but certain, samples are the greatest, too. It is
  # not the first, which is what a search without logits would find.
  sharp = played.with_params(
    jax.tree.map(lambda x: 10.0 * x, played.params),
    checkpoint=1,
    training_frames=4,
  )
  greedy, sampled = (
    [s.facts['action'] for s in _play(sharp, 40, policy=policy)]
    for policy in ('greedy', 'sampled')
  )
  assert greedy == sampled and 0 not in greedy
  flat = played.with_params(
    jax.tree.map(lambda x: 0.0 * x, played.params),
    checkpoint=1,
    training_frames=4,
  )
  # Of equal logits the first is the greatest, and sampled are all alike.
  assert {s.facts['action'] for s in _play(flat, policy='greedy')} == {0}
  sampled = [s.facts['action'] for s in _play(flat, 300)]
  counts = np.bincount(sampled, minlength=3)
  # Five standard deviations.
  assert counts.sum() == 300 and abs(counts - 100).max() < 41


def test_the_game_ends_with_its_rows(played, monkeypatch):
  closed, close = [], views.Views.close

  def note(self):
    closed.append(self)
    close(self)

  monkeypatch.setattr(views.Views, 'close', note)
  rows = games.play(played.config.environment, games.Plan(), lambda: played)
  next(rows)
  assert not closed
  rows.close()
  assert len(closed) == 1


def test_what_is_not_finite_is_none(played):
  broken = played.with_params(
    jax.tree.map(lambda x: np.nan * x, played.params),
    checkpoint=1,
    training_frames=4,
  )
  facts = _play(broken, 1)[0].facts
  assert facts['value'] is None and facts['entropy'] is None


def test_an_agent_without_attention_is_played_too():
  plain = playing.make_agent(resnet=True)
  plain = plain.with_params(plain.params, checkpoint=1, training_frames=4)
  assert {shot.maps for shot in _play(plain, 3)} == {()}

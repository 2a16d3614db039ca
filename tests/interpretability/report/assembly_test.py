"""What a report says of a recording stands where it belongs."""

import pathlib
import types

import jax
import numpy as np
import pytest

from attn_agents.interpretability import context, findings
from attn_agents.interpretability.recordings import record
from attn_agents.interpretability.report import assembly, report_data
from tests.interpretability import given as given_lib

_FIRST, _MID, _LAST = 0, 1, 2


def _recorded():
  """Two games of four rows: two actions, even odds but at row 1."""
  rows = np.arange(8)
  logits = np.zeros((8, 2), np.float32)
  logits[1] = 100, 0
  recorded = given_lib.Recorded(
    8, policy_logits=logits, baseline=rows + 0.5, action=rows % 2,
    reward=rows * 10.0, row=rows % 4,
    step_type=np.array([_FIRST, _MID, _MID, _LAST] * 2),
  )  # fmt: skip
  recorded.facts = {
    'checkpoint': 1200, 'training_frames': 4_000_000, 'agent': 'an_agent',
    'trained_game': 'demon_attack', 'game': 'ms_pacman', 'preset': 'small',
    'algorithm': 'vtrace', 'training_seed': 3, 'action_repeat': 5,
  }  # fmt: skip
  return recorded


def _given(epsilon=None, head='policy'):
  played = types.SimpleNamespace(
    config=types.SimpleNamespace(
      agent='s3ta', network=types.SimpleNamespace(head=head)
    ),
    facts={'run': '/runs/here'}, epsilon=epsilon, step_seconds=0.25,
    environment_spec=types.SimpleNamespace(actions=('NOOP', 'FIRE')),
  )  # fmt: skip
  return context.Context(
    played=played, recorded=_recorded(), plan=record.Plan(seed=7),
    directory=pathlib.Path(), trained=None, checkpoints=pathlib.Path(),
  )  # fmt: skip


def _done(name):
  line = report_data.Timeline(f'line of {name}', np.arange(8))
  found = findings.Findings(
    how_to_read=f'read {name}', captions={'b': 'second', 'a': 'first'},
    tables=[f'table of {name}'], layers=[f'layer of {name}'], timelines=[line],
  )  # fmt: skip
  return assembly.Done(name, found, {'a': b'A', 'b': b'B'})


def test_a_report_says_who_plays_what_and_how_it_is_made_again():
  data = assembly.assemble(_given(), [], {}, 'the command')
  assert data.title == 's3ta plays Ms Pacman'
  # Eight rows of a quarter of a second.
  assert data.subtitle == (
    'Checkpoint 1,200, after 4,000,000 frames of training on Demon Attack. '
    '2 seconds of play.'
  )
  versions, device = data.facts.pop('Versions'), data.facts.pop('Device')
  assert [text.split()[0] for text in versions.split(', ')] == [
    'attn_agents', 'jax', 'flax', 'envpool', 'numpy',
  ]  # fmt: skip
  assert f'jax {jax.__version__}' in versions
  assert device == jax.devices()[0].device_kind
  assert data.facts == {
    'Run': '/runs/here',
    'Agent': 'an_agent, preset small, trained with vtrace, seed 3',
    'Checkpoint': 'learner step 1,200',
    'Game': 'ms_pacman, protocol noop, sampled actions, seed 7',
    'Command': 'the command',
    'Recording': 'recorded, 8 rows. A row is one agent step of 5 frames.',
  }
  assert [frame[0, 0, 0] for frame in data.frames] == list(range(8))
  assert data.action_names == ('NOOP', 'FIRE')
  assert data.starts == [0, 4]
  assert data.rows_per_second == 4
  assert data.attention is data.drawn_attention is None


def test_timelines_end_with_a_game_where_no_action_is_taken():
  data = assembly.assemble(_given(), [], {}, 'c')
  value, entropy, action, reward = data.timelines
  assert [(line.name, line.kind) for line in data.timelines] == [
    ('Value', 'line'), ('Entropy of the policy (nats)', 'line'),
    ('Action', 'action'), ('Reward (points)', 'reward'),
  ]  # fmt: skip
  none, even = np.nan, np.log(2)
  np.testing.assert_array_equal(
    value.values, [0.5, 1.5, 2.5, none, 4.5, 5.5, 6.5, none]
  )
  np.testing.assert_array_equal(action.values, [0, 1, 0, none, 0, 1, 0, none])
  np.testing.assert_allclose(
    entropy.values, [even, 0, even, none, even, even, even, none], atol=1e-9
  )
  # The reward of the last action arrives there.
  np.testing.assert_array_equal(reward.values, 10.0 * np.arange(8))


def test_what_analyses_find_is_in_their_order_below_what_all_have():
  given = _given()
  attention = np.full((8, 2, 1, 2), 0.5, np.float32)
  given.recorded['attention'] = attention
  given.__dict__['drawn_attention'] = 'drawn'
  done = [_done('weights'), _done('heads')]
  skipped = {'trust': 'no attention', 'grad_cam': 'not requested'}
  data = assembly.assemble(given, done, skipped, 'c')
  assert data.attention is attention and data.drawn_attention == 'drawn'
  assert data.layers == ['layer of weights', 'layer of heads']
  assert [line.name for line in data.timelines][4:] == [
    'line of weights', 'line of heads',
  ]  # fmt: skip
  sight, weights, heads = data.sections
  assert sight.title == 'Sight'
  for section, title, name in (
    (weights, 'How attention is spread', 'weights'),
    (heads, 'What each head attends to', 'heads'),
  ):
    assert (section.title, section.how_to_read) == (title, f'read {name}')
    assert section.tables == [f'table of {name}']
    assert [(each.caption, each.image) for each in section.figures] == [
      ('first', b'A'), ('second', b'B'),
    ]  # fmt: skip
  assert data.notes == [
    'Sanity checks of the maps: no attention.', 'Grad-CAM: not requested.',
  ]  # fmt: skip


@pytest.mark.parametrize('epsilon', [0.0, 0.05])
def test_an_agent_with_action_values_is_said_to_have_no_policy(epsilon):
  given = _given(epsilon, 'action_values')
  data = assembly.assemble(given, [], {'trust': 'no'}, 'c')
  assert data.timelines[1].name == 'Entropy of softmax(Q) (nats)'
  note, skipped = data.notes
  assert note.startswith('s3ta learns action values and has no policy.')
  assert f'a random one with probability {epsilon:g}.' in note
  assert skipped == 'Sanity checks of the maps: no.'

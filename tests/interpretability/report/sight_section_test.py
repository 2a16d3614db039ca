"""The report's numbers on sight are those of metrics.csv, of a recording."""

import types as python_types

import jax
import numpy as np
import pytest

from attn_agents.interpretability.recordings import record
from attn_agents.interpretability.report import sight_section
from attn_agents.learning import sight
from tests.interpretability import playing


def _given(recorded, head='policy'):
  network = python_types.SimpleNamespace(head=head)
  config = python_types.SimpleNamespace(network=network)
  played = python_types.SimpleNamespace(config=config)
  return python_types.SimpleNamespace(recorded=recorded, played=played)


def _recorded(scale):
  """Two actions, of which now one and now the other is better by 2 x scale."""
  better = scale * np.resize([1.0, -1.0], 10)
  return {
    'policy_logits': np.stack([better, -better], axis=-1) + 7.0,
    'baseline': np.resize([0.0, 3.0], 10),
  }


def _cells(recorded, **options):
  (table,) = sight_section.section(_given(recorded, **options)).tables
  return [row[1] for row in table.rows]


def test_numbers_are_in_the_order_of_the_columns():
  recorded = _recorded(0.5) | {
    'attention': np.eye(2)[np.resize([0, 1], 10)].reshape(10, 1, 1, 2),
    'vision_core_saturated': np.resize([0.1, 0.3], 10),
    'policy_core_saturated': np.full(10, 0.75),
  }
  np.testing.assert_allclose(
    _cells(recorded), [0.5, 1.0, 1.5, 0.5, 0.2, 0.75], rtol=1e-5
  )
  assert list(sight_section.of_recording(recorded)) == list(sight.COLUMNS)


def test_what_an_agent_or_an_older_recording_lacks_is_a_dash():
  assert _cells(_recorded(0.5))[3:] == ['no such part'] * 3


@pytest.mark.parametrize(
  ('scale', 'head', 'blind'),
  [
    (0.5, 'policy', False),
    (0.01, 'policy', True),
    # Small action values may tell actions apart as well as large ones.
    (0.01, 'action_values', False),
    (0.0, 'action_values', True),
  ],
)
def test_a_blind_agent_is_called_so_first(scale, head, blind):
  read = sight_section.section(_given(_recorded(scale), head)).how_to_read
  assert read.startswith('The policy hardly depends on the screen') == blind
  assert ('action values' in read) == (head == 'action_values')


def test_a_game_is_recorded_with_the_cores_of_each_row(tmp_path):
  played = playing.make_agent()
  # Larger weights, which saturate some cells.
  played = played.with_params(jax.tree.map(lambda x: 3 * x, played.params))
  plan = record.Plan(num_episodes=2, max_steps=30, with_states=True)
  recorded = record.record(played, plan, tmp_path)
  found = sight_section.of_recording(recorded)
  assert list(found) == list(sight.COLUMNS)
  assert found['logits_deviation'] > 0 < found['attention_deviation']
  # The state after a row is that before the next, unless a game begins there.
  states = [recorded[f'state/{index}'] for index in range(4)]
  for name, cells in (('vision', states[1]), ('policy', states[3])):
    share = (np.abs(cells[1:]) > 2.65).mean(axis=tuple(range(1, cells.ndim)))
    saved = recorded[f'{name}_core_saturated']
    assert 0 < saved.max() < 1, name
    np.testing.assert_allclose(saved[:-1], share, rtol=1e-5)

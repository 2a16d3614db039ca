"""Populations for tests."""

from attn_agents.population import decisions

HYPERPARAMETERS = {
  'learning_rate': 1e-3,
  'entropy_cost': 0.01,
  'epsilon': 1e-5,
  'clip_threshold': 40.0,
}


def make(size=4, **changes) -> decisions.Population:
  """A population whose members decide at 100, 150, 200, ... frames of 300."""
  fields = {
    'size': size,
    'seed': 7,
    'rule': 'impala',
    'margin': 0.05,
    'burn_in_frames': 100,
    'interval_frames': 50,
    'max_frames': 300,
    'hyperparameters': dict(HYPERPARAMETERS),
    'game': 'catch',
    'arguments': ('--agent=impala_ff', '--game=catch'),
  }
  return decisions.Population(**{**fields, **changes})

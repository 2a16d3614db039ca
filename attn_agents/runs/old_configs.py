"""Configs of runs of commit 02cacd7 and before, in today's form.

What changed since:

- PPO's clip around V-trace's targets was a field of `vtrace`; it is `appo` now.
- `max_policy_lag` 0 stood for no bound; now null does, and 0 is lock step.
- V-trace took several steps on a batch without PPO's clip, too; that is gone.

Imports no JAX.
"""

from collections.abc import Mapping
from typing import Any

from configs import errors

# In config.json of a converted run.
NOTE = (
  "from the form of commit 02cacd7, by launch/convert.py: V-trace's targets "
  "under PPO's clip are the algorithm appo, and max_policy_lag null is no bound"
)

# Fields of V-trace's section that `appo` has now.
_PROXIMAL = (
  'num_epochs',
  'num_minibatches',
  'clip_epsilon',
  'normalize_advantages',
)


def complete(values: Mapping[str, Any]) -> dict[str, Any]:
  """Adds fields that are younger than the run, with what it did without them.

  A preset's value would not do: presets have changed with the fields.

  Args:
    values: of a whole config, from config.json.
  """
  is_residual = 'blocks_per_section' in values['network']
  younger: dict[str, dict[str, Any]] = {
    'environment': {'zero_discount_on_life_loss': False},
    'network': {'pixel_block': 1} if is_residual else {},
    'optimizer': {'anneal_to': 0.0},
  }
  if values['algorithm'] == 'vtrace':
    younger['learning'] = {
      'num_epochs': 1,
      'num_minibatches': 1,
      'clip_epsilon': 0.0,
      'normalize_advantages': False,
      'max_policy_lag': 0,
    }
  return {
    **values,
    **{name: {**new, **values[name]} for name, new in younger.items()},
  }


def convert(values: Mapping[str, Any]) -> dict[str, Any]:
  """The config in today's form; fields that it lacks stay missing.

  Args:
    values: of a whole config, from config.json.

  Raises:
    ConfigError: no algorithm of today learns as it did.
  """
  algorithm, learning = values['algorithm'], dict(values['learning'])
  if algorithm == 'vtrace':
    if learning.get('clip_epsilon'):
      algorithm = 'appo'
    else:
      _require_one_step(learning)
      learning = {x: y for x, y in learning.items() if x not in _PROXIMAL}
    learning['max_policy_lag'] = learning.get('max_policy_lag') or None
  elif algorithm in ('a2c', 'ppo'):
    learning['max_policy_lag'] = 0
  return {**values, 'algorithm': algorithm, 'learning': learning}


def _require_one_step(learning: Mapping[str, Any]) -> None:
  epochs = learning.get('num_epochs', 1)
  minibatches = learning.get('num_minibatches', 1)
  if epochs * minibatches > 1:
    raise errors.ConfigError(
      'it learned by V-trace with several steps on a batch '
      f'(num_epochs={epochs}, num_minibatches={minibatches}) and without '
      "PPO's clip, which no algorithm does any more"
    )

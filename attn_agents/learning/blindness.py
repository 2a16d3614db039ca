"""Says of a run, in one line, that its policy hardly depends on the screen."""

import math
from collections.abc import Mapping

# Before so many agent steps no policy is called blind: it has learned little.
SETTLED_STEPS = 100_000
# A standard deviation of logits in nats: probabilities then change by about a
# fiftieth from state to state. Of action values, whose scale is that of the
# rewards, it is a share of what tells actions apart: the best action is then
# the same nearly everywhere.
LEAST_DEVIATION = 0.02
# Rows of metrics.csv in a row.
BLIND_ROWS = 3


def warning(found: Mapping[str, float], head: str) -> str:
  """One line, if the policy hardly depends on the screen; '' if it does.

  Args:
    found: `sight.COLUMNS`, or a row of metrics.csv.
    head: the network's, see `schema.NetworkConfig.head`.
  """
  name = 'logits_deviation'
  words = 'its logits deviate by {:.2g} over states'
  if head == 'action_values':
    name = 'logits_deviation_share'
    words = 'its action values deviate by {:.2g} of their size over states'
  value = found.get(name, math.nan)
  # NaN is not below anything: who diverged is not called blind.
  if not value < LEAST_DEVIATION:
    return ''
  return (
    f'the policy hardly depends on the screen: {words.format(value)} '
    '(docs/metrics.md, Sight)'
  )


class Watch:
  """Notices a run whose policy hardly depends on the screen.

  Attributes:
    warning: what is to be said of the last rows; '' if nothing.
  """

  def __init__(self, head: str):
    """Knows no row yet; `head` as for `warning`."""
    self.warning = ''
    self._head = head
    self._rows = 0
    self._told = False

  def add(self, row: Mapping[str, float]) -> str:
    """Takes a row of metrics.csv; returns what is to be said now, once."""
    line = warning(row, self._head)
    blind = line and row['agent_steps'] >= SETTLED_STEPS
    self._rows = self._rows + 1 if blind else 0
    self.warning = line if self._rows >= BLIND_ROWS else ''
    if not self.warning or self._told:
      return ''
    self._told = True
    return self.warning

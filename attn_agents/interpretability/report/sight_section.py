"""The report's first section: how much the agent depends on what it saw."""

from collections.abc import Mapping

from attn_agents import types
from attn_agents.interpretability import context
from attn_agents.interpretability.recordings import recording
from attn_agents.interpretability.report import report_data
from attn_agents.learning import blindness, sight

_QUANTITIES = {
  'logits_deviation': 'deviation of {logits} over states',
  'logits_deviation_share': 'the same as a share of what tells actions apart',
  'value_deviation': 'deviation of the value over states',
  'attention_deviation': 'how far attention moves: 0 not at all, 1 at most',
  'vision_core_saturated': 'saturated units of the vision core',
  'policy_core_saturated': 'saturated units of the policy core',
}
_HOW_TO_READ = (
  'These are the numbers of metrics.csv, over all recorded steps. A policy '
  'whose {logits} deviate by less than '
  f'{blindness.LEAST_DEVIATION:g}{{of_what}} does the same whatever the screen '
  'shows; nothing below then says much about the game. Attention that hardly '
  'moves looks at a place, not at a thing. Saturated units pass almost no '
  'gradient. docs/metrics.md says more.'
)


def of_recording(
  recorded: recording.Recording | Mapping[str, types.Array],
) -> dict[str, float]:
  """`sight.COLUMNS` over all rows, those that the recording has arrays for."""
  found = sight.of_outputs(recorded['policy_logits'], recorded['baseline'])
  if 'attention' in recorded:
    found['attention_deviation'] = sight.of_attention(recorded['attention'])
  for name in sight.COLUMNS:
    if name in recorded:  # Of each row; older recordings lack them.
      found[name] = recorded[name].mean()
  return {name: float(value) for name, value in found.items()}


def section(given: context.Context) -> report_data.Section:
  """The section, which begins with a warning if the agent is blind."""
  found = of_recording(given.recorded)
  head = given.played.config.network.head
  logits, of_what = 'logits', ''
  if head == 'action_values':
    logits, of_what = 'action values', ' of what tells actions apart'
  read = _HOW_TO_READ.format(logits=logits, of_what=of_what)
  if line := blindness.warning(found, head):
    read = f'{line[0].upper()}{line[1:]}.\n\n{read}'
  rows = [
    (words.format(logits=logits), found.get(name, 'no such part'))
    for name, words in _QUANTITIES.items()
  ]
  caption = 'How much the agent depends on what it saw.'
  table = report_data.Table(caption, ('quantity', 'value'), rows)
  return report_data.Section('Sight', read, tables=[table])

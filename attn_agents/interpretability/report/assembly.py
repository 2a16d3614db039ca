"""From what was recorded and found to the report."""

import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
from scipy import special

from attn_agents import types
from attn_agents.environments import action_names
from attn_agents.interpretability import context, findings, registry
from attn_agents.interpretability.report import report_data

_VERSIONS = ('attn_agents', 'jax', 'flax', 'envpool', 'numpy')


class Done(NamedTuple):
  """A study that was done.

  Attributes:
    name: of `registry.STUDIES`.
    found: its findings.
    drawn: its figures as PNGs, by name.
  """

  name: str
  found: findings.Findings
  drawn: Mapping[str, bytes]


def assemble(
  given: context.Context,
  done: Sequence[Done],
  skipped: Mapping[str, str],
  command: str,
) -> report_data.ReportData:
  """The report of a recording.

  Args:
    given: the recording.
    done: studies in the order of the report.
    skipped: reasons, by name, for those that were not.
    command: how this was called.
  """
  recorded, facts = given.recorded, given.recorded.facts
  attention = None
  if 'attention' in recorded:
    attention = given.attention
  plan = given.plan
  return report_data.ReportData(
    title=f'{given.agent} plays {_title(facts["game"])}',
    subtitle=(
      f'Checkpoint {facts["checkpoint"]:,}, after '
      f'{facts["training_frames"]:,} frames of training on '
      f'{_title(facts["trained_game"])}; '
      f'{len(recorded) * given.step_seconds:.0f} seconds of play.'
    ),
    facts={
      'Run': str(facts['run']),
      'Agent': f'{facts["agent"]}, preset {facts["preset"]}, trained by '
      f'{facts["algorithm"]} with seed {facts["training_seed"]}',
      'Checkpoint': f'learner step {facts["checkpoint"]:,}',
      'Game': f'{facts["game"]}, protocol {plan.protocol}, {plan.policy} '
      f'actions, seed {plan.seed}',
      'Command': command,
      'Recording': f'{recorded.path}, {len(recorded)} rows; a row is an agent '
      f'step of {facts["action_repeat"]} frames',
      'Versions': ', '.join(
        f'{name} {importlib.metadata.version(name)}' for name in _VERSIONS
      ),
      'Device': jax.devices()[0].device_kind,
    },
    frames=_frames(given),
    attention=attention,
    drawn_attention=None if attention is None else given.drawn_attention,
    layers=[layer for each in done for layer in each.found.layers],
    timelines=[
      *_timelines(given),
      *(line for each in done for line in each.found.timelines),
    ],
    action_names=_action_names(given),
    sections=[_section(each) for each in done],
    notes=[
      *_choices(given),
      *(
        f'{registry.STUDIES[name].title}: {reason}.'
        for name, reason in skipped.items()
      ),
    ],
    starts=np.flatnonzero(recorded['row'] == 0).tolist(),
    rows_per_second=1 / given.step_seconds,
  )


def _frames(given: context.Context) -> Iterator[np.ndarray]:
  for _, arrays in given.recorded.parts('frame'):
    yield from arrays['frame']


def _timelines(given: context.Context) -> list[report_data.Timeline]:
  recorded = given.recorded
  logits = recorded['policy_logits'].astype(np.float64)
  entropy = special.entr(special.softmax(logits, axis=-1)).sum(axis=-1)
  # At the last row of a game nothing was chosen.
  over = recorded['step_type'] == types.StepType.LAST
  value, entropy, action = (
    np.where(over, np.nan, x)
    for x in (recorded['baseline'], entropy, recorded['action'])
  )
  return [
    report_data.Timeline('Value', value),
    report_data.Timeline(f'Entropy of {_policy(given)} (nats)', entropy),
    report_data.Timeline('Action', action, 'action'),
    report_data.Timeline('Reward (points)', recorded['reward'], 'reward'),
  ]


def _policy(given: context.Context) -> str:
  if given.played.epsilon is None:
    return 'the policy'
  return 'softmax(Q)'


def _choices(given: context.Context) -> list[str]:
  """What is to be known of agents without a policy of their own."""
  if given.played.epsilon is None:
    return []
  return [
    f'{given.agent} knows what actions are worth and has no policy: it takes '
    f'the best, or any with probability {given.played.epsilon:g}. Where '
    'analyses speak of the policy, they take the softmax of the values.'
  ]


def _action_names(given: context.Context) -> Sequence[str]:
  return action_names.action_names(given.played.config.environment)


def _section(each: Done) -> report_data.Section:
  found = each.found
  return report_data.Section(
    title=registry.STUDIES[each.name].title,
    how_to_read=found.how_to_read,
    figures=[
      report_data.Figure(found.captions[name], png)
      for name, png in each.drawn.items()
    ],
    tables=found.tables,
  )


def _title(game: str) -> str:
  return game.replace('_', ' ').title()

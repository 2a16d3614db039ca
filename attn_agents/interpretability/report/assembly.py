"""Puts a recording and the findings of its analyses into one report."""

import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
from scipy import special

from attn_agents import types
from attn_agents.interpretability import context, findings, registry
from attn_agents.interpretability.report import report_data, sight_section

_VERSIONS = ('attn_agents', 'jax', 'flax', 'envpool', 'numpy')


class Done(NamedTuple):
  """An analysis that was done.

  Attributes:
    name: its name in `registry.ANALYSES`.
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
  """Puts together the report of a recording.

  Args:
    given: the recording.
    done: analyses in the order of the report.
    skipped: why the other analyses were not done, by name.
    command: the command line that makes the report.
  """
  recorded = given.recorded
  has_attention = 'attention' in recorded
  return report_data.ReportData(
    title=f'{given.agent} plays {_title(recorded.facts["game"])}',
    subtitle=_subtitle(given),
    facts=_facts(given, command),
    frames=_frames(given),
    attention=given.attention if has_attention else None,
    drawn_attention=given.drawn_attention if has_attention else None,
    layers=[layer for each in done for layer in each.found.layers],
    timelines=[
      *_timelines(given),
      *(line for each in done for line in each.found.timelines),
    ],
    action_names=given.played.environment_spec.actions,
    sections=[sight_section.section(given), *map(_section, done)],
    notes=[*_value_notes(given), *_skipped_notes(skipped)],
    starts=np.flatnonzero(recorded['row'] == 0).tolist(),
    rows_per_second=1 / given.step_seconds,
  )


def _subtitle(given: context.Context) -> str:
  facts = given.recorded.facts
  seconds = len(given.recorded) * given.step_seconds
  return (
    f'Checkpoint {facts["checkpoint"]:,}, after {facts["training_frames"]:,} '
    f'frames of training on {_title(facts["trained_game"])}. '
    f'{seconds:.0f} seconds of play.'
  )


def _facts(given: context.Context, command: str) -> dict[str, str]:
  """Everything that is needed to make the report again."""
  recorded, facts, plan = given.recorded, given.recorded.facts, given.plan
  return {
    # The recording says where it lay then.
    'Run': str(given.played.facts['run']),
    'Agent': f'{facts["agent"]}, preset {facts["preset"]}, trained with '
    f'{facts["algorithm"]}, seed {facts["training_seed"]}',
    'Checkpoint': f'learner step {facts["checkpoint"]:,}',
    'Game': f'{facts["game"]}, protocol {plan.protocol}, {plan.policy} '
    f'actions, seed {plan.seed}',
    'Command': command,
    'Recording': f'{recorded.path}, {len(recorded)} rows. A row is one agent '
    f'step of {facts["action_repeat"]} frames.',
    'Versions': ', '.join(
      f'{name} {importlib.metadata.version(name)}' for name in _VERSIONS
    ),
    'Device': jax.devices()[0].device_kind,
  }


def _frames(given: context.Context) -> Iterator[np.ndarray]:
  for _, arrays in given.recorded.parts('frame'):
    yield from arrays['frame']


def _timelines(given: context.Context) -> list[report_data.Timeline]:
  recorded = given.recorded
  logits = recorded['policy_logits'].astype(np.float64)
  entropy = special.entr(special.softmax(logits, axis=-1)).sum(axis=-1)
  # At the last row of a game no action is taken.
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


def _value_notes(given: context.Context) -> list[str]:
  """How to read agents that have action values instead of a policy."""
  if given.played.epsilon is None:
    return []
  return [
    f'{given.agent} learns action values and has no policy. It takes the best '
    f'action, or a random one with probability {given.played.epsilon:g}. Where '
    'an analysis needs a policy, it uses the softmax of the action values.'
  ]


def _skipped_notes(skipped: Mapping[str, str]) -> list[str]:
  return [
    f'{registry.ANALYSES[name].title}: {reason}.'
    for name, reason in skipped.items()
  ]


def _section(each: Done) -> report_data.Section:
  found = each.found
  return report_data.Section(
    title=registry.ANALYSES[each.name].title,
    how_to_read=found.how_to_read,
    figures=[
      report_data.Figure(found.captions[name], png)
      for name, png in each.drawn.items()
    ],
    tables=found.tables,
  )


def _title(game: str) -> str:
  return game.replace('_', ' ').title()

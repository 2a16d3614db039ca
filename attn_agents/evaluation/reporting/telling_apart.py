"""Which runs are seeds of one agent, and what distinguishes the others.

Runs are seeds of one agent if their configs differ in the seed alone. Fields
that cannot change what is learned, such as ports, do not count.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attn_agents.evaluation.reporting import run_results
from configs import overrides

# Games have rows or panels of their own, and names of agents say the rest.
_NAMED = ('agent', 'algorithm', 'preset', 'environment.game', 'seed')
_WITHOUT_EFFECT = (
  'queue.packing',
  'queue.unpack_on',
  'queue.queue_port',
  'queue.variables_port',
  'runtime.checkpoint_every_seconds',
  'runtime.checkpoints_kept',
  'runtime.env_threads',
  'runtime.evaluat',
  'runtime.log_every_seconds',
  'runtime.max_actor_restarts',
  'runtime.stall_seconds',
)
_ABSENT = 'absent'


def label(
  results: Sequence[run_results.RunResult],
) -> list[run_results.RunResult]:
  """The same runs, with settings in their labels wherever these differ.

  Args:
    results: all runs of a report.

  Returns:
    In the same order. Runs with equal labels have equal settings: a label names
    the preset if runs of its agent have several, and each field in which runs
    of its preset and algorithm differ.
  """
  presets: dict[str, set[str]] = {}
  groups: dict[tuple[str, str], list[run_results.RunResult]] = {}
  for run in results:
    presets.setdefault(run.agent, set()).add(run.preset)
    groups.setdefault((run.agent_name, run.preset), []).append(run)
  qualifiers: dict[int, str] = {}
  for (_, preset), runs in groups.items():
    fields = _varying([_settings(run) for run in runs])
    for run in runs:
      names = [f'preset={preset}'] if len(presets[run.agent]) > 1 else []
      settings = _settings(run)
      names += [f'{f}={_text(settings.get(f, _ABSENT))}' for f in fields]
      qualifiers[id(run)] = f' ({", ".join(names)})' if names else ''
  return [
    dataclasses.replace(run, qualifier=qualifiers[id(run)]) for run in results
  ]


def without_repeated_seeds(
  results: Iterable[run_results.RunResult],
) -> tuple[list[run_results.RunResult], list[str]]:
  """One run of each seed, since a copy says nothing about other seeds.

  Args:
    results: labelled runs.

  Returns:
    Of the runs with one game, label and seed, the one whose score is of most
    frames; and a line for each that was left out.
  """
  kept: dict[tuple[str, str, int], run_results.RunResult] = {}
  lines = []
  for run in results:
    key = run.game, run.label, run.seed
    other = kept.setdefault(key, run)
    if other is run:
      continue
    better, worse = (
      (run, other) if _order(run) > _order(other) else (other, run)
    )
    kept[key] = better
    lines.append(
      f'{worse.path} has the settings and the seed ({run.seed}) of '
      f'{better.path}: it is no further seed, and only in curves.csv'
    )
  return list(kept.values()), lines


def _order(run: run_results.RunResult) -> tuple[int, int]:
  return run.scored_frames or -1, run.frames


def _settings(run: run_results.RunResult) -> Mapping[str, Any]:
  """What can change what is learned, by the names of its fields."""
  return {
    name: value
    for name, value in {**overrides.YOUNGER, **run.settings}.items()
    if name not in _NAMED and not name.startswith(_WITHOUT_EFFECT)
  }


def _varying(settings: Sequence[Mapping[str, Any]]) -> list[str]:
  """Names of the fields that do not have one value everywhere."""
  names = sorted({name for one in settings for name in one})
  return [
    name
    for name in names
    if any(
      one.get(name, _ABSENT) != settings[0].get(name, _ABSENT)
      for one in settings
    )
  ]


def _text(value: Any) -> str:
  """As --set takes it."""
  if isinstance(value, list | tuple):
    return ' '.join(map(str, value))
  return str(value).lower() if isinstance(value, bool) else str(value)

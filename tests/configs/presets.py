"""Writes presets.csv: what every preset sets. Run when one is meant to change.

python -m tests.configs.presets
"""

import collections
import csv
import json
import pathlib
from typing import Any

from configs import agents, errors, overrides

# What a preset is called, not what it sets.
_NAMES = ('agent', 'preset', 'algorithm')
PATH = pathlib.Path(__file__).with_name('presets.csv')


def found() -> dict[tuple[str, str, str], dict[str, Any]]:
  """By agent, preset and algorithm: 'section.field' and its value in JSON."""
  made = {}
  for agent, algorithm in agents.pairs():
    for preset in agents.AGENTS[agent]:
      try:
        config = agents.make(agent, preset, algorithm)
      except errors.ConfigError:
        # Presets of papers have one algorithm.
        continue
      fields = overrides.flatten(overrides.to_dict(config))
      made[agent, preset, algorithm] = {
        field: value for field, value in fields.items() if field not in _NAMES
      }
  return made


def rows() -> list[tuple[str, str, str]]:
  """(field, value as JSON, presets).

  Presets are 'agent/preset' where all its algorithms have the value, else
  'agent/preset/algorithm', and '*' for all that no other row names.
  """
  values: dict[str, dict[str, list[tuple[str, ...]]]] = {}
  for names, fields in found().items():
    for field, value in fields.items():
      of_field = values.setdefault(field, {})
      of_field.setdefault(json.dumps(value), []).append(names)
  made = []
  for field, of_field in sorted(values.items()):
    everyone = collections.Counter(
      names[:2] for some in of_field.values() for names in some
    )
    usual = max(of_field, key=lambda value: (len(of_field[value]), value))
    for value, some in sorted(of_field.items()):
      here = collections.Counter(names[:2] for names in some)
      shown = {
        '/'.join(names[:2] if here[names[:2]] == everyone[names[:2]] else names)
        for names in some
      }
      made.append(
        (field, value, '*' if value == usual else ' '.join(sorted(shown)))
      )
  return made


def main() -> None:
  """Writes the file."""
  with open(PATH, 'w', newline='') as file:
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow(('field', 'value', 'presets'))
    writer.writerows(rows())


if __name__ == '__main__':
  main()

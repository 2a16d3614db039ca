"""What presets set: a run that names one must stay what it was.

A preset that is meant to change, or a new agent or algorithm, takes
`python -m tests.configs.presets`, whose difference shows what else has changed.
A new field is looked at from the next time on.
"""

import csv

from tests.configs import presets


def test_presets_set_what_they_did():
  with open(presets.PATH, newline='') as file:
    kept = [tuple(row.values()) for row in csv.DictReader(file)]
  fields = {field for field, _, _ in kept}
  found = [row for row in presets.rows() if row[0] in fields]
  assert found == kept, 'see `python -m tests.configs.presets`'

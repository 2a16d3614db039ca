"""Which evaluation of a checkpoint an exported agent is given."""

import json

import pytest

from attn_agents.exporting import evaluations
from attn_agents.runs import run_directory
from tests import in_process

_SUMMARY = {
  'policy': 'sampled', 'protocol': 'noop', 'episodes': 100, 'mean': 1.0,
  'median': 1.0, 'minimum': 0.0, 'maximum': 2.0, 'evaluated_game': 'catch',
  'checkpoint': 7,
}  # fmt: skip


@pytest.mark.parametrize(
  ('better', 'worse'),
  [
    ({'episodes': 5}, {'policy': 'greedy'}),
    ({'protocol': 'human', 'episodes': 5}, {'policy': 'greedy'}),
    ({'episodes': 5}, {'protocol': 'human'}),
    ({}, {'episodes': 99}),
    ({'episodes': 5}, {'checkpoint': 8}),
  ],
)
@pytest.mark.parametrize('names', [('a', 'b'), ('b', 'a')])
def test_of_several_the_preferred_one_is_taken(tmp_path, better, worse, names):
  run = run_directory.RunDirectory(tmp_path / 'run')
  for name, changes in zip(names, (better, worse), strict=True):
    path = run.evaluations / name
    path.mkdir(parents=True)
    summary = {**_SUMMARY, **changes, 'is': name}
    (path / evaluations.SUMMARY).write_text(json.dumps(summary))
    (path / evaluations.TABLE).write_text(name)
  config = in_process.catch_config(agent='impala_shallow')
  found = evaluations.of_run(run, 7, config)['catch']
  assert (found.summary['is'], found.table) == (names[0], names[0].encode())
  assert found.summary['run'] == 'run'

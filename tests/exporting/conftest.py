"""One exported agent for all tests of a file, which copy it to change it."""

import pathlib

import pytest

from attn_agents.exporting import gathering, writing
from attn_agents.runs import saved_runs
from tests.exporting import making


@pytest.fixture(name='trained', scope='session')
def _trained(tmp_path_factory):
  """A run of a small network."""
  path = tmp_path_factory.mktemp('runs') / 'some_run'
  return making.make_run(path, agent='impala_shallow')


@pytest.fixture(name='agent_path', scope='session')
def _agent_path(trained, tmp_path_factory) -> pathlib.Path:
  """The directory of an exported agent; not to be changed."""
  out = tmp_path_factory.mktemp('exports') / 'some_agent'
  run, config = saved_runs.open_run(str(trained.path))
  given = gathering.of_run(
    run, config, *saved_runs.find(run, 'newest'), name=out.name,
    licence='apache-2.0',
  )  # fmt: skip
  writing.write(given, out)
  return out

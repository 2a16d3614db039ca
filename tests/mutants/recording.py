"""A plugin of pytest: tells coverage, here and in children, which test runs."""

import os
from collections.abc import Iterator
from typing import Any

import coverage
import pytest

# The name of the test, for processes that it starts; coverage's settings
# name this variable.
CONTEXT = 'ATTN_AGENTS_MUTANTS_CONTEXT'


def _switch(name: str) -> None:
  os.environ[CONTEXT] = name
  measured = coverage.Coverage.current()
  if measured is not None:
    measured.switch_context(name)


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
  _switch(item.nodeid)
  yield
  _switch('')


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_fixture_setup(
  fixturedef: Any, request: pytest.FixtureRequest
) -> Iterator[None]:
  """What a file's tests share counts for all of them."""
  before = os.environ.get(CONTEXT, '')
  if fixturedef.scope != 'function':
    _switch(before.split('::')[0])
  yield
  _switch(before)

"""The recording that the tests of recordings read."""

import pytest

from attn_agents.interpretability.recordings import parts, record
from tests.interpretability import playing


@pytest.fixture(scope='package')
def played():
  return playing.make_agent()


@pytest.fixture(scope='module')
def recorded(played, tmp_path_factory):
  # Parts of 8 rows, so that there are several of them.
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(parts, 'PART_ROWS', 8)
    path = tmp_path_factory.mktemp('r') / 'of'
    yield record.record(played, playing.PLAN, path)

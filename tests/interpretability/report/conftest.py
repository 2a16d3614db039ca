"""What the tests of the report in a browser share."""

import shutil

import pytest
from playwright import sync_api

from attn_agents.interpretability.report import report
from tests.interpretability.report import in_browser, sample

_CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')


@pytest.fixture(scope='module')
def browser():
  if _CHROMIUM is None:
    pytest.skip('neither chromium nor google-chrome is installed')
  with sync_api.sync_playwright() as playwright:
    launched = playwright.chromium.launch(
      executable_path=_CHROMIUM, args=['--no-sandbox']
    )
    yield launched
    launched.close()


@pytest.fixture(scope='module')
def path(tmp_path_factory):
  path = tmp_path_factory.mktemp('report') / 'report.html'
  report.write(sample.data(), path)
  return path


@pytest.fixture
def opened(browser, path):
  page = browser.new_page(viewport={'width': 1280, 'height': 900})
  shown = in_browser.Report(page, path)
  yield shown
  assert shown.said == []
  assert shown.asked == [shown.path.as_uri()]
  page.close()

"""Where the parts of a report are in a browser, on wide and narrow pages."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from attn_agents.interpretability.report import report, report_data
from tests.interpretability.report import in_browser, sample

_SIZES = {1280: 900, 390: 844}


@pytest.fixture(scope='module')
def long(tmp_path_factory):
  """A report with sections far below its player."""
  data = sample.data()
  buffer = io.BytesIO()
  Image.fromarray(np.full((400, 1000, 3), 90, np.uint8)).save(buffer, 'png')
  section = dataclasses.replace(
    data.sections[0],
    figures=[report_data.Figure('a wide figure', buffer.getvalue())],
  )
  path = tmp_path_factory.mktemp('long') / 'report.html'
  report.write(dataclasses.replace(data, sections=[section] * 6), path)
  return path


@pytest.fixture(params=_SIZES)
def scrolled(browser, long, request):
  """Scrolled to its last figure, at each width."""
  width = request.param
  page = browser.new_page(viewport={'width': width, 'height': _SIZES[width]})
  shown = in_browser.Report(page, long)
  page.evaluate(
    "[...document.querySelectorAll('figure img')].at(-1)"
    ".scrollIntoView({block: 'end'})"
  )
  assert page.evaluate('window.scrollY') > 1000
  yield shown
  assert shown.said == []
  page.close()


def _within(shown, selector):
  """Whether all of an element is in the viewport."""
  left, top, right, bottom = shown.box(selector)
  width, height = shown.page.evaluate('[innerWidth, innerHeight]')
  return 0 <= left < right <= width and 0 <= top < bottom <= height


def test_the_player_is_in_view_beside_the_last_figure(scrolled):
  for name in ('player', 'screen', 'scrub', 'play'):
    assert _within(scrolled, f'#{name}'), name
  scrolled.page.click('#forward')
  scrolled.wait(row=1)
  left, top, *_ = scrolled.box('#section-5 figure img')
  _, _, right, bottom = scrolled.box('#player')
  assert left >= right or top >= bottom


def test_a_link_leads_to_a_heading_that_nothing_covers(scrolled):
  scrolled.page.click('nav a[href="#section-4"]')
  scrolled.page.wait_for_timeout(100)
  left, top, *_ = scrolled.box('#section-4 h2')
  assert _within(scrolled, '#section-4 h2')
  _, _, right, below = scrolled.box('#player')
  assert left >= right or top >= below


def test_the_pinned_player_is_folded_and_enlarged(browser, long):
  page = browser.new_page(viewport={'width': 390, 'height': 844})
  shown = in_browser.Report(page, long)

  def height():
    _, top, _, bottom = shown.box('#player')
    return bottom - top

  small = height()
  assert small < 844 / 3
  page.click('#fold')
  shown.wait(size='folded')
  assert height() < 70 and not page.locator('#screen').is_visible()
  assert page.get_attribute('#fold', 'aria-expanded') == 'false'
  shown.go(3)
  page.click('#fold')
  shown.wait(size='small')
  assert height() == small
  page.click('#enlarge')
  shown.wait(size='large')
  assert height() > 2 * small and _within(shown, '#player')
  assert page.locator('#speed').is_visible()
  page.click('#enlarge')
  shown.wait(size='small')
  assert shown.said == []
  page.close()


def test_a_wide_page_has_nothing_to_fold(opened):
  for name in ('fold', 'enlarge'):
    assert not opened.page.locator(f'#{name}').is_visible()


def test_a_narrow_page_needs_no_scrolling_sideways(browser, path):
  for width in (1000, 700, 420, 390):
    page = browser.new_page(viewport={'width': width, 'height': 800})
    in_browser.Report(page, path)
    wide = page.evaluate('document.documentElement.scrollWidth')
    assert wide <= width
    page.close()


@pytest.mark.parametrize('shape', [(42, 32), (30, 96), (96, 30)])
def test_pictures_keep_their_shape(browser, tmp_path, shape):
  frames = [np.full((*shape, 3), row, np.uint8) for row in range(sample.ROWS)]
  path = tmp_path / 'report.html'
  report.write(dataclasses.replace(sample.data(), frames=frames), path)
  for width, height in _SIZES.items():
    page = browser.new_page(viewport={'width': width, 'height': height})
    shown = in_browser.Report(page, path)
    for name in ('screen', 'head-canvas-0'):
      left, top, right, bottom = shown.box(f'#{name}')
      ratio = (bottom - top) / (right - left)
      assert ratio == pytest.approx(shape[0] / shape[1], rel=0.03)
    _, top, _, bottom = shown.box('#player')
    assert bottom - top < height
    page.close()

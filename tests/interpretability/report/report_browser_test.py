"""The report in a browser: what it draws, and what its controls do."""

import numpy as np
import pytest

from attn_agents.interpretability.drawing import overlays
from attn_agents.interpretability.report import report
from tests.interpretability.report import in_browser, sample


def _lit(row, heads):
  data = sample.data()
  return overlays.spotlight(
    data.frames[row],
    data.attention[row, heads],
    [overlays.HEAD_COLOURS[head] for head in heads],
  )


def test_scrubbing_shows_each_row_as_python_draws_it(opened):
  for row in (7, 0, 11):
    opened.go(row)
    assert opened.shows(_lit(row, [0, 1, 2]))
    for head in range(3):
      assert opened.shows(_lit(row, [head]), f'head-canvas-{head}')
  assert '0:00.7' in opened.page.text_content('#clock')
  assert opened.page.text_content('#reading-1') == 'none'
  opened.go(4)
  assert opened.page.text_content('#reading-1') == 'UP'


def test_heads_are_shown_and_hidden_by_click_and_by_key(opened):
  opened.go(3)
  opened.page.click('#head-1')
  opened.wait(heads='0,2')
  assert opened.pressed('head-1') == 'false'
  assert opened.shows(_lit(3, [0, 2]))
  opened.page.keyboard.press('1')
  opened.wait(heads='2')
  assert opened.shows(_lit(3, [2]))
  opened.page.keyboard.press('3')
  opened.wait(heads='')
  np.testing.assert_array_equal(opened.pixels('screen'), sample.frame(3))
  opened.page.keyboard.press('0')
  opened.wait(heads='0,1,2')
  assert opened.pressed('head-1') == 'true'


def test_layers_are_drawn_at_the_rows_they_hold_for(opened):
  data = sample.data()
  heat, signed = data.layers
  opened.page.keyboard.press('0')
  opened.go(5)
  opened.page.click('#layer-0')
  opened.wait(heads='', layers='0')
  drawn = overlays.saliency(sample.frame(5), heat.maps[1], heat.colour)
  assert opened.shows(drawn)
  opened.page.keyboard.press('ArrowRight')
  opened.wait(row=6)
  np.testing.assert_array_equal(opened.pixels('screen'), sample.frame(6))
  # The small picture keeps the frame that the map belongs to.
  assert opened.shows(drawn, 'layer-canvas-0')
  assert opened.page.text_content('#layer-text-0') == 'of step 5'
  white = overlays.what_where(signed.maps[1], sample.SHAPE, limit=None)
  assert opened.shows(white, 'layer-canvas-1')
  opened.page.click('#layer-1')
  opened.page.click('[data-of="1"][data-layer-step="-1"]')
  opened.wait(row=4, layers='0,1')
  grey = overlays.grey(sample.frame(4))
  assert opened.shows(overlays.signed(grey, signed.maps[1]))


def test_opacity_and_scale_change_what_is_drawn(opened):
  data = sample.data()
  opened.go(2)
  opened.page.select_option('#scale', 'shared')
  largest = data.attention.max()
  expected = overlays.spotlight(
    data.frames[2], data.attention[2], overlays.HEAD_COLOURS[:3], scale=largest
  )
  _until(lambda: opened.shows(expected), opened)
  opened.page.locator('#opacity').fill('0')
  _until(
    lambda: np.array_equal(opened.pixels('screen'), data.frames[2]), opened
  )


def test_it_plays_pauses_and_ends(opened):
  opened.page.select_option('#speed', '0.25')
  opened.wait(speed='0.25')
  opened.page.click('#play')
  opened.wait(playing='true')
  assert opened.page.get_attribute('#play', 'aria-label') == 'Pause'
  before = opened.hash('screen')
  _until(lambda: opened.row() >= 2, opened)
  assert opened.hash('screen') != before
  opened.page.locator('h1').click()
  opened.page.keyboard.press(' ')
  opened.wait(playing='false')
  row = opened.row()
  assert row < 11
  opened.page.wait_for_timeout(500)
  assert opened.row() == row
  for speed in ('0.5', '1', '2', '4', '4'):
    opened.page.keyboard.press('+')
    opened.wait(speed=speed)
  opened.page.keyboard.press('-')
  opened.wait(speed='2')
  opened.page.keyboard.press(' ')
  opened.wait(row=11, playing='false')


def test_keys_move_by_rows(opened):
  for key, row in [
    ('End', 11), ('ArrowLeft', 10), ('ArrowLeft', 9), ('ArrowRight', 10),
    ('Shift+ArrowLeft', 0), ('ArrowLeft', 0), ('Shift+ArrowRight', 11),
    ('Home', 0),
  ]:  # fmt: skip
    opened.page.keyboard.press(key)
    opened.wait(row=row)
  # The same with the scrub bar in use, which has keys of its own.
  opened.page.focus('#scrub')
  opened.page.keyboard.press('ArrowRight')
  opened.wait(row=1)
  opened.page.keyboard.press('?')
  assert opened.page.locator('#help').is_visible()
  opened.page.keyboard.press('ArrowRight')
  opened.page.keyboard.press('Escape')
  assert not opened.page.locator('#help').is_visible()
  opened.wait(row=1)


def test_the_timeline_leads_to_its_rows(opened):
  box = opened.page.locator('#timeline').bounding_box()
  left, right = box['x'] + 62, box['x'] + box['width'] - 14
  before = opened.hash('timeline')
  y = box['y'] + 60
  opened.page.mouse.click(left + (right - left) * 6 / 11, y)
  opened.wait(row=6)
  assert opened.hash('timeline') != before
  opened.page.mouse.move(left + (right - left) * 3 / 11, y)
  opened.page.mouse.down()
  opened.wait(row=3)
  opened.page.mouse.move(right + 10, y)
  opened.wait(row=11)
  opened.page.mouse.up()
  opened.page.mouse.move(left, y)
  opened.go(5)


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_text_is_legible_in_both_colour_schemes(browser, path, scheme):
  page = browser.new_page(color_scheme=scheme)
  shown = in_browser.Report(page, path)
  for selector in ('body', '.subtitle', '.detail', 'a', '#play', 'dt'):
    text, ground = page.evaluate(
      """selector => {
        const style = (element) => getComputedStyle(element);
        const found = document.querySelector(selector);
        let behind = found;
        const clear = 'rgba(0, 0, 0, 0)';
        while (style(behind).backgroundColor === clear) {
          behind = behind.parentElement;
        }
        return [style(found).color, style(behind).backgroundColor];
      }""",
      selector,
    )
    assert _contrast(text, ground) >= 4.5, selector
  assert shown.said == []
  page.close()


def test_without_attention_what_applies_is_shown(browser, tmp_path):
  path = tmp_path / 'report.html'
  report.write(sample.data(attention=False), path)
  page = browser.new_page()
  shown = in_browser.Report(page, path)
  shown.go(5)
  np.testing.assert_array_equal(shown.pixels('screen'), sample.frame(5))
  page.keyboard.press('1')
  page.click('#layer-0')
  shown.wait(layers='0')
  heat = sample.data().layers[0]
  drawn = overlays.saliency(sample.frame(5), heat.maps[1], heat.colour)
  assert shown.shows(drawn)
  assert shown.said == []
  page.close()


def _until(condition, shown):
  for _ in range(100):
    if condition():
      return
    shown.page.wait_for_timeout(50)
  raise AssertionError('it did not come to be')


def _contrast(one, other):
  """Of two CSS colours, as WCAG 2 defines it."""

  def luminance(text):
    c = np.array([float(x) for x in text[4:-1].split(',')[:3]]) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722] + 0.05

  first, second = luminance(one), luminance(other)
  return max(first, second) / min(first, second)

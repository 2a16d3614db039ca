"""The live view in a real browser, beside a run that trains."""

import shutil
import signal
import time

import pytest

from tests.launch import running, watching

_CHROMIUM = shutil.which('chromium')


@pytest.fixture
def page():
  """A page of headless Chromium, and what its console says."""
  api = pytest.importorskip(
    'playwright.sync_api', reason='Playwright is not installed'
  )
  if _CHROMIUM is None:
    pytest.skip('chromium is not installed')
  with api.sync_playwright() as playwright:
    browser = playwright.chromium.launch(
      executable_path=_CHROMIUM, args=['--no-sandbox']
    )
    page = browser.new_page()
    said = []
    page.on('console', lambda message: said.append(message.text))
    page.on('pageerror', lambda error: said.append(str(error)))
    yield page, said
    browser.close()


def _data(page, name):
  return page.get_attribute('#view', f'data-{name}')


def _wait_until_above(page, name, number, seconds=120.0):
  deadline = time.monotonic() + seconds
  while int(_data(page, name)) <= number:
    assert time.monotonic() < deadline, f'{name} stays {_data(page, name)}'
    page.wait_for_timeout(100)


def _frames_per_second(page, seconds=10.0):
  first, start = int(_data(page, 'frames-shown')), time.monotonic()
  page.wait_for_timeout(1000 * seconds)
  shown = int(_data(page, 'frames-shown')) - first
  return shown / (time.monotonic() - start)


def _pixels(page, selector):
  return page.eval_on_selector(
    selector, "canvas => canvas.toDataURL('image/png')"
  )


@pytest.mark.slow
def test_it_plays_what_training_saves(page, tmp_path):
  page, said = page
  run = running.LocalRun(
    tmp_path / 'run', '--runtime=threads', '--agent=s3ta', '--game=catch',
    '--preset=small', '--set=runtime.checkpoint_every_seconds=5',
  )  # fmt: skip
  try:
    # The page may be open before there is anything to play.
    run.wait_until((tmp_path / 'run' / 'checkpoints').is_dir)
    with watching.watch(tmp_path / 'run', '--fps=20') as (process, url):
      page.goto(url)
      page.wait_for_selector('[data-stage=playing]#view', timeout=240_000)
      _wait_until_above(page, 'frames-shown', 20)
      first = int(_data(page, 'checkpoint'))
      before = _pixels(page, '#game')
      # The best of a minute: others may be using the machine, too.
      rates = [_frames_per_second(page) for _ in range(6)]
      print(f'frames per second in turns of 10 s: {rates}')
      assert max(rates) >= 15.0
      _wait_until_above(page, 'checkpoint', first)
      assert page.locator('#checkpoint-box.changed').count() == 1
      assert page.inner_text('#run') == 'run'
      shown, says = page.evaluate(
        "[view.dataset.checkpoint, document.querySelector('#checkpoint').value]"
      )
      assert says == f'{int(shown):,}'
      assert _pixels(page, '#game') != before
      _toggle_heads(page)
      _check_that_the_game_stays_in_view(page)
      assert said == []
      assert run.process.poll() is None, run.text()
      assert watching.end(process, signal.SIGINT) == ''
      page.wait_for_selector('[data-stage=gone]#view')
      assert 'has ended' in page.inner_text('#notice')
  finally:
    run.process.send_signal(signal.SIGINT)
    run.end(timeout=60)


def _check_that_the_game_stays_in_view(page):
  for width, height in ((1280, 600), (390, 844)):
    page.set_viewport_size({'width': width, 'height': height})
    page.evaluate('window.scrollTo(0, 1e6)')
    assert page.evaluate('window.scrollY') > 100
    top, bottom = page.eval_on_selector(
      '#game',
      """canvas => {
        const {top, bottom} = canvas.getBoundingClientRect();
        return [top, bottom];
      }""",
    )
    assert 0 <= top < bottom <= height
    assert page.evaluate('document.documentElement.scrollWidth') <= width


def _toggle_heads(page):
  """What is drawn over the game is only that of heads that are chosen."""
  heads = page.locator('.head')
  assert heads.count() == 4
  # One colour less, one after the other, until the game is black and white.
  colourful = """canvas => {
    const {width, height} = canvas;
    const copy = new OffscreenCanvas(width, height).getContext('2d');
    copy.drawImage(canvas, 0, 0);
    const {data} = copy.getImageData(0, 0, width, height);
    return data.some((x, i) => i % 4 < 2 && Math.abs(x - data[i + 1]) > 8);
  }"""
  assert page.eval_on_selector('#game', colourful)
  heads.nth(0).click()
  for key in '234':
    page.keyboard.press(key)
  assert page.locator('.head[aria-pressed=false]').count() == 4
  assert not page.eval_on_selector('#game', colourful)
  page.keyboard.press('3')
  assert page.eval_on_selector('#game', colourful)

"""The live page puts cells where the report does."""

import pathlib
import shutil

import numpy as np
import pytest
from playwright import sync_api

from attn_agents import watching
from attn_agents.interpretability.screen import cells
from attn_agents.watching import shots
from configs import agents

_CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')
_PICTURES = pathlib.Path(watching.__file__).parent / 'page' / 'pictures.js'
_DRAW = """map => {
  %s
  map.weights = new Uint8Array(map.weights);
  const [width, height] = [160, 210];
  const frame = new OffscreenCanvas(width, height);
  const black = frame.getContext('2d');
  black.fillRect(0, 0, width, height);
  const canvas = new OffscreenCanvas(1, 1);
  drawHead(canvas, frame, map, [255, 0, 0, 255], false);
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  return [...data].filter((_, i) => i %% 4 === 0);
}"""


@pytest.fixture(scope='module')
def page():
  if _CHROMIUM is None:
    pytest.skip('neither chromium nor google-chrome is installed')
  with sync_api.sync_playwright() as playwright:
    browser = playwright.chromium.launch(
      executable_path=_CHROMIUM, args=['--no-sandbox']
    )
    yield browser.new_page()
    browser.close()


@pytest.mark.parametrize(
  ('agent', 'preset', 'size', 'corner'),
  [
    # Centres of cells are 17, 25, ... of 84 pixels: the first cell ends at 21,
    # which is 52.5 of 210 rows, and 40 of 160 columns.
    ('darqn_soft', 'paper', (7, 7), (52.5, 40)),
    ('s3ta', 'paper', (27, 20), None),
  ],
)
def test_cells_cover_the_screen_as_in_the_report(
  page, agent, preset, size, corner
):
  grid = cells.of_agent(agents.make(agent, preset), size)
  source = _PICTURES.read_text().replace('export ', '')
  for cell in ((0, 0), (size[0] - 1, size[1] - 1), (2, 3)):
    weights = np.zeros(size, np.float32)
    weights[cell] = 1
    described = shots._described(shots.Map('', weights, grid))
    given = {**described, 'weights': (255 * weights).ravel().tolist()}
    red = np.reshape(page.evaluate(_DRAW % source, given), (210, 160)) > 0
    # Canvases round borders that fall into a pixel.
    found = _span(red)
    expected = _span(cells.resize(weights, grid, 'nearest') > 0)
    np.testing.assert_allclose(found, expected, atol=1)
    if cell == (0, 0):
      assert found[:2] == (0, 0)
      if corner:
        np.testing.assert_allclose(found[2:], corner, atol=1)
    if cell == (size[0] - 1, size[1] - 1):
      assert found[2:] == (210, 160)


def _span(pixels):
  """Top, left, bottom and right of a rectangle."""
  rows, columns = map(np.flatnonzero, (pixels.any(1), pixels.any(0)))
  assert pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
  return rows[0], columns[0], rows[-1] + 1, columns[-1] + 1

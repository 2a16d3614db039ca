"""A report opened in a browser."""

import numpy as np

_TIMEOUT = 20_000
# Read from a copy: the browser warns where a canvas on screen is read often.
_COPY = """id => {
  const canvas = document.getElementById(id);
  const { width, height } = canvas;
  const copy = new OffscreenCanvas(width, height);
  const context = copy.getContext('2d', { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
"""
_PIXELS = _COPY + 'return [height, width, ...data]; }'
_HASH = _COPY + 'return data.reduce((h, x) => (31 * h + x) >>> 0, 7); }'


class Report:
  """An open report; notes whatever the page says or asks for."""

  def __init__(self, page, path):
    self.page, self.path, self.said, self.asked = page, path, [], []
    page.set_default_timeout(_TIMEOUT)
    page.on('console', lambda message: self.said.append(message.text))
    page.on('pageerror', lambda error: self.said.append(str(error)))
    page.on('request', lambda request: self.asked.append(request.url))
    page.goto(path.as_uri())
    self.wait(row=0)

  def wait(self, **state):
    """Until this has been drawn."""
    wanted = ''.join(f'[data-{k}="{v}"]' for k, v in state.items())
    self.page.wait_for_selector(f'#player{wanted}', state='attached')

  def go(self, row):
    self.page.locator('#scrub').fill(str(row))
    self.wait(row=row)

  def pixels(self, name):
    height, width, *values = self.page.evaluate(_PIXELS, name)
    return np.array(values, int).reshape(height, width, 4)[..., :3]

  def hash(self, name):
    return self.page.evaluate(_HASH, name)

  def shows(self, expected, name='screen'):
    """Whether a canvas shows this, but for maps in steps of a 255th."""
    return np.abs(self.pixels(name) - expected).max() <= 3

  def row(self):
    return int(self.page.get_attribute('#player', 'data-row'))

  def pressed(self, name):
    return self.page.get_attribute(f'#{name}', 'aria-pressed')

  def box(self, selector):
    """Left, top, right and bottom in the viewport, CSS pixels."""
    return self.page.evaluate(
      """selector => {
        const box = document.querySelector(selector).getBoundingClientRect();
        return [box.left, box.top, box.right, box.bottom];
      }""",
      selector,
    )

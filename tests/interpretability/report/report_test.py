"""What is in a report, read from its HTML, is what was put there."""

import base64
import dataclasses
import html.parser
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from attn_agents.interpretability.drawing import overlays
from attn_agents.interpretability.report import encoding, report, report_data
from tests.interpretability.report import sample


class _Page(html.parser.HTMLParser):
  """Elements, and the text of scripts and of all else."""

  def __init__(self, text):
    super().__init__()
    self.elements, self.scripts, self.text = [], [], ''
    self._inside = None
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    self.elements.append((tag, dict(attrs)))
    self._inside = tag

  def handle_endtag(self, tag):
    self._inside = None

  def handle_data(self, data):
    if self._inside == 'script':
      self.scripts.append(data)
    else:
      self.text += data

  def content(self):
    return json.loads(self.scripts[0])


def _content(data):
  return _Page(report.render(data)).content()


def _maps(encoded, signed):
  """float [M, h, w], as `report_data` says."""
  size = encoded['height'] * encoded['width']
  levels = np.frombuffer(base64.b64decode(encoded['values']), np.uint8)
  levels = levels.reshape(len(encoded['scales']), size).astype(float)
  levels = (levels - 128) / 127 if signed else levels / 255
  levels *= np.array(encoded['scales'])[:, None]
  return levels.reshape(-1, encoded['height'], encoded['width'])


def test_frames_are_read_back_exactly():
  data = sample.data()
  encoded = _content(data)['frames']
  assert len(encoded) == len(data.frames)
  for text, frame in zip(encoded, data.frames, strict=True):
    image = Image.open(io.BytesIO(base64.b64decode(text)))
    np.testing.assert_array_equal(np.asarray(image.convert('RGB')), frame)


@pytest.mark.parametrize(
  ('colours', 'bits'),
  [(1, 1), (2, 1), (3, 2), (4, 2), (5, 4), (16, 4), (17, 8), (256, 8),
   (257, 8)],
)  # fmt: skip
def test_pngs_are_exact_and_have_a_palette_where_it_fits(colours, bits):
  rng = np.random.default_rng(colours)
  palette = rng.choice(2**24, colours, replace=False)
  packed = np.resize(palette, (40, 30))
  frame = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], -1)
  frame = frame.astype(np.uint8)
  content = encoding.encode_png(frame)
  # The header has the bits of a pixel, or of a channel, after the size.
  assert content[24] == bits
  image = Image.open(io.BytesIO(content))
  assert image.mode == ('P' if colours <= 256 else 'RGB')
  np.testing.assert_array_equal(np.asarray(image.convert('RGB')), frame)


def test_maps_are_read_back_to_a_255th_of_their_largest_value():
  data = sample.data()
  content = _content(data)
  for encoded, signed, maps in [
    (content['drawnAttention'], False, data.attention.reshape(-1, 5, 4)),
    *(
      (layer, given.kind == 'signed', given.maps)
      for layer, given in zip(content['layers'], data.layers, strict=True)
    ),
  ]:
    step = np.abs(maps).max(axis=(1, 2), keepdims=True) / (
      254 if signed else 510
    )
    assert (np.abs(_maps(encoded, signed) - maps) <= 1.01 * step).all()
  assert content['attention']['heads'] == 3
  for layer, given in zip(content['layers'], data.layers, strict=True):
    assert layer['rows'] == given.rows.tolist()
  assert not _maps(
    encoding.encode_maps('', np.zeros((1, 2, 2)), True), True
  ).any()


def test_a_heads_numbers_are_of_its_full_weights():
  # One cell has half of the weight, and 539 share the other half: each of them
  # is a 539th of the largest, and 0 as a byte.
  weights = np.full((2, 1, 27, 20), 0.5 / 539, np.float32)
  weights[:, 0, 13, 7] = 0.5
  weights[1] = 0
  data = dataclasses.replace(
    sample.data(), frames=[sample.frame(0)] * 2, attention=weights, layers=[],
    timelines=[],
  )  # fmt: skip
  found = _content(data)['attention']
  # exp(-0.5 ln 0.5 - 0.5 ln(0.5 / 539)) = 2 sqrt(539)
  assert found['cells'] == [pytest.approx(46.4327, rel=1e-4), 0]
  assert (found['heads'], found['largest']) == (1, [0.5, 0])


def test_timelines_are_read_back_with_gaps():
  data = sample.data()
  for encoded, given in zip(
    _content(data)['timelines'], data.timelines, strict=True
  ):
    values = np.array(encoded['lines'], float).T
    expected = given.values.reshape(len(given.values), -1)
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    assert encoded['kind'] == given.kind
  assert np.isnan(data.timelines[1].values).any()


def test_text_is_text_wherever_it_stands():
  evil = (
    '</script><script>alert(1)</script>"\'><img src=x onerror=alert(2)>\u2028'
  )
  data = sample.data()
  layer = dataclasses.replace(data.layers[0], name=evil, description=evil)
  figure = dataclasses.replace(data.sections[0].figures[0], caption=evil)
  table = report_data.Table(evil, [evil], [[evil]])
  page = report.render(
    dataclasses.replace(
      data,
      title=evil, subtitle=evil, facts={evil: evil}, notes=[evil],
      action_names=[evil] * 3, layers=[layer],
      timelines=[dataclasses.replace(data.timelines[0], name=evil)],
      sections=[report_data.Section(evil, evil, [figure], [table])],
    )
  )  # fmt: skip
  plain, parsed = _Page(report.render(data)), _Page(page)
  assert len(parsed.scripts) == len(plain.scripts) == 2
  tags = {tag for tag, _ in plain.elements}
  assert {tag for tag, _ in parsed.elements} == tags
  assert not any('onerror' in attrs for _, attrs in parsed.elements)
  assert parsed.content()['actionNames'] == [evil] * 3
  assert parsed.content()['layers'][0]['name'] == evil
  assert parsed.text.count(evil) >= 9


def test_nothing_in_json_can_begin_or_end_a_script():
  content = ['<!--<script>', '</script>', '&lt;', '\u2028']
  text = str(report.embedded_json(content))
  # Nor is there a space that nobody reads.
  assert not set(text) & set('<>&\u2028 ')
  assert json.loads(text) == content


def test_what_no_browser_reads_as_json_is_refused():
  with pytest.raises(ValueError, match='JSON'):
    report.embedded_json([float('nan')])


def test_the_page_asks_for_nothing_outside_itself():
  page = report.render(sample.data())
  for tag, attrs in _Page(page).elements:
    for name in ('src', 'href', 'action', 'data', 'srcset'):
      where = attrs.get(name) or '#'
      assert where.startswith(('data:', '#')), (tag, name, where)
  assert 'url(' not in page and '@import' not in page
  (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
  assert "default-src 'none'" in policy and 'unsafe' not in policy


def test_a_table_s_numbers_have_four_digits():
  page = report.render(sample.data())
  assert '<td class="number">0.3333</td>' in page
  assert '<td class="number">12345</td>' in page
  assert '<td class="number">n/a</td>' in page
  assert '<td>head 1</td>' in page


def test_numbers_with_signs_and_errors_are_aligned_as_numbers():
  data = sample.data()
  numbers = ['+0.12', '-1.5', '98%', '12.3 ± 4.5 %', '> 15', '-']
  rows = [[text, ''] for text in [*numbers, 'head 1', '1 to 2']]
  table = report_data.Table('', ['x', 'nothing'], rows)
  section = dataclasses.replace(data.sections[0], tables=[table])
  page = report.render(dataclasses.replace(data, sections=[section]))
  cells = re.findall(r'<td class="number">(.*?)</td>', page)
  assert cells == [text.replace('>', '&gt;') for text in numbers]
  assert '<th scope="col" class="number">x</th>' in page
  assert '<th scope="col">nothing</th>' in page


def test_an_agent_without_attention_says_so():
  with_heads = report.render(sample.data())
  page = report.render(sample.data(attention=False))
  assert 'no attention heads' in page and 'no attention heads' not in with_heads
  assert 'id="head-0"' in with_heads and 'id="head-0"' not in page
  assert _Page(page).content()['attention'] is None


def test_a_minute_of_noise_stays_small_for_every_row():
  """Frames as hard as those of games get: 40 moving objects of 64 colours."""
  rng = np.random.default_rng(0)
  sizes = []
  for _ in range(4):
    frame = np.zeros((210, 160, 3), np.uint8)
    for colour in rng.integers(0, 256, (40, 3)):
      y, x = rng.integers(0, 190), rng.integers(0, 140)
      frame[y : y + 20, x : x + 20][rng.random((20, 20)) < 0.7] = colour
    sizes.append(4 / 3 * len(encoding.encode_png(frame)))
  maps = encoding.encode_maps('', rng.random((8, 27, 20)), False)
  assert 900 * (max(sizes) + len(maps['values'])) < 25e6


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'frames': []}, 'no frames'),
    ({'attention': np.ones((3, 1, 2, 2))}, 'attention: expected 12 rows'),
    ({'attention': np.full((12, 1, 2, 2), np.nan)}, 'are finite'),
    ({'attention': np.full((12, 1, 2, 2), -1.0)}, 'negative'),
    ({'timelines': [report_data.Timeline('Value', np.ones(5))]}, 'Value: exp'),
    ({'layers': [sample.layer(rows=[0, 12])]}, 'ascend within 0 to 11'),
    ({'layers': [sample.layer(rows=[-1, 4])]}, 'rows must ascend'),
    ({'layers': [sample.layer(rows=[5, 4])]}, 'rows must ascend'),
    ({'layers': [sample.layer(rows=[4, 4])]}, 'rows must ascend'),
    ({'layers': [sample.layer(rows=[4])]}, 'expected 1 rows'),
    ({'frames': [np.zeros((2, 2, 3))]}, 'float64'),
  ],
)  # fmt: skip
def test_data_that_do_not_fit_are_refused(changes, message, tmp_path):
  data = dataclasses.replace(sample.data(), **changes)
  with pytest.raises(ValueError, match=message):
    report.write(data, tmp_path / 'report.html')
  assert list(tmp_path.iterdir()) == []


def test_the_page_s_formulas_have_the_numbers_of_ours():
  content = _content(sample.data())
  assert content['tint'] == overlays.TINT
  assert content['opacity'] == overlays.OPACITY
  assert content['headColours'] == [list(x) for x in overlays.HEAD_COLOURS]
  assert content['signedColours'] == [
    list(overlays.WHAT_COLOUR), list(overlays.WHERE_COLOUR),
  ]  # fmt: skip


def test_the_player_is_told_the_size_and_time_of_the_game():
  data = dataclasses.replace(
    sample.data(), starts=np.array([0, 7]), rows_per_second=12.5
  )
  page = _Page(report.render(data))
  content = page.content()
  assert (content['height'], content['width']) == sample.SHAPE
  assert (content['starts'], content['rowsPerSecond']) == ([0, 7], 12.5)
  assert content['actionNames'] == ['NOOP', 'UP', 'DOWN']
  inputs = {
    attrs['id']: attrs for tag, attrs in page.elements if tag == 'input'
  }
  # The last row, and the share that the overlays have in Python.
  assert inputs['scrub']['max'] == '11'
  assert int(inputs['opacity']['value']) == 100 * overlays.OPACITY


def test_maps_for_drawing_may_be_finer_than_the_weights():
  data = sample.data()
  finer = data.attention.repeat(2, axis=2).repeat(3, axis=3)
  content = _content(dataclasses.replace(data, drawn_attention=finer))
  drawn = content['drawnAttention']
  assert (drawn['height'], drawn['width']) == (10, 12)
  assert content['attention'] == _content(data)['attention']


def test_text_of_figures_has_the_size_of_text_beside_them():
  # 9 points are 18.75 pixels of a figure, at 150 in an inch.
  buffer = io.BytesIO()
  Image.fromarray(np.zeros((70, 1000, 3), np.uint8)).save(buffer, 'png')
  data = sample.data()
  figure = report_data.Figure('wide', buffer.getvalue())
  section = dataclasses.replace(data.sections[0], figures=[figure])
  page = report.render(dataclasses.replace(data, sections=[section]))
  (width,) = (
    int(attrs['width']) for tag, attrs in _Page(page).elements if tag == 'img'
  )
  assert width / 1000 * 18.75 == pytest.approx(14.25, abs=0.1)

"""What all figures share: sizes, frames of pictures, colours and styles."""

import io

import matplotlib
import numpy as np
import pytest
from PIL import Image

from attn_agents.interpretability.drawing import figures, overlays
from tests.interpretability.drawing import legibility


def _lines(count, baselines=()):
  """The lines that are drawn of so many curves, each with its name."""
  _, ((panel,),) = figures.new(1, 1, 2.0)
  curves = {f'curve {number}': np.arange(3) for number in range(count)}
  figures.lines(panel, np.arange(3), curves, baselines)
  return panel.lines


def test_a_strip_is_as_wide_as_the_text_and_full_of_pictures():
  frames = list(legibility.FRAMES) * 2
  times = [0.0, 1.04, 2.0, 3.0, 4.0, 15.0]
  made = figures.strip([frames] * 2, ['a', 'b'], times)
  # The page's text is 17 cm wide.
  assert made.get_size_inches()[0] * 2.54 == pytest.approx(17, abs=0.2)
  left, top, right, bottom = legibility.boxes(made).reshape(2, 6, 4).T
  np.testing.assert_allclose((bottom - top) / (right - left), 42 / 32, 0.01)
  # By column and row.
  assert (left[1:] - right[:-1] < 0.1).all()
  assert (top[:, 1:] - bottom[:, :-1] < 0.25).all()
  assert made.get_size_inches()[1] - bottom[0, -1] < 0.2 and top[0, 0] < 0.35
  above, below = np.array(made.axes).reshape(2, 6)
  assert [panel.get_title() for panel in above] == [
    '0.0 s', '1.0 s', '2.0 s', '3.0 s', '4.0 s', '15.0 s',
  ]  # fmt: skip
  assert [panel.get_ylabel() for panel in (above[0], below[0])] == ['a', 'b']
  assert not any(panel.get_title() for panel in below)
  assert not any(panel.get_ylabel() for panel in above[1:])


def test_rows_of_a_strip_may_have_no_times_and_one_row_or_moment():
  frame = legibility.FRAMES[0]
  for pictures in ([[frame, frame]], [[frame], [frame]]):
    made = figures.strip(pictures, ['name'] * len(pictures))
    assert not any(panel.get_title() for panel in made.axes)


def test_pictures_have_a_pale_frame_and_no_ticks():
  with matplotlib.rc_context(figures._STYLE):
    _, ((first, second),) = figures.new(1, 2, 2.0)
  for panel, title in ((first, 'a title'), (second, '')):
    panel.set_title('of before')
    figures.show(panel, legibility.FRAMES[0], title)
    assert panel.get_title() == (title or 'of before')
    assert not len(panel.get_xticks()) and not len(panel.get_yticks())
    for spine in panel.spines.values():
      assert spine.get_visible()
      level, *others, _ = spine.get_edgecolor()
      assert 0.5 < level < 0.9 and others == [level, level]
      # Thinner than an axis, which is 0.8 points.
      assert spine.get_linewidth() < 0.8
  np.testing.assert_array_equal(legibility.image(first), legibility.FRAMES[0])


@figures.styled
def _styled():
  figure, ((panel,),) = figures.new(1, 1, 2.0)
  panel.plot([0, 1], label='a')
  panel.set_title('a')
  panel.set_xlabel('a')
  figure.suptitle('a')
  panel.legend()
  return figure


def test_text_has_the_size_of_the_page_s_and_titles_one_point_more():
  made = _styled()
  (panel,) = made.axes
  small = [
    *panel.get_xticklabels(), *panel.get_yticklabels(), panel.xaxis.label,
    *panel.get_legend().get_texts(),
  ]  # fmt: skip
  assert {text.get_fontsize() for text in small} == {9}
  assert panel.title.get_fontsize() == made._suptitle.get_fontsize() == 10


def test_panels_are_open_above_and_to_the_right_and_legends_have_no_frame():
  (panel,) = _styled().axes
  shown = {name: spine.get_visible() for name, spine in panel.spines.items()}
  assert shown == {'left': True, 'bottom': True, 'top': False, 'right': False}
  assert not panel.get_legend().get_frame_on()


def test_a_figure_is_a_png_whatever_the_default_format_is():
  with matplotlib.rc_context({'savefig.format': 'svg'}):
    content = figures.png(_styled())
  assert Image.open(io.BytesIO(content)).size == (round(6.75 * 150), 300)


def test_curves_beyond_the_colours_are_dashed():
  drawn = _lines(13)
  assert [line.get_linestyle() for line in drawn] == [
    *['-'] * 6, *['--'] * 6, '-.',
  ]  # fmt: skip
  colours = [line.get_color() for line in drawn]
  assert len(set(colours)) == 6
  assert colours[6:12] == colours[:6] and colours[12] == colours[0]


def test_baselines_are_of_one_grey_and_never_solid():
  names = [f'curve {number}' for number in (1, 2, 4, 5)]
  drawn = _lines(6, names)
  assert [line.get_linestyle() for line in drawn] == [
    '-', '--', '-.', '-', ':', '--',
  ]  # fmt: skip
  greys = {drawn[number].get_color() for number in (1, 2, 4, 5)}
  (grey,) = map(matplotlib.colors.to_rgb, greys)
  assert len(set(grey)) == 1
  # The others have the colours that they have without baselines.
  plain = _lines(6)
  for number in (0, 3):
    assert drawn[number].get_color() == plain[number].get_color()
  assert [line.get_label() for line in drawn] == [
    f'curve {number}' for number in range(6)
  ]


def test_heads_have_the_colour_of_the_overlays_whatever_their_number():
  names = figures.head_names(8)
  assert (names[0], names[7]) == ('head 1', 'head 8')
  for name, colour in zip(names, overlays.HEAD_COLOURS, strict=True):
    found = figures.curve_colour(name, 3)
    np.testing.assert_allclose(np.array(found) * 255, colour)

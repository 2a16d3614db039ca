"""The figure of trust shows the curves it was given."""

import matplotlib
import numpy as np
import pytest

from attn_agents.interpretability.drawing import figures
from attn_agents.interpretability.trust import figure
from tests.interpretability.drawing import legibility

_MADE = {
  'trust': lambda: figure.draw(
    np.arange(11) / 10,
    legibility.curves('attention', 'random'),
    legibility.curves('attention', 'random'),
    legibility.curves('head 1', 'head 2', 'other rows'),
    ['random', 'other rows'],
  ),
}


@pytest.mark.parametrize('name', _MADE)
def test_text_is_legible(name):
  legibility.check(_MADE[name]())


def test_agreement_leaves_out_rows_without_any():
  agreement = {'head 1': np.array([0.1, np.nan, 0.3, 0.2])}
  curve = {'head 1': np.array([1, 0])}
  made = figure.draw([0, 1], curve, curve, agreement)
  panel = made.axes[2]
  assert any(
    np.allclose(line.get_ydata(), 0.2) and len(line.get_ydata()) == 2
    for line in panel.lines
  )


def test_baselines_are_grey_and_dashed():
  trusted = _MADE['trust']().axes[0]
  assert [line.get_linestyle() for line in trusted.lines] == ['-', '--']
  grey = matplotlib.colors.to_rgb(trusted.lines[1].get_color())
  assert len(set(grey)) == 1


def test_deletion_and_insertion_are_over_the_cells_in_percent():
  curves = [{'attention': np.array([0.0, 0.5, 1.0])} for _ in range(2)]
  curves[1]['attention'] = np.array([1.0, 0.25, 0.0])
  made = figure.draw([0.0, 0.25, 1.0], *curves, {'head 1': np.ones(2)})
  left, middle, _ = made.axes
  for panel, curve, title in (
    (left, curves[0], 'deletion\n(large is good)'),
    (middle, curves[1], 'insertion\n(small is good)'),
  ):
    (line,) = panel.lines
    assert line.get_xdata().tolist() == [0, 25, 100]
    assert line.get_ydata().tolist() == curve['attention'].tolist()
    assert panel.get_title() == title
    assert panel.get_xlabel() == 'cells (%)'
  assert left.get_ylabel() == 'change of the policy\n(total variation)'
  (name,) = left.get_legend().get_texts()
  assert name.get_text() == 'attention'
  assert middle.get_legend() is None


def test_each_box_stands_above_its_name():
  agreement = {
    'head 1': np.array([0.1, 0.3]), 'all of heads': np.array([0.5, 0.7]),
    'the steps one': np.array([-0.2, 0.2]),
  }  # fmt: skip
  curve = {'attention': np.zeros(2)}
  made = figure.draw([0, 1], curve, curve, agreement, ['the steps one'])
  *_, panel = made.axes
  assert list(panel.get_xticks()) == [1, 2, 3]
  assert [text.get_text() for text in panel.get_xticklabels()] == [
    # Twelve characters go on a line.
    'head 1', 'all of heads', 'the steps\none',
  ]  # fmt: skip
  # Slanted names end below their box.
  for text in panel.get_xticklabels():
    assert 20 < text.get_rotation() < 60 and text.get_ha() == 'right'
  for place, (box, (name, values)) in enumerate(
    zip(panel.patches, agreement.items(), strict=True), 1
  ):
    extents = box.get_path().get_extents()
    assert (extents.x0 + extents.x1) / 2 == pytest.approx(place)
    assert 0.4 < extents.x1 - extents.x0 < 0.9
    assert extents.y0 == pytest.approx(np.quantile(values, 0.25))
    assert extents.y1 == pytest.approx(np.quantile(values, 0.75))
    *colour, opacity = box.get_facecolor()
    if name == 'the steps one':
      assert colour == [colour[0]] * 3 and 0.7 < colour[0] < 1
    else:
      # Pale, so that the median is seen.
      assert tuple(colour) == figures.head_colour(0) and 0.3 < opacity < 0.8
  *_, zero = panel.lines
  assert list(zero.get_ydata()) == [0, 0]
  assert zero.get_linestyle() == ':' and 0 < zero.get_linewidth() < 1.5
  assert len(set(matplotlib.colors.to_rgb(zero.get_color()))) == 1
  # Whiskers stand upright, their caps are narrower, and no row lies beyond.
  medians = [
    line.get_ydata()[0] for line in panel.lines[:-1]
    if len(line.get_xdata()) and np.ptp(line.get_xdata()) > 0.5
  ]  # fmt: skip
  assert medians == pytest.approx([0.2, 0.6, 0])
  assert panel.get_title() == 'agreement\nwith saliency'
  assert panel.get_ylabel() == 'rank correlation'


@pytest.mark.parametrize(
  ('name', 'lines'),
  [
    ('four four 44', 'four four 44'),
    ('four four 444', 'four four\n444'),
    ('incomparable map', 'incomparable\nmap'),
    ('an incomparableness', 'an\nincomparableness'),
    ('one two three four five', 'one two\nthree four\nfive'),
  ],
)
def test_names_are_broken_between_words_after_twelve_characters(name, lines):
  assert figure._broken(name, 12) == lines


def test_panels_are_higher_than_wide_and_the_boxes_have_most_room():
  left, middle, right = legibility.boxes(_MADE['trust']())
  sizes = [box[2:] - box[:2] for box in (left, middle, right)]
  assert sizes[0][0] == pytest.approx(sizes[1][0])
  assert 1.1 < sizes[2][0] / sizes[0][0] < 1.3
  assert all(1 < high / wide < 1.6 for wide, high in sizes)

"""README states what is in `results/`."""

import json
import pathlib

import pytest

from results import draw, speed


def test_readme_shows_what_was_measured():
  text = draw.README.read_text()
  assert draw.redraw(text) == text, 'run `make results`'


def test_a_table_that_nothing_draws_is_refused():
  text = draw.README.read_text()
  with pytest.raises(ValueError, match='chance'):
    draw.redraw(text.replace('drawn: chance', 'drawn: luck'))


def test_readme_shows_each_figure_and_it_can_be_drawn(tmp_path):
  text = draw.README.read_text()
  for name, figure in draw.FIGURES.items():
    assert f']({name})' in text, name
    assert (draw.README.parent / name).is_file(), name
    figure(tmp_path / 'figure.png')
    assert (tmp_path / 'figure.png').stat().st_size > 1_000


def test_every_speed_says_how_it_was_measured():
  files = sorted(pathlib.Path(speed.__file__).parent.glob('speed/*.json'))
  assert len(files) > 5
  for path in files:
    machine = json.loads(path.read_text())['machine']
    assert machine['command'].startswith('python -m benchmarks.'), path
    assert machine['commit'] and machine['cpu'], path


def test_numbers_keep_their_significant_digits():
  assert speed._number(44.07, 3) == '44.1'
  assert speed._number(1983.7, 2) == '2,000'
  assert speed._number(0.9381, 2) == '0.94'
  assert speed._number(2.0, 2) == '2.0'
  assert speed._number(0.6087, 2, percent=True) == '61 %'
  assert speed._spread((2.0, 1.96, 2.04), 3) == '2.00 (1.96 to 2.04)'
  # What differs only beyond its digits has no spread to show.
  assert speed._spread((2.0, 1.99, 2.01), 2) == '2.0'

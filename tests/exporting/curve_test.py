"""The table and the figure of how training went."""

import itertools

import pytest

from attn_agents.exporting import curve
from attn_agents.interpretability.drawing import figures
from configs import errors


def _metrics(path, columns, *rows):
  file = path / 'metrics.csv'
  lines = [','.join(columns), *(','.join(map(str, row)) for row in rows)]
  file.write_text('\n'.join(lines) + '\n')
  return file


def test_a_table_has_the_columns_that_say_how_it_went(tmp_path):
  file = _metrics(
    tmp_path,
    ('wall_time', 'frames', 'loss', 'episode_return_mean', 'episodes'),
    (1.5, 400, 0.25, 'nan', 0),
    (2.5, 12_345_678_901, 0.125, -20.123456789012, 3),
  )
  assert curve.table(file).decode().splitlines() == [
    'frames,wall_time,episodes,episode_return_mean',
    '400,1.5,0,',
    '1.23456789e+10,2.5,3,-20.12345679',
  ]


def test_of_many_rows_an_even_share_is_kept_with_both_ends(tmp_path):
  columns = ('frames', 'episode_return_mean')
  file = _metrics(tmp_path, columns, *((i, i) for i in range(1, 1002)))
  lines = curve.table(file).decode().splitlines()[1:]
  frames = [int(line.split(',')[0]) for line in lines]
  assert len(frames) == 500
  assert (frames[0], frames[-1]) == (1, 1001)
  # 1000 steps in 499 parts: 2 each, and 3 twice.
  steps = [b - a for a, b in itertools.pairwise(frames)]
  assert sorted(set(steps)) == [2, 3] and steps.count(3) == 2


@pytest.mark.parametrize(
  ('columns', 'legend'),
  [
    (('episode_return_mean',), None),
    (
      ('episode_return_mean', 'episode_return_mean_pong'),
      ['episode_return_mean', 'episode_return_mean_pong'],
    ),
  ],
)
def test_the_figure_shows_mean_returns_by_frames(
  tmp_path, monkeypatch, columns, legend
):
  drawn = []

  def png(figure):
    drawn.append(figure)
    return b'png'

  monkeypatch.setattr(figures, 'png', png)
  names = list(columns)
  rows = [(i, *[10 * i] * len(columns)) for i in (1, 2)]
  file = _metrics(tmp_path, ('frames', *columns), *rows)
  assert curve.draw(file, 'S3TA on Pong') == b'png'
  ((panel,),) = [figure.axes for figure in drawn]
  assert (panel.get_xlabel(), panel.get_ylabel()) == ('frames', 'mean return')
  assert panel.get_title() == 'S3TA on Pong'
  assert drawn[0].get_size_inches().tolist() == [6.75, 2.6]
  assert len(panel.lines) == len(names)
  for line in panel.lines:
    assert line.get_xydata().tolist() == [[1, 10], [2, 20]]
  shown = panel.get_legend()
  if legend is None:
    assert shown is None
  else:
    assert [text.get_text() for text in shown.get_texts()] == names


@pytest.mark.parametrize('columns', [('frames',), ('episode_return_mean',)])
def test_what_is_no_such_table_is_refused(tmp_path, columns):
  file = _metrics(tmp_path, columns, (1,))
  with pytest.raises(errors.ConfigError) as caught:
    curve.require_table(file)
  assert str(caught.value) == (
    f'{file} is missing or damaged; expected a table with frames and '
    'episode_return_mean'
  )

"""What people are told of a population."""

import math

import matplotlib
import pytest
from matplotlib import figure

from attn_agents.population import decisions, members, report, rules
from tests.population import populations


def test_a_row_for_each_member_with_what_it_trains_with(tmp_path):
  asked = populations.make(size=2)
  record = decisions.Record(asked)
  entries = [decisions.decide(asked, record, 1, 100, 5, fitness=0.5)]
  run = members.run_of(tmp_path, 1)
  run.path.mkdir()
  run.metrics.write_text('frames,episode_return_mean\n12345,-0.25\n')
  lines = report.table(tmp_path, asked, entries)
  assert [line.split()[:4] for line in lines] == [
    ['member', 'frames', 'generation', 'fitness'],
    ['0', '0', '0', '-'],
    ['1', '12,345', '1', '-0.250'],
  ]
  assert lines[1].split()[4:] == ['0.001', '0.01', '1e-05', '40']
  now = entries[0].hyperparameters
  assert lines[2].split()[4:] == [f'{now[name]:.4g}' for name in now]


def _entry(member, frames, fitness, parent=None, **changes):
  return decisions.Entry(
    member, 0, frames, 5, fitness, parent, parent,
    None if parent is None else 0, {},
    {**populations.HYPERPARAMETERS, **changes}, 0.0,
  )  # fmt: skip


@pytest.fixture
def drawn(tmp_path, monkeypatch):
  """The figure of three members; the last has not decided yet."""
  asked = populations.make(
    size=3, hyperparameters={**populations.HYPERPARAMETERS, 'entropy_cost': 0.0}
  )
  entries = [
    _entry(0, 100, math.nan, learning_rate=2e-3, entropy_cost=0.0),
    _entry(1, 120, 0.5, learning_rate=3e-3, entropy_cost=0.0),
    _entry(0, 150, 0.25, parent=1, learning_rate=4e-3, entropy_cost=0.0),
  ]
  assert report.lineage(entries) == [(150, 1, 0)]
  for member, frames in enumerate((170, 180, 190)):
    run = members.run_of(tmp_path, member)
    run.path.mkdir()
    run.metrics.write_text(f'frames\n{frames}\n')
  saved = []
  monkeypatch.setattr(
    figure.Figure, 'savefig', lambda self, path, **_: saved.append((self, path))
  )
  assert report.draw(tmp_path, asked, entries) == tmp_path / 'population.png'
  ((found, path),) = saved
  assert path == tmp_path / 'population.png'
  return found


def test_the_figure_has_an_arrow_for_each_copy(drawn):
  (arrow,) = drawn.axes[1].texts
  # From the parent to the child.
  assert (arrow.xyann, arrow.xy) == ((150, 1), (150, 0))
  assert arrow.arrow_patch is not None
  assert not any(p.texts for p in [drawn.axes[0], *drawn.axes[2:]])


def test_each_member_has_its_own_line_in_every_panel(drawn):
  fitness, lives, *rest = drawn.axes
  names = ['fitness', 'member', *rules.EVOLVED]
  assert [panel.get_ylabel() for panel in drawn.axes] == names
  assert [panel.get_xlabel() for panel in drawn.axes] == [
    *([''] * 5), 'emulator frames of a member',
  ]  # fmt: skip
  assert [line.get_xdata().tolist() for line in fitness.lines] == [
    [100, 150], [120], [],
  ]  # fmt: skip
  assert fitness.lines[0].get_ydata()[1] == 0.25
  assert [x.get_segments()[0].tolist() for x in lives.collections] == [
    [[0, m], [frames, m]] for m, frames in enumerate((170, 180, 190))
  ]
  # A value is that of the time after it.
  rate = rest[0].lines[0]
  assert rate.get_drawstyle() == 'steps-post'
  assert rate.get_xdata().tolist() == [0, 100, 150, 170]
  assert rate.get_ydata().tolist() == [1e-3, 2e-3, 4e-3, 4e-3]
  assert rest[0].lines[2].get_xydata().tolist() == [[0, 1e-3], [190, 1e-3]]
  # A cost of zero has no place on a logarithmic axis.
  scales = [panel.get_yscale() for panel in rest]
  assert scales == ['log', 'linear', 'log', 'log']
  # All panels look at the same frames.
  assert len({panel.get_xlim() for panel in drawn.axes}) == 1


def test_a_member_has_one_colour_and_the_first_and_last_are_far_apart(drawn):
  fitness, lives, *rest = drawn.axes
  ends = [matplotlib.colormaps['viridis'](x) for x in (0.0, 0.5, 1.0)]
  for panel in (fitness, *rest):
    assert [line.get_color() for line in panel.lines] == ends
  assert [tuple(x.get_color()[0]) for x in lives.collections] == ends


def test_a_figure_of_one_member_is_a_png(tmp_path):
  path = report.draw(tmp_path, populations.make(size=1), [])
  assert path.read_bytes().startswith(b'\x89PNG')

"""What people are told of a population."""

import math

from attn_agents.population import decisions, members, report
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


def test_the_figure_has_an_arrow_for_each_copy(tmp_path):
  asked = populations.make(size=2, margin=0.0)
  record = decisions.Record(asked)
  entries = []
  for member, fitness in ((0, math.nan), (1, 0.5), (0, 0.0), (1, 0.7)):
    frames = asked.end_of(record.generation(member))
    entries.append(decisions.decide(asked, record, member, frames, 5, fitness))
    record.add(entries[-1])
  assert report.lineage(entries) == [(150, 1, 0)]
  path = report.draw(tmp_path, asked, entries)
  assert path == tmp_path / 'population.png'
  assert path.read_bytes().startswith(b'\x89PNG')

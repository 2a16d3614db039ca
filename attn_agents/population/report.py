"""Tells how a population fares: a table, and a figure of its history."""

import math
import pathlib
from collections.abc import Sequence

from attn_agents.population import decisions, members, rules
from attn_agents.utils import text_table

_COLUMNS = ('member', 'frames', 'generation', 'fitness', *rules.EVOLVED)


def table(
  root: pathlib.Path,
  population: decisions.Population,
  entries: Sequence[decisions.Entry],
) -> list[str]:
  """Lines of a table: how far each member is, and what it trains with.

  Args:
    root: of the population.
    population: what was asked for.
    entries: its history.
  """
  rows, record = [_COLUMNS], decisions.Record(population, entries)
  for member in range(population.size):
    run = members.run_of(root, member)
    fitness = members.fitness_of(run, population.game)
    now = record.hyperparameters(member)
    rows.append(
      (
        str(member),
        f'{members.frames_of(run):,}',
        str(record.generation(member)),
        '-' if math.isnan(fitness) else f'{fitness:.3f}',
        *(f'{now[name]:.4g}' for name in rules.EVOLVED),
      )
    )
  return text_table.lines(rows, str.rjust)


def draw(
  root: pathlib.Path,
  population: decisions.Population,
  entries: Sequence[decisions.Entry],
) -> pathlib.Path:
  """Draws fitness, hyperparameters and who copied whom, over frames.

  Args:
    root: of the population.
    population: what was asked for.
    entries: its history.

  Returns:
    The PNG, `<root>/population.png`.
  """
  import matplotlib
  from matplotlib import figure as figures

  count = 2 + len(rules.EVOLVED)
  drawing = figures.Figure(figsize=(8.0, 2.2 * count), layout='constrained')
  panels = list(drawing.subplots(count, sharex=True))
  colours = matplotlib.colormaps['viridis']
  panels[0].set_ylabel('fitness')
  panels[1].set_ylabel('member')
  for member in range(population.size):
    colour = colours(member / max(1, population.size - 1))
    own = [x for x in entries if x.member == member]
    frames = [x.frames for x in own]
    panels[0].plot(frames, [x.fitness for x in own], color=colour)
    ends = [0, *frames, members.frames_of(members.run_of(root, member))]
    panels[1].hlines(member, 0, ends[-1], color=colour)
    for panel, name in zip(panels[2:], rules.EVOLVED, strict=True):
      values = [population.hyperparameters[name]]
      values += [x.hyperparameters[name] for x in own]
      panel.step(ends, [*values, values[-1]], where='post', color=colour)
      panel.set_ylabel(name)
      if min(values) > 0:
        panel.set_yscale('log')
  for when, parent, child in lineage(entries):
    panels[1].annotate(
      '',
      xy=(when, child),
      xytext=(when, parent),
      arrowprops={'arrowstyle': '->', 'color': '#6b6b6b'},
    )
  panels[-1].set_xlabel('emulator frames of a member')
  path = root / 'population.png'
  drawing.savefig(path, dpi=110)
  return path


def lineage(entries: Sequence[decisions.Entry]) -> list[tuple[int, int, int]]:
  """The frames, parent and child of each copy, in their order."""
  return [
    (x.frames, x.parent, x.member) for x in entries if x.parent is not None
  ]

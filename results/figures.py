"""Figures of docs/performance.md, from the files in `results/`."""

import json
import pathlib

from matplotlib import axes
from matplotlib import figure as figures

_SPEED = pathlib.Path(__file__).parent / 'speed'
_STORES = ('naive', 'frames once')
_PLACES = ('memory', 'Reverb')


def replays(path: pathlib.Path) -> None:
  """Bytes per transition and updates per second, by how frames are stored.

  Each bar of ours shows its ratio to the naive store.

  Args:
    path: of the PNG.
  """
  content = json.loads((_SPEED / 'replay.json').read_text())
  names = content['alternatives']
  sizes = content['details']['bytes_per_transition']
  drawing = figures.Figure(figsize=(9.0, 3.0), layout='constrained')
  panels = drawing.subplots(1, 3)
  for panel, kind, title in (
    (panels[0], 'raw_bytes', 'kB put in per transition'),
    (panels[1], 'measured_bytes', 'kB the process grew per transition'),
  ):
    heights = {name: sizes[name][kind] / 1e3 for name in names}
    ratios = {x: heights[x] / heights[_naive(x)] for x in names}
    _bars(panel, title, heights, {x: f'÷ {1 / ratios[x]:.1f}' for x in names})
  rates = {name: found['rate'] for name, found in names.items()}
  _bars(
    panels[2],
    'updates/s',
    {name: rate['median'] for name, rate in rates.items()},
    {name: f'{x["ratio"]["median"]:.2f} x' for name, x in names.items()},
    {name: (rate['minimum'], rate['maximum']) for name, rate in rates.items()},
  )
  handles = panels[0].get_legend_handles_labels()
  drawing.legend(*handles, loc='outside lower center', ncols=2)
  drawing.savefig(path, dpi=110)


def _naive(name: str) -> str:
  return name.replace('frames once', 'naive')


def _bars(
  panel: axes.Axes,
  title: str,
  heights: dict[str, float],
  ratios: dict[str, str],
  ranges: dict[str, tuple[float, float]] | None = None,
) -> None:
  """A pair of bars for each place, with the range of all rounds if given."""
  panel.set_title(title, fontsize=9)
  panel.set_xticks(range(len(_PLACES)), _PLACES)
  for index, store in enumerate(_STORES):
    names = [f'{place}, {store}' for place in _PLACES]
    where = [x + 0.4 * (index - 0.5) for x in range(len(names))]
    bars = panel.bar(where, [heights[x] for x in names], 0.4, label=store)
    for at, name in zip(where, names, strict=True):
      if ranges:
        panel.vlines(at, *ranges[name], colors='black')
    if store != 'naive':
      panel.bar_label(
        bars,
        [ratios[x] for x in names],
        padding=2,
        fontsize=9,
        label_type='center' if ranges else 'edge',
      )
  panel.margins(y=0.15)

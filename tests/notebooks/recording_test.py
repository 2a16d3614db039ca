"""The notebook runs from top to bottom and draws its figures."""

import base64
import contextlib
import dataclasses
import io
import pathlib

import matplotlib.image
import nbclient
import nbformat
import numpy as np
import pytest

from attn_agents.interpretability.heads import figure as heads
from attn_agents.interpretability.recordings import (
  record,
  recording,
  trained_agent,
)
from attn_agents.interpretability.screen import cells
from configs import agents, overrides
from tests.interpretability import playing
from tests.networks import tiny

_NOTEBOOK = pathlib.Path(__file__).parents[2] / 'notebooks' / 'recording.ipynb'


def test_notebook_draws_three_figures_of_a_recording(tmp_path, monkeypatch):
  path = tmp_path / 'recording'
  plan = record.Plan(num_episodes=2)
  record.record(playing.make_agent(), plan, path)
  monkeypatch.setenv('RECORDING', str(path))
  notebook = nbformat.read(_NOTEBOOK, as_version=4)
  assert not any(cell.get('outputs') for cell in notebook.cells)
  nbclient.NotebookClient(notebook, timeout=300).execute()
  pictures = [
    output['data']['image/png']
    for cell in notebook.cells
    for output in cell.get('outputs', [])
    if 'image/png' in output.get('data', {})
  ]
  assert len(pictures) == 3
  for index, picture in enumerate(pictures):
    file = tmp_path / f'{index}.png'
    file.write_bytes(base64.b64decode(picture))
    # Not an empty sheet.
    assert np.ptp(matplotlib.image.imread(file)) > 0.5
  printed = notebook.cells[1].outputs[0].text
  assert 's3ta plays catch for 20 rows' in printed


def _run(path, monkeypatch):
  """The figures and the text of the cells, run in this process."""
  monkeypatch.setenv('RECORDING', str(path))
  drawn, said = [], io.StringIO()
  values = {}
  with contextlib.redirect_stdout(said):
    for cell in nbformat.read(_NOTEBOOK, as_version=4).cells:
      if cell.cell_type == 'code':
        exec(cell.source.replace('%matplotlib inline', ''), values)
        values['display'] = drawn.append
  return drawn, said.getvalue(), values


@pytest.mark.parametrize(
  ('name', 'figures'),
  [('impala_ff', 0), ('drarl', 0), ('dqn', 0), ('darqn_soft', 2)],
)
def test_it_runs_for_an_agent_of_each_family(
  name, figures, tmp_path, monkeypatch
):
  config = agents.make(name, 'small')
  config = overrides.apply(config, config.network.quick_settings)
  environment = dataclasses.replace(config.environment, game='catch')
  config = dataclasses.replace(config, environment=environment)
  made = trained_agent.TrainedAgent(config, {}, {'agent': name})
  shape = made.environment_spec.observation_shape
  played = made.with_params(tiny.random_params(made.network, shape))
  record.record(played, record.Plan(num_episodes=1), tmp_path / 'recording')
  shown = []
  monkeypatch.setattr(heads, 'draw', lambda _, maps, __: shown.append(maps))
  drawn, said, values = _run(tmp_path / 'recording', monkeypatch)
  assert len(drawn) == figures
  assert f'{name} plays catch for 10 rows' in said
  assert ('no attention over cells' in said) == (not figures)
  if figures:
    recorded = recording.Recording(tmp_path / 'recording')
    attention = recorded.rows('attention', values['rows'])
    grid = cells.of_agent(config, attention.shape[2:])
    np.testing.assert_array_equal(shown[0], cells.to_draw(attention, grid))


def test_cells_are_drawn_where_the_network_sees_them():
  # DARQN's 7 x 7 cells are centred at 17, 25, ..., 65 of 84 pixels: cell (5, 4)
  # at row 57 of 84, 142.5 of 210, and column 49 of 84, 93.3 of 160. Spread
  # evenly, it would be at 165 and 102.9.
  grid = cells.of_agent(agents.make('darqn_soft', 'paper'), (7, 7))
  maps = np.zeros((1, 1, 7, 7))
  maps[0, 0, 5, 4] = 1
  drawn = cells.to_draw(maps, grid)[0, 0]
  assert drawn.shape == (14, 14)
  rows = (np.arange(14) + 0.5) * 15
  columns = (np.arange(14) + 0.5) * 160 / 14
  drawn /= drawn.sum()
  assert drawn.sum(1) @ rows == pytest.approx(142.5, abs=1)
  assert drawn.sum(0) @ columns == pytest.approx(93.3, abs=1)

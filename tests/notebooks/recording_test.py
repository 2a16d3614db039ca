"""The notebook runs from top to bottom and draws its figures."""

import base64
import pathlib

import matplotlib.image
import nbclient
import nbformat
import numpy as np

from attn_agents.interpretability.recordings import record
from tests.interpretability import playing

_NOTEBOOK = pathlib.Path(__file__).parents[2] / 'notebooks' / 'recording.ipynb'


def test_notebook_draws_three_figures_of_a_recording(tmp_path, monkeypatch):
  path = tmp_path / 'recording'
  plan = record.Plan(num_episodes=4)
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
  assert 's3ta plays catch for 40 rows' in printed

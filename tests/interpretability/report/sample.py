"""A small report: 12 rows of a made-up game, three heads, two layers."""

import io

import numpy as np
from PIL import Image

from attn_agents.interpretability.report import report_data

ROWS = 12
SHAPE = (42, 32)


def frame(row):
  """A white ball that goes right, and a bar whose colour tells the row."""
  picture = np.full((*SHAPE, 3), (60, 30, 0), np.uint8)
  picture[:4] = (20 * row, 200 - 10 * row, 90)
  picture[20:24, 2 * row : 2 * row + 4] = 255
  return picture


def layer(rows=(1, 5), kind='heat'):
  rng = np.random.default_rng(3)
  maps = rng.random((2, 6, 5)) - (0.5 if kind == 'signed' else 0)
  return report_data.Layer(f'a {kind} layer', '', kind, maps, np.array(rows))


def data(attention=True):
  rng = np.random.default_rng(0)
  maps = rng.dirichlet(np.ones(20), (ROWS, 3)).reshape(ROWS, 3, 5, 4)
  actions = np.arange(ROWS, dtype=float) % 3
  actions[-1] = np.nan
  rewards = np.zeros(ROWS)
  rewards[6], rewards[9] = 1, -1
  buffer = io.BytesIO()
  Image.fromarray(frame(0)).save(buffer, 'png')
  return report_data.ReportData(
    title='A made-up game',
    subtitle='nobody played it',
    facts={'Run': 'none'},
    frames=[frame(row) for row in range(ROWS)],
    attention=maps.astype(np.float32) if attention else None,
    layers=[layer(), layer((3, 4), 'signed')],
    timelines=[
      report_data.Timeline('Value', rng.normal(size=ROWS)),
      report_data.Timeline('Action', actions, 'action'),
      report_data.Timeline('Reward', rewards, 'reward'),
      report_data.Timeline(
        'Entropy (nats)', rng.random((ROWS, 3)), labels=['1', '2', '3']
      ),
    ],
    action_names=['NOOP', 'UP', 'DOWN'],
    sections=[
      report_data.Section(
        'A section', 'Look.\n\nLook again.',
        [report_data.Figure('a frame', buffer.getvalue())],
        [
          report_data.Table(
            'heads', ['head', 'x'],
            [['head 1', 1 / 3], ['head 2', 12345], ['head 3', np.nan]],
          )
        ],
      )
    ],
    notes=['nothing applies'],
  )  # fmt: skip

"""The videos of heads show the rows that they are to show, in their time."""

import pathlib
import types

import numpy as np
import pytest

from attn_agents.interpretability import context
from attn_agents.interpretability.heads import section

_ROWS = 40


class _Recorded(dict):
  """Frames that tell their row, in parts of 16."""

  def __len__(self):
    return _ROWS

  def parts(self, name):
    for first in range(0, _ROWS, 16):
      yield first, {name: self[name][first : first + 16]}

  def rows(self, name, rows):
    return self[name][rows]


@pytest.mark.parametrize('seconds', [0.25, 0.5])
@pytest.mark.parametrize('attends', [True, False])
def test_a_video_of_all_and_six_seconds_from_the_middle(
  tmp_path, monkeypatch, attends, seconds
):
  rows = np.arange(_ROWS)
  recorded = _Recorded(frame=rows, row=rows, step_type=np.ones(_ROWS))
  given = context.Context(
    played=types.SimpleNamespace(
      step_seconds=seconds, config=types.SimpleNamespace(agent='a')
    ),
    recorded=recorded, plan=None, directory=tmp_path / 'new', trained=None,
    checkpoints=pathlib.Path(),
  )  # fmt: skip
  if attends:
    # Also where an earlier run has left some.
    (tmp_path / 'new' / 'heads').mkdir(parents=True)
    recorded['attention'] = np.zeros((_ROWS, 2, 1, 1))
    given.__dict__['drawn_attention'] = rows + 100
  written = {}

  def heads_video(path, frames, maps, rows_per_second):
    assert path.parent == tmp_path / 'new' / 'heads' and path.parent.is_dir()
    maps = None if maps is None else [int(x) for x in maps]
    written[path.name] = [int(x) for x in frames], maps, rows_per_second

  drawn = []
  monkeypatch.setattr(section.video, 'heads_video', heads_video)
  monkeypatch.setattr(section.figure, 'draw', lambda *x: drawn.append(x))
  if attends:
    section.run(given)
  else:
    with pytest.raises(context.DoesNotApplyError, match='a has no attention'):
      section.run(given)
  assert list(written) == ['heads.mp4', 'heads.gif']
  # Six rows of 0 to 38: the fourth of 0, 8, 15, 23, 30 and 38 begins the GIF,
  # which ends with the recording, if not after six seconds.
  shown = {
    'heads.mp4': list(range(_ROWS)),
    'heads.gif': list(range(23, min(23 + round(6 / seconds), _ROWS))),
  }
  for name, (frames, maps, rows_per_second) in written.items():
    assert frames == shown[name]
    assert maps == ([row + 100 for row in frames] if attends else None)
    assert rows_per_second == 1 / seconds
  if attends:
    ((frames, maps, times),) = drawn
    expected = [0, 8, 15, 23, 30, 38]
    assert frames.tolist() == expected
    assert maps.tolist() == [row + 100 for row in expected]
    assert times == pytest.approx([row * seconds for row in expected])

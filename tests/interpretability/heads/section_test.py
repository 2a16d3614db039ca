"""The videos of heads show the rows that they are to show, in their time."""

import numpy as np
import pytest

from attn_agents.interpretability import context
from attn_agents.interpretability.heads import section
from tests.interpretability import given as given_lib

_ROWS = 40


def _numbers(frames):
  return [int(frame[0, 0, 0]) for frame in frames]


@pytest.mark.parametrize('seconds', [0.25, 0.5])
@pytest.mark.parametrize('attends', [True, False])
def test_a_video_of_all_and_six_seconds_from_the_middle(
  tmp_path, monkeypatch, attends, seconds
):
  recorded = given_lib.Recorded(_ROWS)
  given = given_lib.make(recorded, directory=tmp_path / 'new')
  given.played.step_seconds = seconds
  if attends:
    # Also where an earlier run has left some.
    (tmp_path / 'new' / 'heads').mkdir(parents=True)
    recorded['attention'] = np.zeros((_ROWS, 2, 1, 1))
    given.__dict__['drawn_attention'] = np.arange(_ROWS) + 100
  written = {}

  def heads_video(path, frames, maps, rows_per_second):
    assert path.parent == tmp_path / 'new' / 'heads' and path.parent.is_dir()
    maps = None if maps is None else [int(x) for x in maps]
    written[path.name] = _numbers(frames), maps, rows_per_second

  drawn = []
  monkeypatch.setattr(section.video, 'heads_video', heads_video)
  monkeypatch.setattr(section.figure, 'draw', lambda *x: drawn.append(x))
  if attends:
    section.run(given)
  else:
    with pytest.raises(context.DoesNotApplyError, match='an_agent has no att'):
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
    assert _numbers(frames) == expected
    assert maps.tolist() == [row + 100 for row in expected]
    assert times == pytest.approx([row * seconds for row in expected])

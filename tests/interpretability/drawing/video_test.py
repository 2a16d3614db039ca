"""Videos are read back with FFmpeg and Pillow."""

import weakref

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from attn_agents.interpretability.drawing import overlays, video


def _pictures(count, shape=(41, 37)):
  """A white bar that goes down by four pixels a picture, on blue."""
  for index in range(count):
    picture = np.full((*shape, 3), (0, 60, 120), np.uint8)
    picture[4 * index : 4 * index + 4] = 255
    yield picture


def test_mp4_shows_each_picture_once_in_the_time_of_the_game(tmp_path):
  path = tmp_path / 'game.mp4'
  assert video.write(path, _pictures(8)) == 8
  reader = imageio_ffmpeg.read_frames(str(path))
  facts = next(reader)
  assert facts['fps'] == 15
  # H.264 needs even sizes; nothing is scaled, an edge is drawn twice.
  assert facts['size'] == (38, 42)
  frames = [
    np.frombuffer(frame, np.uint8).reshape(42, 38, 3) for frame in reader
  ]
  assert len(frames) == 8
  for index, (frame, drawn) in enumerate(
    zip(frames, _pictures(8), strict=True)
  ):
    assert np.abs(frame[:41, :37].astype(int) - drawn).mean() < 6, index
    edge = frame[:, 36:].astype(int)
    assert np.abs(edge[:, 0] - edge[:, 1]).mean() < 6
    rows = frame.mean(axis=(1, 2))
    assert rows[4 * index : 4 * index + 4].min() > 200
  assert [path.name for path in tmp_path.iterdir()] == ['game.mp4']


@pytest.mark.parametrize('name', ['game.mp4', 'game.gif'])
def test_ffmpeg_takes_the_cores_of_a_quota(tmp_path, monkeypatch, name):
  given = []
  write_frames = imageio_ffmpeg.write_frames

  def recording(*args, **kwargs):
    given.append(kwargs)
    return write_frames(*args, **kwargs)

  monkeypatch.setattr(imageio_ffmpeg, 'write_frames', recording)
  monkeypatch.setattr(video.machine, 'cores', lambda: 3)
  assert video.write(tmp_path / name, _pictures(2)) == 2
  assert given[0]['output_params'][-2:] == ['-threads', '3']
  # It says nothing to the user unless it fails.
  assert given[0]['ffmpeg_log_level'] == 'error'


def test_a_gif_has_the_colours_of_each_picture(tmp_path):
  """Pictures of 200 colours each, other ones in each."""
  rng = np.random.default_rng(0)
  pictures = [
    np.resize(rng.integers(0, 256, (200, 3), np.uint8), (40, 36, 3))
    for _ in range(6)
  ]
  path = tmp_path / 'game.gif'
  assert video.write(path, pictures) == 6
  image = Image.open(path)
  assert image.n_frames == 6
  assert image.info['loop'] == 0
  duration = 0
  for index, drawn in enumerate(pictures):
    image.seek(index)
    duration += image.info['duration']
    shown = np.asarray(image.convert('RGB')).astype(int)
    assert np.abs(shown - drawn).max() <= 2
  # The format counts hundredths of a second.
  assert duration == pytest.approx(6 / 15 * 1000, abs=20)


def test_pictures_are_let_go_of_as_they_are_written(tmp_path):
  made, most = [], 0

  def pictures():
    nonlocal most
    for picture in _pictures(60, (240, 36)):
      made.append(weakref.ref(picture))
      most = max(most, sum(ref() is not None for ref in made))
      yield picture

  video.write(tmp_path / 'long.mp4', pictures())
  assert len(made) == 60
  assert most <= 4


def test_a_video_that_cannot_be_finished_leaves_nothing(tmp_path):
  def changing():
    yield from _pictures(2)
    yield from _pictures(1, (50, 50))

  with pytest.raises(ValueError, match='picture 2 is'):
    video.write(tmp_path / 'game.mp4', changing())
  with pytest.raises(ValueError, match='no pictures'):
    video.write(tmp_path / 'game.gif', [])
  with pytest.raises(ValueError, match=r'\.mp4 or \.gif'):
    video.write(tmp_path / 'game.avi', _pictures(1))
  assert list(tmp_path.iterdir()) == []


def test_each_frame_needs_its_attention(tmp_path):
  frames = _pictures(3)
  with pytest.raises(ValueError, match='zip'):
    video.heads_video(tmp_path / 'a.mp4', frames, np.ones((2, 1, 3, 3)))
  assert video.heads_video(tmp_path / 'b.mp4', _pictures(3), None) == 3


def test_a_row_holds_the_frame_and_each_head_with_a_label():
  (frame,) = _pictures(1)
  attention = np.random.default_rng(0).random((2, 4, 4))
  row = video.heads_row(frame, attention, scale=3)
  gap, top = 8, 26
  assert row.shape == (top + 3 * 41 + gap, 3 * (3 * 37 + gap) + gap, 3)
  for place, picture in enumerate(
    [
      frame,
      *(
        overlays.spotlight(
          frame, attention[head : head + 1], [overlays.HEAD_COLOURS[head]]
        )
        for head in range(2)
      ),
    ]
  ):
    left = gap + place * (3 * 37 + gap)
    for offset in ((0, 0), (2, 2)):
      drawn = row[
        top + offset[0] : top + 3 * 41 : 3,
        left + offset[1] : left + 3 * 37 : 3,
      ]
      np.testing.assert_array_equal(drawn, picture)
    label = row[:top, left : left + 3 * 37].reshape(-1, 3)
    assert len(np.unique(label, axis=0)) > 5
  np.testing.assert_array_equal(
    row[:top, gap + 119 : gap + 230].reshape(-1, 3).max(axis=0),
    overlays.HEAD_COLOURS[0],
  )
  # The first label is in grey that is almost white, on what is almost black,
  # in the middle of its height, from the picture's left edge on.
  title = row[:top, : gap + 111].astype(int)
  ground = title[0, 0]
  assert ground.max() < 40
  drawn = (title != ground).any(axis=-1)
  assert title[drawn].max() > 225 and np.ptp(title[drawn].max(axis=0)) < 15
  down, across = np.argwhere(drawn).T
  assert (down.min() + down.max()) / 2 == pytest.approx(top / 2, abs=3)
  assert gap <= across.min() <= gap + 2
  # Letters are about half as high as their row.
  assert 10 <= np.ptp(down) + 1 <= 18
  assert (row[:, -gap:] == ground).all() and (row[-gap:] == ground).all()


@pytest.mark.parametrize('heads', [None, 2])
def test_a_video_is_of_the_rows_at_twice_the_size_in_their_time(
  monkeypatch, heads
):
  written = []

  def write(path, pictures, rows_per_second):
    written.append((path, list(pictures), rows_per_second))
    return 5

  monkeypatch.setattr(video, 'write', write)
  frames = list(_pictures(3))
  attention = heads and np.random.default_rng(0).random((3, heads, 4, 4))
  assert video.heads_video('a', frames, attention, rows_per_second=50.0) == 5
  ((path, pictures, rows_per_second),) = written
  assert (path, rows_per_second, len(pictures)) == ('a', 50.0, 3)
  for index, picture in enumerate(pictures):
    maps = None if heads is None else attention[index]
    expected = video.heads_row(frames[index], maps, scale=2)
    np.testing.assert_array_equal(picture, expected)

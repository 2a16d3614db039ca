"""Each way to play has a directory of its own."""

from attn_agents.evaluation import protocols


def test_the_usual_is_not_named():
  name = protocols.directory_name('pong', '7_sampled', 'noop', 30, 1)
  assert name == 'pong_7_sampled_noop_30_seed1'
  assert name == protocols.directory_name(
    'pong', '7_sampled', 'noop', 30, 1, protocols.MAX_EPISODE_FRAMES,
    repeat=None,
  )  # fmt: skip


def test_what_is_unusual_is_named():
  name = protocols.directory_name(
    'pong', '7_sampled', 'noop', 30, 1, 4000, repeat=2, other=None
  )
  assert name == 'pong_7_sampled_noop_30_seed1_max4000_repeat2'

import functools
import threading

from attn_agents.distributed import topology
from attn_agents.distributed.roles import evaluator as role
from attn_agents.evaluation import episodes, evaluator, following, waiting
from tests import in_process


def test_a_line_now_and_then():
  said, now = [], [100.0]
  reminder = waiting.Reminder(
    said.append,
    lambda progress: f'{progress.agent_steps} steps',
    seconds=30.0,
    clock=lambda: now[0],
  )
  for row in range(200):
    reminder(episodes.Progress(0, row))
    now[0] += 1.0
  assert said == [f'{row} steps' for row in (30, 60, 90, 120, 150, 180)]


def test_no_evaluation_begins_with_a_line(tmp_path, monkeypatch):
  now, said, event = [100.0], [], threading.Event()

  class Follower:
    """Evaluates twice, an hour apart, in a row of every second."""

    def __init__(self, *args):
      self._left = 2

    def describe(self, progress):
      return f'{progress.agent_steps} steps'

    def follow(self, should_stop, progress):
      del should_stop
      if not self._left:
        event.set()
        return None
      self._left -= 1
      for row in range(40):
        progress(episodes.Progress(0, row))
        now[0] += 1.0
      now[0] += 3600.0
      return 'scored'

  class Status:
    def set(self, state, detail=''):
      if state == 'running':
        said.append(detail)

  class Stop:
    def __init__(self):
      self.event = event

    def __call__(self):
      return event.is_set()

  monkeypatch.setattr(following, 'Follower', Follower)
  clocked = functools.partial(waiting.Reminder, clock=lambda: now[0])
  monkeypatch.setattr(waiting, 'Reminder', clocked)
  place = topology.Topology(str(tmp_path), 'x:1', 'x:2', (0,), 4)
  role.evaluate(place, in_process.catch_config(), Status(), Stop())
  assert said[1:] == ['30 steps', 'scored', '30 steps', 'scored']


def test_the_line_names_game_frames_and_cap():
  config = in_process.catch_config(agent='impala_ff')
  progress = episodes.Progress(12, 13_580)
  scorer = evaluator.Evaluator(
    config, evaluator.Plan(num_episodes=200, max_episode_frames=108_000)
  )
  repeat = config.environment.action_repeat
  assert scorer.describe(progress) == (
    'catch: 12 of 200 games are over, the longest in progress has '
    f'{13_580 * repeat:,} frames of at most 108,000'
  )
  scorer = evaluator.Evaluator(config, evaluator.Plan(agent_steps=5))
  assert scorer.describe(progress).startswith('catch: 12 games are over, ')

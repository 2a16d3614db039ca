from attn_agents.evaluation import episodes, evaluator, waiting
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

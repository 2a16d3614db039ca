"""What the page is told before anything is played."""

from attn_agents.runs import run_directory
from attn_agents.watching import games, session
from configs import agents


def test_the_page_is_told_how_the_game_is_shown(tmp_path):
  config = agents.make('s3ta', 'small')
  run = run_directory.RunDirectory(tmp_path / 'mine')
  plan = games.Plan(rows_per_second=7.5)
  facts = session.Watched(run, config, config, plan).facts()
  assert facts['run'] == 'mine'
  # Of whatever size the agent's own observations are.
  assert facts['screen'] == (210, 160)
  assert facts['rows_per_second'] == 7.5
  assert (facts['stage'], facts['newest']) == ('waiting', None)

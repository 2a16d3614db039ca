import csv
import json
import math

import numpy as np
import pytest

from attn_agents.evaluation import episodes, results
from configs import errors

PLAYED = [
  episodes.Episode(0, 0, 10.0, 100, episodes.GAME_OVER),
  episodes.Episode(0, 1, 31.0, 27_000, episodes.FRAME_CAP),
  episodes.Episode(1, 0, 1.5, 50, episodes.GAME_OVER),
  episodes.Episode(1, 1, 4.0, 60, episodes.GAME_OVER),
]


def test_statistics_are_numpys():
  found = results.summarise('breakout', PLAYED, action_repeat=4)
  returns = np.array([10, 31, 1.5, 4])
  assert found.mean == returns.mean()
  assert found.median == np.median(returns)
  assert (found.minimum, found.maximum) == (1.5, 31)
  assert found.standard_error == pytest.approx(returns.std(ddof=1) / 2)
  assert found.mean_frames == 4 * np.mean([100, 27_000, 50, 60])
  assert found.cut == 0.25
  human = (returns.mean() - 1.7) / 28.8
  assert found.human_normalised == pytest.approx(
    {'table': human, 's3ta': human}
  )


def test_the_error_is_over_games_that_differ():
  # Two games that are played three times each, and one played once.
  played = [
    episodes.Episode(0, i, value, 100, episodes.GAME_OVER, trace)
    for i, (trace, value) in enumerate(
      [('a', 1.0), ('b', 3.0), ('a', 1.0), ('c', 3.0), ('b', 3.0), ('a', 1.0),
       ('b', 3.0)]
    )
  ]  # fmt: skip
  found = results.summarise('breakout', played, action_repeat=4)
  assert (found.episodes, found.distinct) == (7, 3)
  # The mean is of all that was played.
  assert found.mean == pytest.approx(15 / 7)
  # 1, 3 and 3 have variance 4 / 3, so their mean has 4 / 9.
  assert found.standard_error == pytest.approx(2 / 3)
  text = results.in_words('breakout', found)
  assert 'distinct  3 games' in text and 'over 3' in text
  assert 'distinct' not in results.in_words(
    'breakout', results.summarise('breakout', PLAYED, action_repeat=4)
  )


def test_both_conventions_of_pinball():
  found = results.summarise('video_pinball', PLAYED, 4).human_normalised
  assert found['s3ta'] == pytest.approx(11.625 / 17667.9)
  assert found['table'] < -10


def test_files_say_every_episode_and_the_summary(tmp_path):
  summary = results.summarise('catch', PLAYED[:1], 4)
  assert math.isnan(summary.standard_error) and not summary.human_normalised
  results.write(
    tmp_path / 'a' / 'b', PLAYED, summary, first_seed=1000, action_repeat=4,
    facts={'checkpoint': 7},
  )  # fmt: skip
  with (tmp_path / 'a/b/evaluation.csv').open() as file:
    rows = list(csv.DictReader(file))
  assert rows[1] == {
    'episode': '1', 'environment': '0', 'game': '1', 'seed': '1000',
    'return': '31', 'agent_steps': '27000', 'frames': '108000',
    'end': 'frame_cap', 'trace': '',
  }  # fmt: skip
  assert [row['seed'] for row in rows] == ['1000', '1000', '1001', '1001']
  text = (tmp_path / 'a/b/summary.json').read_text()
  assert text.startswith('{\n  "checkpoint": 7,\n') and text.endswith('}\n')
  said = json.loads(text)
  assert said['checkpoint'] == 7 and said['mean'] == 10
  assert said['standard_error'] is None
  assert sorted(p.name for p in (tmp_path / 'a/b').iterdir()) == [
    'evaluation.csv', 'summary.json',
  ]  # fmt: skip


def test_words_for_a_terminal():
  text = results.in_words(
    'breakout', results.summarise('breakout', PLAYED, action_repeat=4)
  )
  assert text.splitlines()[0] == (
    'game      breakout, 4 episodes of 27,210 frames in the mean'
  )
  # The deviation is 13.4 of 4 games.
  assert (
    'mean 11.62 (standard error 6.70), median 7.00, 1.50 to 31.00\n' in text
  )
  assert 'convention' not in text
  assert '25.0% of the games, after 108,000 frames' in text
  assert '34.5% (0 % random' in text


def test_words_of_both_conventions_or_of_no_human():
  def said(game, value):
    episode = episodes.Episode(0, 0, value, 100, episodes.GAME_OVER)
    return results.in_words(game, results.summarise(game, [episode], 4))

  # The random scores are 16256.9 and 0, the human one is 17667.9.
  last = said('video_pinball', 17_667.9 / 2).splitlines()[-1]
  assert last == (
    'human     -526.1%, 50.0% by the convention of S3TA '
    '(0 % random, 100 % human)'
  )
  assert 'human' not in said('catch', 1.0)


def test_a_line_about_several_games():
  line = results.of_several_in_words
  assert line({'catch': 1.0}) == 'score     none: catch have no human scores'
  # Pong's random and human scores are -20.7 and 14.6.
  assert line({'pong': -3.05, 'breakout': 30.5}) == (
    'score     75.0%, mean capped human-normalised score of 2 games'
  )
  pinball = {'catch': 1.0, 'pong': 14.6, 'video_pinball': 16_256.9}
  assert line(pinball) == (
    'score     50.0%, 96.0% by the convention of S3TA, mean capped '
    'human-normalised score of 2 games, without catch'
  )


def test_an_unusual_cap_is_named_even_if_it_cut_nothing():
  summary = results.summarise('breakout', PLAYED[:1], action_repeat=4)
  assert 'cut' not in results.in_words('breakout', summary)
  assert 'mean 10.00 (standard error unknown: one game), median 10.00' in (
    results.in_words('breakout', summary)
  )
  text = results.in_words('breakout', summary, 20_000)
  assert '0.0% of the games, after 20,000 frames' in text


def test_no_evaluation_replaces_another(tmp_path):
  summary = results.summarise('breakout', PLAYED, 4)
  facts = {'run': '/a', 'protocol': 'noop', 'max_episode_frames': 108_000}

  def write(**change):
    asked = facts | change
    results.require_same(tmp_path, asked, len(PLAYED))
    results.write(
      tmp_path, PLAYED, summary, first_seed=0, action_repeat=4, facts=asked
    )

  write()
  write()
  write(run='/moved')
  before = (tmp_path / 'summary.json').read_text()
  for change, words in (
    ({'protocol': 'sticky'}, 'protocol: noop there, sticky now'),
    (
      {'max_episode_frames': 4000},
      'max_episode_frames: 108000 there, 4000 now',
    ),
  ):
    with pytest.raises(errors.ConfigError, match=words):
      write(**change)
  with pytest.raises(errors.ConfigError, match='episodes: 4 there, 5 now'):
    results.require_same(tmp_path, facts, 5)
  assert (tmp_path / 'summary.json').read_text() == before


def test_evaluations_from_before_the_cap_had_the_usual_one(tmp_path):
  path = tmp_path / 'summary.json'
  path.write_text('{"protocol": "noop", "episodes": 4}')
  facts = {'protocol': 'noop', 'max_episode_frames': 108_000}
  results.require_same(tmp_path, facts, 4)
  with pytest.raises(errors.ConfigError, match='108000 there, 400 now'):
    results.require_same(tmp_path, facts | {'max_episode_frames': 400}, 4)
  results.require_same(tmp_path, facts | {'opening': 'each game'}, 4)
  with pytest.raises(errors.ConfigError, match='each game there, each life n'):
    results.require_same(tmp_path, facts | {'opening': 'each life'}, 4)
  path.write_text('{"protocol": ')
  with pytest.raises(errors.ConfigError, match='cannot be read'):
    results.require_same(tmp_path, facts, 4)

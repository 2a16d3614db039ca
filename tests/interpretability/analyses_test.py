"""Every study on a recording of Catch: what it finds, saves and shows."""

import json
import pathlib

import numpy as np
import pytest

from attn_agents.evaluation import evaluator
from attn_agents.interpretability import context, registry
from attn_agents.interpretability.recordings import record
from attn_agents.interpretability.report import assembly, report
from tests.interpretability import playing

_OPTIONS = context.Options(
  saliency_rows=3,
  trust_rows=3,
  gradient_rows=5,
  thresholds=(0.5,),
  hard_plan=evaluator.Plan(num_episodes=2, num_envs=2),
  injection_steps=9,
)
_NEED_ATTENTION = {
  'heads', 'what_where', 'weights', 'behaviour', 'trust', 'hard_attention',
}  # fmt: skip


def _given(directory, played, other=None):
  for who in (played, other):
    if who is not None:
      who.facts.update(
        run='runs/x', preset='small', algorithm='vtrace', trained_game='catch',
        training_seed=1, checkpoint=7, training_frames=4_000,
      )  # fmt: skip
  plan = record.Plan(num_episodes=8, max_steps=100)
  recorded = record.record(played, plan, directory / 'recording')
  return context.Context(
    played=played, recorded=recorded, plan=plan, directory=directory,
    trained=played.config, checkpoints=directory, options=_OPTIONS,
    other=other,
  )  # fmt: skip


def _study(given):
  done, skipped = [], {}
  for name, study in registry.ANALYSES.items():
    try:
      found = study.run(given)
    except context.DoesNotApplyError as error:
      skipped[name] = str(error)
    else:
      done.append(
        assembly.Done(name, found, found.save(given.directory / name))
      )
  return done, skipped


@pytest.fixture(scope='module')
def of_s3ta(tmp_path_factory):
  directory = tmp_path_factory.mktemp('s3ta')
  given = _given(directory, playing.make_agent(), playing.make_agent(True))
  return given, *_study(given)


def test_s3ta_gets_all_but_what_needs_a_residual_network(of_s3ta):
  _, done, skipped = of_s3ta
  assert set(skipped) == {'grad_cam'}
  assert {each.name for each in done} == set(registry.ANALYSES) - {'grad_cam'}


def test_what_was_found_is_on_disk(of_s3ta):
  given, done, _ = of_s3ta
  for each in done:
    directory = given.directory / each.name
    for name, png in each.drawn.items():
      assert (directory / f'{name}.png').read_bytes() == png
      assert png.startswith(b'\x89PNG')
    assert set(each.found.captions) == set(each.drawn)
    if each.found.numbers:
      text = (directory / 'numbers.json').read_text()
      assert json.loads(text) == json.loads(json.dumps(each.found.numbers))
    if each.found.arrays:
      saved = np.load(directory / 'arrays.npz')
      for name, value in each.found.arrays.items():
        np.testing.assert_array_equal(saved[name], value)


def test_baseline_is_shown_the_very_same_game(of_s3ta):
  given, _, _ = of_s3ta
  other, shown = given.shown_to_other
  assert other.config.agent != given.agent
  for name in ('frame', 'action', 'reward', 'step_type'):
    np.testing.assert_array_equal(shown[name], given.recorded[name], name)


def test_rows_are_spread_over_what_was_acted_at(of_s3ta):
  given, _, _ = of_s3ta
  rows = given.rows(7)
  assert len(rows) == 7
  assert rows == sorted(set(rows))
  # Games of ten rows have none after the fiftieth, so that all count but the
  # last of each game.
  assert (rows[0], rows[-1]) == (0, 78)
  assert all(row % 10 != 9 for row in rows)


def test_report_is_one_page_without_links(of_s3ta):
  given, done, skipped = of_s3ta
  data = assembly.assemble(given, done, skipped, 'launch/analyze.py --run=x')
  page = report.render(data)
  for study in registry.ANALYSES.values():
    assert study.title in page
  assert 'launch/analyze.py --run=x' in page
  assert 'Grad-CAM does not apply' in page
  assert 'http://' not in page
  assert 'https://' not in page


def test_agent_without_attention_gets_what_applies(tmp_path):
  played = playing.make_agent(resnet=True)
  given = _given(tmp_path, played)
  # Stages of training are read from checkpoints, of which there are none.
  names = [name for name in registry.ANALYSES if name != 'grad_cam']
  skipped = {}
  for name in names:
    if name in _NEED_ATTENTION:
      with pytest.raises(context.DoesNotApplyError) as error:
        registry.ANALYSES[name].run(given)
      skipped[name] = str(error.value)
  assert set(skipped) == _NEED_ATTENTION
  found = registry.ANALYSES['saliency'].run(given)
  data = assembly.assemble(
    given, [assembly.Done('saliency', found, found.save(tmp_path / 's'))],
    skipped, 'c',
  )  # fmt: skip
  assert data.attention is None
  assert 'has no attention over cells' in report.render(data)


def test_gif_and_video_show_the_recording(of_s3ta):
  given, _, _ = of_s3ta
  for ending in ('mp4', 'gif'):
    path: pathlib.Path = given.directory / 'heads' / f'heads.{ending}'
    assert path.stat().st_size > 1_000


def test_threshold_zero_gives_the_returns_of_the_unmodified_agent(of_s3ta):
  given, done, _ = of_s3ta
  (hard,) = (each for each in done if each.name == 'hard_attention')
  scorer = evaluator.Evaluator(given.played.config, _OPTIONS.hard_plan)
  games = scorer.evaluate(given.played.params)
  np.testing.assert_array_equal(
    hard.found.arrays['returns'][0], [game.game_return for game in games]
  )

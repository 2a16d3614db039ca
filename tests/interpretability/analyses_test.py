"""Every analysis on a recording of Catch: what it finds, saves and shows."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from attn_agents.evaluation import evaluator
from attn_agents.interpretability import context, options, pipeline, registry
from attn_agents.interpretability.gradients import section as gradients
from attn_agents.interpretability.hard_attention import (
  options as hard_attention,
)
from attn_agents.interpretability.hard_attention import section as hard_section
from attn_agents.interpretability.injection import options as injection
from attn_agents.interpretability.recordings import record
from attn_agents.interpretability.report import assembly, report
from attn_agents.interpretability.saliency import options as saliency
from attn_agents.interpretability.trust import section as trust
from configs import errors
from tests.interpretability import playing, toy_analysis

_OPTIONS = (
  saliency.Options(maps=3),
  trust.Options(rows=3),
  gradients.Options(rows=5),
  hard_attention.Options(episodes=2, thresholds=(0.5,)),
  injection.Options(steps=9),
)


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
    trained=played.config, checkpoints=directory, chosen=_OPTIONS,
    other=other,
  )  # fmt: skip


def _analyse(given, without=()):
  done, skipped = [], {}
  for name, analysis in registry.ANALYSES.items():
    if name in without:
      continue
    try:
      found = analysis.run(given)
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
  return given, *_analyse(given)


def test_s3ta_gets_all_but_what_needs_a_residual_network(of_s3ta):
  _, done, skipped = of_s3ta
  assert 'grad_cam' in skipped
  assert {each.name for each in done} == set(registry.ANALYSES) - set(skipped)
  assert len(done) >= 9


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
  for analysis in registry.ANALYSES.values():
    assert analysis.title in page
  assert 'How much the agent depends on what it saw' in page
  assert 'launch/analyze.py --run=x' in page
  assert 'Grad-CAM does not apply' in page
  assert 'http://' not in page
  assert 'https://' not in page


def test_agent_without_attention_gets_what_applies(tmp_path):
  played = playing.make_agent(resnet=True)
  given = _given(tmp_path, played)
  # Stages of training are read from checkpoints, of which there are none.
  done, skipped = _analyse(given, without=('grad_cam',))
  assert {
    'heads', 'what_where', 'weights', 'behaviour', 'trust', 'hard_attention',
  } <= set(skipped)  # fmt: skip
  assert {'saliency', 'gradients', 'injection'} <= {each.name for each in done}
  data = assembly.assemble(given, done, skipped, 'c')
  assert data.attention is None
  assert 'has no attention over cells' in report.render(data)


def test_an_analysis_of_a_file_alone_is_in_the_report(of_s3ta, monkeypatch):
  given, _, _ = of_s3ta
  module = toy_analysis.__name__
  added = registry.Analysis('How bright it is', module, module)
  # So that other tests do not find it.
  monkeypatch.setattr(registry, 'ANALYSES', dict(registry.ANALYSES))
  registry.register('toy', added)
  with pytest.raises(ValueError, match='already'):
    registry.register('toy', added)
  monkeypatch.setattr(given, 'chosen', [toy_analysis.Options(every=2)])
  told = []
  path = pipeline.run(
    given, ['toy', 'weights'], 'c', started=told.append,
    ended=lambda *line: told.append(line),
  )  # fmt: skip
  assert told == ['weights', ('weights', ''), 'toy', ('toy', '')]
  page = path.read_text()
  assert path.name == 'report_weights_toy.html'
  assert 'How bright it is' in page
  assert 'Mean level of the screen over time.' in page
  assert 'Perturbation saliency: not requested' in page
  numbers = json.loads((given.directory / 'toy' / 'numbers.json').read_text())
  assert numbers['rows'] == len(given.recorded) // 2


def test_flags_of_an_analysis_become_its_options():
  (flag,) = options.flags(toy_analysis.Options)
  assert (flag.name, flag.kind, flag.default) == ('toy_every', 'integer', 1)
  assert toy_analysis.Options() == toy_analysis.Options(every=1)
  read = options.from_flags(toy_analysis.Options, {'toy_every': 3})
  assert read == toy_analysis.Options(every=3)
  with pytest.raises(errors.ConfigError, match='toy_every=0'):
    options.from_flags(toy_analysis.Options, {'toy_every': 0})


def test_the_registry_loads_no_jax_and_no_matplotlib():
  code = (
    'import sys; from attn_agents.interpretability import registry;'
    'print([x.options_class() for x in registry.ANALYSES.values()]);'
    'assert not {"jax", "matplotlib", "numpy"} & set(sys.modules)'
  )
  subprocess.run([sys.executable, '-c', code], check=True, timeout=60)


def test_gif_and_video_show_the_recording(of_s3ta):
  given, _, _ = of_s3ta
  for ending in ('mp4', 'gif'):
    path: pathlib.Path = given.directory / 'heads' / f'heads.{ending}'
    assert path.stat().st_size > 1_000


def test_threshold_zero_gives_the_returns_of_the_unmodified_agent(of_s3ta):
  given, done, _ = of_s3ta
  (hard,) = (each for each in done if each.name == 'hard_attention')
  scorer = evaluator.Evaluator(given.played.config, hard_section.plan(given))
  games = scorer.evaluate(given.played.params)
  np.testing.assert_array_equal(
    hard.found.arrays['returns'][0], [game.game_return for game in games]
  )

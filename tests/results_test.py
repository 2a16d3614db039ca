"""The documents state what is in `results/`."""

import csv
import dataclasses
import json
import pathlib

import pytest

from attn_agents.evaluation.reporting import run_results
from attn_agents.runs import old_configs
from configs import agents, errors
from results import draw, learning, sight, speed, tried, zoo

_RESULTS = pathlib.Path(draw.__file__).parent


@pytest.mark.parametrize('name', draw.DOCUMENTS)
def test_documents_show_what_was_measured(name):
  text = (draw.ROOT / name).read_text()
  assert draw.redraw(text, draw.DOCUMENTS[name]) == text, 'run `make results`'


def test_a_table_that_nothing_draws_is_refused():
  name = 'docs/results.md'
  text = (draw.ROOT / name).read_text()
  with pytest.raises(ValueError, match='chance'):
    draw.redraw(
      text.replace('drawn: chance', 'drawn: luck'), draw.DOCUMENTS[name]
    )


def test_words_about_the_heads_of_other_agents_are_refused(
  tmp_path, monkeypatch
):
  words = tmp_path / 'zoo.csv'
  words.write_text('name,heads\ns3ta_tennis,the net\n')
  monkeypatch.setattr(zoo, '_HEADS', words)
  with pytest.raises(ValueError, match='s3ta_tennis'):
    zoo.beside_heads()


def test_documents_show_each_figure_and_it_can_be_drawn(tmp_path):
  shown = ''.join((draw.ROOT / name).read_text() for name in draw.DOCUMENTS)
  for name, figure in draw.FIGURES.items():
    assert f']({name.removeprefix("docs/")})' in shown, name
    assert (draw.ROOT / name).is_file(), name
    figure(tmp_path / 'figure.png')
    assert (tmp_path / 'figure.png').stat().st_size > 1_000


def test_every_speed_says_how_it_was_measured():
  files = sorted(_RESULTS.glob('speed/*.json'))
  assert len(files) > 5
  for path in files:
    machine = json.loads(path.read_text())['machine']
    assert machine['command'].startswith('python -m benchmarks.'), path
    assert machine['commit'] and machine['cpu'], path


def test_runs_of_small_have_the_settings_it_has_now():
  found = run_results.find([str(_RESULTS / 'small')])
  assert len(found) > 1
  for path in found:
    content = json.loads((path / 'config.json').read_text())
    assert content['config']['preset'] == 'small', path
    assert tried.differences(content['config'], ()) == [], path
    assert content['commands'] and content['git_commit'], path
    assert list(path.glob('evaluations/*/evaluation.csv')), path


def test_every_run_that_was_tried_has_a_row():
  tables = [table() for table in draw.DOCUMENTS['docs/tried.md'].values()]
  for path in run_results.find([str(_RESULTS / 'tried')]):
    name = path.relative_to(_RESULTS).as_posix()
    assert sum(f'](../results/{name})' in table for table in tables) == 1, name


def test_every_run_about_sight_has_a_row():
  found = run_results.find([str(_RESULTS / 'sight')])
  assert sorted(path.name for path in found) == sorted(sight.names())
  table = sight.table()
  for path in found:
    assert f'](../results/sight/{path.name})' in table


def test_the_last_row_before_a_time_is_taken():
  curve = run_results.Curve(
    (4.0, 8.0, 12.0), (30.0, 60.0, 90.0), (1.0, 2.0, 3.0)
  )
  assert learning._at(curve, 60.0) == (8.0, 2.0)
  assert learning._at(curve, 89.9) == (8.0, 2.0)
  assert learning._at(curve, 900.0) == (12.0, 3.0)
  with pytest.raises(ValueError, match='before the first game'):
    learning._at(curve, 29.0)


def test_what_was_tried_is_told_from_what_small_is():
  config = json.loads(
    json.dumps(dataclasses.asdict(agents.make('s3ta', 'small')))
  )
  assert tried.differences(config, ()) == []
  config['learning']['vtrace_lambda'] = 0.9
  config['network']['conv_channels'] = [8, 8]
  config['environment']['episodic_life'] = True
  del config['optimizer']['epsilon']
  assert tried.differences(config, ('episodic_life',)) == [
    '`conv_channels=8,8`', '`vtrace_lambda=0.9`',
  ]  # fmt: skip
  assert '`episodic_life=True`' in tried.differences(config, ())


def test_returns_are_those_logged_by_then():
  rows = [
    {'agent_steps': 10.0, 'episode_return_mean': 1.0},
    {'agent_steps': 20.0, 'episode_return_mean': 2.0},
  ]
  assert [tried._return_at(rows, steps) for steps in (9, 10, 19, 20, 21)] == [
    '', '1.0', '1.0', '2.0', '',
  ]  # fmt: skip


def test_runs_are_in_the_form_of_today_but_those_it_cannot_say():
  for path in sorted(_RESULTS.glob('*/*/config.json')):
    content = json.loads(path.read_text())
    old = 'format' not in content
    assert old == path.match('tried/pong_vtrace_*/config.json'), path
    if not old:
      continue
    with pytest.raises(errors.ConfigError, match='V-trace with several steps'):
      old_configs.convert(content['config'])
    # What its section says is compared with that of `small`.
    found = tried.differences(content['config'], ())
    assert 'no decoder' in found
  assert any('baseline_cost' in x or 'vtrace_lambda' in x for x in found)


def test_every_note_is_of_a_run():
  with (_RESULTS / 'tried' / 'notes.csv').open() as file:
    for row in csv.DictReader(file):
      assert (_RESULTS / row['run'] / 'config.json').is_file(), row


def test_numbers_keep_their_significant_digits():
  assert speed._number(44.07, 3) == '44.1'
  assert speed._number(1983.7, 2) == '2,000'
  assert speed._number(0.9381, 2) == '0.94'
  assert speed._number(2.0, 2) == '2.0'
  assert speed._number(0.6087, 2, percent=True) == '61 %'
  assert speed._spread((2.0, 1.96, 2.04), 3) == '2.00 (1.96 to 2.04)'
  # What differs only beyond its digits has no spread to show.
  assert speed._spread((2.0, 1.99, 2.01), 2) == '2.0'

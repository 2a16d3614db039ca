"""The model card: in the form that hubs read, with all that it must say."""

import copy
import dataclasses
import json

import numpy as np
import pytest
import yaml

from attn_agents.exporting import card, contents, evaluations, pictures
from attn_agents.runs import exported, run_directory
from configs import errors


@pytest.fixture(name='given', scope='module')
def _given(agent_path):
  return contents.read(exported.find(str(agent_path)))


def _front(text):
  assert text.startswith('---\n')
  return yaml.safe_load(text.split('---\n')[1])


def test_a_card_says_everything(given, agent_path):
  text = (agent_path / exported.CARD).read_text()
  for title in (
    'Data', 'Command', 'Scores', 'Training curve', 'How to load it', 'Files',
    'Licence', 'What its pictures show, and how far to trust them',
  ):  # fmt: skip
    assert f'\n## {title}\n' in text
  assert given.content['commands'][0] in text
  assert given.content['git_commit'].rstrip('+') in text
  summary = given.evaluations['catch'].summary
  assert f'| catch | {summary["mean"]:,.2f} ± ' in text
  assert '4,800 frames' in text
  front = _front(text)
  assert front['license'] == 'apache-2.0'
  (result,) = front['model-index'][0]['results']
  assert result['dataset']['type'] == 'catch'
  assert result['metrics'][0]['value'] == given.evaluations['catch'].score


def test_the_client_of_the_hub_reads_it(agent_path):
  hub = pytest.importorskip('huggingface_hub')
  data = hub.ModelCard.load(agent_path / exported.CARD).data
  assert data.model_name == 'some_agent'
  assert data.license == 'apache-2.0'
  (result,) = data.eval_results
  assert result.metric_type == 'mean_reward'
  assert result.dataset_name == 'catch'
  # What it writes again, it reads again.
  assert hub.ModelCardData(**data.to_dict()) is not None


_PICTURES = {
  'catch': {
    'analysis': 'catch_12',
    'heads': {
      'lift on moving objects': [0.5, 7.25, None],
      'what (1) or where (-1)': [0.1, -0.9, 0.0],
    },
    'trust': {
      'steps': 8,
      'areas': {
        'attention': {'deletion, policy': 0.31, 'insertion, policy': 0.2},
        'random': {'deletion, policy': 0.25, 'insertion, policy': 0.22},
      },
      'agreement': {'all heads': {'same': 0.412, 'others': 0.4}},
    },
  }
}


def test_pictures_are_told_with_what_chance_is(given):
  facts = {**given.facts, 'pictures': _PICTURES}
  content = {**given.content, exported.KEY: facts}
  text = card.text(dataclasses.replace(given, content=content))
  assert '| 2 | 7.2 | -0.9 |' in text
  assert '| 3 | - | 0.0 |' in text
  assert 'Head 2 attends to moving objects 7.2 times as much as chance' in text
  assert '| random | 0.250 | 0.220 |' in text
  assert 'is 0.41 at the same step, and 0.40' in text


def test_heads_at_chance_are_called_so():
  found = {'catch': {'heads': {'lift on the ball': [0.9, 1.4]}}}
  text = pictures.in_words(found)
  assert 'No head attends to the ball twice as much as chance' in text
  # One game needs no title, and no numbers of trust no table of them.
  assert 'On catch:' not in text and 'order of cells' not in text
  assert 'Not analysed' in pictures.in_words({})
  unknown = {'catch': {'heads': {'lift on the ball': [None, None]}}}
  assert 'No head attends to the ball' in pictures.in_words(unknown)


def test_pictures_of_several_games_have_titles():
  found = {
    'pong': {'heads': {'lift on the ball': [1.9, 2.0]}},
    'boxing': {
      'trust': {
        'steps': 3,
        'areas': {'random': {'deletion, baseline': 7, 'deletion, policy': 1}},
        'agreement': {},
      }
    },
  }
  pong, boxing = pictures.in_words(found).split('On boxing:\n\n')
  assert pong.startswith('On pong:\n\n')
  # Twice as much is enough.
  assert 'Head 2 attends to the ball 2.0 times as much as chance.' in pong
  assert boxing.startswith('It has no attention over cells of the screen.')
  assert '| order of cells | deletion, policy |' in boxing
  assert '| random | 1.000 |' in boxing
  assert ', over 3 steps.' in boxing
  assert 'saliency is - at the same step, and - with' in boxing


def test_pictures_are_of_the_first_analysis_that_has_numbers(tmp_path):
  run = run_directory.RunDirectory(tmp_path)
  for name, analysis, content in (
    ('pong_5_a', 'saliency', {'other': 1}),
    ('pong_5_b', 'behaviour', {'ball': {'lift': [3.0]}}),
    ('pong_5_b', 'what_where', {'balance_mean': [0.5]}),
    (
      'pong_5_b', 'trust',
      {'rows': [1, 2], 'areas': {'random': {}}, 'agreement': {'policy': {}}},
    ),
    ('pong_5_c', 'behaviour', {'ball': {'lift': [9.0]}}),
  ):  # fmt: skip
    directory = run.path / 'analyses' / name / analysis
    directory.mkdir(parents=True)
    (directory / 'numbers.json').write_text(json.dumps(content))
  assert pictures.of_run(run, 5, ['pong', 'boxing']) == {
    'pong': {
      'analysis': 'pong_5_b',
      'heads': {'lift on ball': [3.0], 'what (1) or where (-1)': [0.5]},
      'trust': {'steps': 2, 'areas': {'random': {}}, 'agreement': {}},
    }
  }


def _card(given, evaluations=None, counters=None, environment=None, **changes):
  """The card of an agent of which some things are otherwise."""
  content = copy.deepcopy({**given.content, **changes})
  content[exported.KEY]['counters'].update(counters or {})
  content['config']['environment'].update(environment or {})
  return card.text(
    dataclasses.replace(
      given, content=content, evaluations=evaluations or given.evaluations
    )
  )


_GPU = {'device_kind': 'H100', 'device_platform': 'gpu', 'cores': 16}


@pytest.mark.parametrize(
  ('hardware', 'machine'),
  [
    ({**_GPU, 'device_count': 2}, ' on 2 x H100, 16 CPU cores'),
    (_GPU, ' on 1 x H100, 16 CPU cores'),
    (
      {'device_kind': 'cpu', 'device_platform': 'cpu', 'cores': 8, 'cpu': 'X'},
      ' on 8 CPU cores (X)',
    ),
    ({'device_kind': 'H100'}, ''),
    ({'cores': 16}, ''),
  ],
)
def test_a_card_says_where_and_how_long_it_was_trained(
  given, hardware, machine
):
  text = _card(given, hardware=hardware, counters={'wall_time': 90.4 * 60})
  count = sum(int(np.prod(x.shape)) for x in given.params.values())
  assert (
    '`impala_shallow` (Espeholt et al. 2018, arXiv:1802.01561) that plays '
    'catch, trained by `appo` with' in text
  )
  assert (
    f'4,800 frames, 1,200 agent steps, 90 minutes{machine}. It has {count:,} '
    'parameters.' in text
  )


def test_a_card_says_how_often_and_of_what_it_was_started(given):
  once = _card(
    given, commands=['a --b'], git_commit='abc', versions={}, seed=7,
    environment={'height': 84, 'width': 80, 'grayscale': True},
  )  # fmt: skip
  commit = 'Commit `abc` of attn_agents. '
  assert f'\n    a --b\n\n{commit}Versions: unknown.' in once
  assert 'screens of 84 x 80 pixels, one grey channel, ' in once
  assert ' Seed 7. ' in once
  twice = _card(
    given, commands=['a --b', 'a'], git_commit='abc+',
    versions={'jax': '1', 'numpy': '2'}, environment={'grayscale': False},
  )  # fmt: skip
  assert (
    f'\n    a --b\n\n{commit}Files of the checkout differed from it. It was '
    'started 2 times. Versions: jax 1, numpy 2.' in twice
  )
  assert ' pixels, RGB, ' in twice


def test_scores_are_shown_with_their_error_and_as_a_share_of_a_humans(given):
  summary = {
    'mean': -3.05, 'median': -4, 'minimum': -21, 'maximum': 1000,
    'episodes': 30, 'protocol': 'noop', 'policy': 'sampled',
  }  # fmt: skip
  text = _card(
    given,
    {
      'pong': evaluations.Evaluation(b'', summary),
      'catch': evaluations.Evaluation(
        b'', {**summary, 'standard_error': 0.126, 'policy': 'greedy'}
      ),
    },
  )
  # Random play scores -20.7, a human 14.6; Catch has neither.
  shared = '-4.00 | -21.00 to 1,000.00 | 30 |'
  assert f'| pong | -3.05 ± unknown | {shared} 50.0% |' in text
  assert f'| catch | -3.05 ± 0.13 | {shared} - |' in text
  assert (
    '(protocol `noop`, greedy actions; protocol `noop`, sampled actions)'
    in text
  )
  front = _front(text)
  assert list(front)[:2] == ['library_name', 'license']
  assert front['tags'][-3:] == ['impala_shallow', 'appo', 'catch']
  pong, catch = front['model-index'][0]['results']
  assert pong['metrics'][0]['value'] == '-3.05'
  assert catch['metrics'][0]['value'] == '-3.05 +/- 0.13'
  # Nobody but who trained it has seen this.
  assert pong['metrics'][0]['verified'] is False


def test_scores_of_checkpoints_are_listed_where_they_are(given):
  row = f'| `{exported.EVALUATION_CURVE}` | scores of checkpoints |'
  assert row not in card.text(given)
  assert row in card.text(dataclasses.replace(given, evaluation_curve=b'x'))


def test_pictures_are_those_of_the_checkpoint(trained):
  analyses = trained.path / 'analyses'
  for step in (11, 12):
    directory = analyses / f'catch_{step}_sampled' / 'behaviour'
    directory.mkdir(parents=True)
    (directory / 'numbers.json').write_text(
      f'{{"moving objects": {{"lift": [{step}.0]}}}}'
    )
  found = pictures.of_run(trained, 12, ['catch'])
  assert found['catch']['heads'] == {'lift on moving objects': [12.0]}
  assert pictures.of_run(trained, 13, ['catch']) == {}
  (directory / 'numbers.json').write_text('{')
  with pytest.raises(errors.ConfigError, match='is damaged'):
    pictures.of_run(trained, 12, ['catch'])

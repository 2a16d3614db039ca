"""The model card: in the form that hubs read, with all that it must say."""

import dataclasses

import pytest
import yaml

from attn_agents.exporting import card, contents, pictures
from attn_agents.runs import exported
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
  assert 'Not analysed' in pictures.in_words({})


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

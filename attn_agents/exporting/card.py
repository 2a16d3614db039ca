"""The model card of an exported agent, in the form that hubs read."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from attn_agents.environments import registry as environments
from attn_agents.evaluation import scores
from attn_agents.evaluation.reporting import tables
from attn_agents.exporting import contents, pictures
from attn_agents.runs import exported, run_directory
from configs import errors

_PAPERS = {
  's3ta': 'Mott et al. 2019, arXiv:1906.02500',
  'impala': 'Espeholt et al. 2018, arXiv:1802.01561',
  'drarl': 'Zhu & Kaneko 2021',
  'darqn': 'Sorokin et al. 2015, arXiv:1512.01693',
  'drqn': 'Hausknecht & Stone 2015, arXiv:1507.06527',
  'dqn': 'Mnih et al. 2015',
}

_CURVE = (
  f'![Mean return by frames]({exported.FIGURE})\n\nThe mean return of the '
  "newest games of training, which plays by training's rules: compare it "
  'with itself, not with the scores above.'
)


def text(given: contents.Contents) -> str:
  """README.md of an exported agent.

  Raises:
    ConfigError: config.json says something that no export does.
  """
  try:
    return _text(given)
  except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
    # It may be another's, of which only what a game needs has been checked.
    raise errors.ConfigError(
      f'config.json of {given.facts["name"]} is damaged: no card can be made '
      f'of it ({type(error).__name__}: {error})'
    ) from error


def _text(given: contents.Contents) -> str:
  front = yaml.safe_dump(
    front_matter(given), sort_keys=False, allow_unicode=True, width=80
  )
  sections = (
    ('', _what(given)),
    ('Data', _data(given)),
    ('Command', _command(given)),
    ('Scores', _scores(given)),
    ('Training curve', _CURVE),
    (
      'What its pictures show, and how far to trust them',
      pictures.in_words(given.facts.get('pictures') or {}),
    ),
    ('How to load it', _loading(given)),
    ('Files', _files(given)),
    ('Licence', f'{given.facts.get("licence", "unknown")}.'),
  )
  body = '\n\n'.join(
    f'## {title}\n\n{content}' if title else content
    for title, content in sections
  )
  return f'---\n{front}---\n\n# {given.facts["name"]}\n\n{body}\n'


def front_matter(given: contents.Contents) -> dict[str, Any]:
  """What hubs index, as plain values."""
  config = given.content['config']
  games = _games(given)
  return {
    'library_name': 'attn_agents',
    'license': given.facts.get('licence', 'unknown'),
    'pipeline_tag': 'reinforcement-learning',
    'tags': [
      *('reinforcement-learning', 'deep-reinforcement-learning', 'jax'),
      *('attention', 'interpretability'),
      *(config['agent'], config['algorithm'], *games),
    ],
    'model-index': [
      {
        'name': given.facts['name'],
        'results': [
          {
            'task': {
              'type': 'reinforcement-learning',
              'name': 'reinforcement-learning',
            },
            'dataset': {'name': game, 'type': game},
            'metrics': [
              {
                'type': 'mean_reward',
                'value': found.score,
                'name': 'mean_reward',
                'verified': False,
              }
            ],
          }
          for game, found in given.evaluations.items()
        ],
      }
    ],
  }


def _games(given: contents.Contents) -> Sequence[str]:
  return environments.members(given.content['config']['environment']['game'])


def _what(given: contents.Contents) -> str:
  config, counters = given.content['config'], given.facts['counters']
  numbers = sum(array.size for array in given.params.values())
  paper = next(
    (p for name, p in _PAPERS.items() if config['agent'].startswith(name)), ''
  )
  source = f' ({paper})' if paper else ''
  minutes = counters['wall_time'] / 60
  return (
    f'`{config["agent"]}`{source} that plays {", ".join(_games(given))}, '
    f'trained by `{config["algorithm"]}` with the preset `{config["preset"]}` '
    f'of attn_agents, from scratch: {counters["frames"]:,} frames, '
    f'{counters["agent_steps"]:,} agent steps, {minutes:,.0f} minutes'
    f'{_on(given.content.get("hardware", {}))}. It has {numbers:,} parameters.'
  )


def _on(hardware: Mapping[str, Any]) -> str:
  """The machine, as far as it is known."""
  cores, kind = hardware.get('cores'), hardware.get('device_kind')
  if not cores or not kind:
    return ''
  if hardware.get('device_platform') == 'cpu':
    return f' on {cores} CPU cores ({hardware.get("cpu", "unknown")})'
  return f' on {hardware.get("device_count", 1)} x {kind}, {cores} CPU cores'


def _data(given: contents.Contents) -> str:
  environment = given.content['config']['environment']
  channels = 'one grey channel' if environment['grayscale'] else 'RGB'
  return (
    'No data set: the agent learned from the games that it played itself, '
    f'screens of {environment["height"]} x {environment["width"]} pixels, '
    f'{channels}, {environment["action_repeat"]} frames to an agent step. '
    f'Seed {given.content.get("seed", "unknown")}. `config.json` has every '
    'setting.'
  )


def _command(given: contents.Contents) -> str:
  commands = given.content.get('commands') or ['unknown']
  commit = given.content.get('git_commit') or 'unknown'
  versions = given.content.get('versions', {})
  listed = ', '.join(f'{name} {version}' for name, version in versions.items())
  changed = (
    ' Files of the checkout differed from it.' if commit.endswith('+') else ''
  )
  times = (
    '' if len(commands) == 1 else f' It was started {len(commands)} times.'
  )
  return (
    f'    {commands[0]}\n\n'
    f'Commit `{commit.rstrip("+")}` of attn_agents.{changed}{times} Versions: '
    f'{listed or "unknown"}.'
  )


def _scores(given: contents.Contents) -> str:
  rows = []
  for game, found in given.evaluations.items():
    summary = found.summary
    error = summary.get('standard_error')
    human = ''
    if scores.has_references(game):
      human = f'{scores.human_normalised(game, summary["mean"], "table"):.1%}'
    rows.append(
      [
        game,
        f'{summary["mean"]:,.2f} ± '
        + ('unknown' if error is None else f'{error:,.2f}'),
        f'{summary["median"]:,.2f}',
        f'{summary["minimum"]:,.2f} to {summary["maximum"]:,.2f}',
        str(summary['episodes']),
        human or '-',
      ]
    )
  protocols = {
    f'protocol `{x.summary["protocol"]}`, {x.summary["policy"]} actions'
    for x in given.evaluations.values()
  }
  columns = ['game', 'mean ± error', 'median', 'range', 'games', 'human']
  table = tables.markdown((columns, rows))
  return (
    f'{table}\n\nWhole games, unclipped ({"; ".join(sorted(protocols))}). The '
    'error is the standard error of the mean over games of this one training '
    'run. It says nothing of other seeds, between which scores differ more. '
    'Human: 0 % is random play, 100 % a human tester.'
  )


def _loading(given: contents.Contents) -> str:
  name = given.facts['name']
  return (
    'With attn_agents, from a copy of this directory:\n\n'
    f'    launch/evaluate.py --run={name} --episodes=100\n'
    f'    launch/analyze.py --run={name}\n'
    f'    launch/watch.py --run={name}\n'
    f'    launch/run_local.py --init_from={name} ...\n\n'
    'Without it, the parameters are arrays by name:\n\n'
    f"    safetensors.numpy.load_file('{name}/{exported.PARAMETERS}')\n\n"
    'No file is executed or unpickled.'
  )


def _files(given: contents.Contents) -> str:
  rows = [
    (exported.PARAMETERS, 'parameters, float32, by name'),
    ('config.json', 'every setting, versions, the command, totals'),
    (f'{exported.EVALUATION}/', 'each game of the evaluation, and a summary'),
    (exported.CURVE, 'training, and the figure of it beside'),
    (exported.CHECK, 'some steps of play with the outputs at each, to compare'),
  ]
  if given.evaluation_curve is not None:
    rows.append((exported.EVALUATION_CURVE, 'scores of checkpoints'))
  table = tables.markdown(
    (['file', 'what'], [[f'`{name}`', what] for name, what in rows])
  )
  return f'{table}\n\nForm {exported.FORMAT}, of runs {run_directory.FORMAT}.'

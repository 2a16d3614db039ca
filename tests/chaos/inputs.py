"""The malformed inputs: how each is made, and which command gets it.

All are harmless: files cut short, emptied or of other content, wrong names,
types and numbers.
"""

import dataclasses
import json
import os
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

AGENT = 's3ta'
# Checkpoints of the run that inputs are made from.
STEPS = (3, 12)
RUN = 'run'


@dataclasses.dataclass(frozen=True)
class Case:
  """One malformed input.

  Attributes:
    name: what is wrong.
    command: of `launch/`, and its arguments, where '{run}' is a whole run's
      directory and '{here}' the one it lies in, both made anew.
    make: makes the input, given '{here}'.
  """

  name: str
  command: tuple[str, ...]
  make: Callable[[pathlib.Path], object] = lambda here: None


def _local(*args: str) -> tuple[str, ...]:
  return ('run_local', '--agent=s3ta', '--logdir={here}/new', *args)


def _set(text: str) -> tuple[str, ...]:
  return _local(f'--set={text}')


_EVALUATE = ('evaluate', '--run={run}', '--episodes=2', '--out={here}/out')
_REPORT = ('report_scores', '--runs={run}', '--out={here}/out')
ANALYZE = (
  *('analyze', '--run={run}', '--max_steps=20', '--analyses=weights'),
  '--out={run}/analyses/made',
)
_CONTINUE = ('run_local', '--agent=s3ta', '--game=catch', '--logdir={run}')


def _flags() -> list[Case]:
  """Flags."""
  cases = {
    'game unknown': _local('--game=pacman'),
    'game empty': _local('--game='),
    'agent unknown': _local('--agent=s3'),
    'preset unknown': _local('--preset=tiny'),
    'algorithm unknown': _local('--algorithm=pp'),
    'algorithm of other agents': _local('--algorithm=q_learning'),
    'runtime unknown': _local('--runtime=treads'),
    'max_frames a word': _local('--max_frames=many'),
    'max_frames a fraction': _local('--max_frames=1e6'),
    'max_frames negative': _local('--max_frames=-1'),
    'seed negative': _local('--seed=-1'),
    'seed too large': _local(f'--seed={2**31}'),
    'num_actors none': _local('--num_actors=-2'),
    'num_actors too many': _local('--num_actors=1000'),
    'envs_per_actor negative': _local('--envs_per_actor=-4'),
    'evaluate_every negative': _local('--evaluate_every=-5'),
    'flag unknown': _local('--gam=pong'),
    'argument without a flag': _local('pong'),
    'init_from nowhere': _local('--init_from={here}/nowhere'),
    'setting without a value': _set('learning.unroll_length'),
    'setting of no section': _set('lerning.unroll_length=5'),
    'setting of no field': _set('learning.unrol_length=5'),
    'setting a section': _set('learning=5'),
    'setting below a field': _set('learning.unroll_length.x=5'),
    'setting a word for a number': _set('learning.unroll_length=ten'),
    'setting empty': _set('learning.batch_size='),
    'setting not a number': _set('optimizer.learning_rate=nan'),
    'setting infinite': _set('network.vision_gain=inf'),
    'setting negative': _set('optimizer.learning_rate=-1'),
    'setting neither true nor false': _set('environment.full_action_space=2'),
    'setting an unroll without end': _set('learning.unroll_length=100000000'),
    'setting a deep stack': _set('environment.frame_stack=1000'),
    'setting sizes negative': _set('network.conv_channels=-8,16'),
    'setting a stall of no time': _set('runtime.stall_seconds=0'),
    'episodes none': (*_EVALUATE, '--episodes=0'),
    'num_envs too many': (*_EVALUATE, '--num_envs=300'),
    'protocol unknown': (*_EVALUATE, '--protocol=stiky'),
    'checkpoint a word': (*_EVALUATE, '--checkpoint=newst'),
    'checkpoint that is not there': (*_EVALUATE, '--checkpoint=5'),
    'run nowhere': ('evaluate', '--run={here}/nowhere'),
    'analysis unknown': (*ANALYZE, '--analyses=wights'),
    'port too large': ('watch', '--run={run}', '--port=70000'),
    'speed not a number': ('watch', '--run={run}', '--fps=nan'),
    'runs nowhere': ('report_scores', '--runs={here}/nowhere'),
    'suite of no game': (
      'run_suite', '--games=pingpong', '--max_frames=10', '--root={here}/suite',
    ),
    'suite of no seed': (
      'run_suite', '--seeds=0', '--max_frames=10', '--root={here}/suite',
    ),
    'convert nothing': ('convert', '--run={here}'),
  }  # fmt: skip
  made = [Case(f'flag: {name}', command) for name, command in cases.items()]
  return [
    *made,
    Case(
      'flag: logdir a file', _local('--logdir={here}/file'),
      lambda here: (here / 'file').write_text('x'),
    ),
    Case(
      'flag: logdir below a file', _local('--logdir={here}/file/run'),
      lambda here: (here / 'file').write_text('x'),
    ),
    Case(
      'flag: logdir of other files', _local('--logdir={here}'),
      lambda here: (here / 'file').write_text('x'),
    ),
  ]  # fmt: skip


def _configs() -> list[Case]:
  """config.json."""

  def case(name: str, edit: Callable[[dict[str, Any]], object]) -> Case:
    def make(here: pathlib.Path) -> None:
      path = here / RUN / 'config.json'
      content = json.loads(path.read_text())
      edited = edit(content)
      path.write_text(json.dumps(content if edited is None else edited))

    return Case(f'config.json: {name}', _EVALUATE, make)

  def setting(section: str, name: str, value: Any) -> Callable[[dict], None]:
    return lambda content: content['config'][section].update({name: value})

  def top(name: str, value: Any) -> Callable[[dict], None]:
    return lambda content: content['config'].update({name: value})

  def without(content: dict[str, Any]) -> None:
    del content['config']['network']['vision_channels']

  return [
    _file('config.json', 'empty', _EVALUATE, _emptied),
    _file('config.json', 'cut in half', _EVALUATE, _halved),
    _file('config.json', 'not text', _EVALUATE, _binary),
    _file('config.json', 'empty, to continue', _CONTINUE, _emptied),
    _file('config.json', 'not text, to continue', _CONTINUE, _binary),
    case('a list', lambda content: []),
    case('a number', lambda content: 3),
    case('without a config', lambda content: content.pop('config') and None),
    case('config a list', lambda content: {**content, 'config': []}),
    case('format a word', lambda content: {**content, 'format': 'two'}),
    case('format of the future', lambda content: {**content, 'format': 99}),
    case('agent unknown', top('agent', 's3tb')),
    case('agent a number', top('agent', 5)),
    case(
      'agent missing', lambda content: content['config'].pop('agent') and None
    ),
    case('section null', top('network', None)),
    case('section a number', top('learning', 3)),
    case('field missing', without),
    case('field unknown', setting('learning', 'colour', 3)),
    case('word for a number', setting('learning', 'unroll_length', 'ten')),
    case('number for a list', setting('network', 'conv_channels', 8)),
    case('list for a number', setting('environment', 'height', [42])),
    case('height negative', setting('environment', 'height', -1)),
    case('game unknown', setting('environment', 'game', 'pacman')),
    case('game a number', setting('environment', 'game', 7)),
  ]


def _checkpoints() -> list[Case]:
  """Checkpoints."""
  newest = f'checkpoints/{STEPS[-1]}'

  def case(name: str, edit: Callable[[pathlib.Path], object]) -> Case:
    return Case(
      f'checkpoint: {name}', _EVALUATE, lambda here: edit(here / RUN / newest)
    )

  def meta(edit: Callable[[dict[str, Any]], Any]) -> Callable:
    def make(directory: pathlib.Path) -> None:
      path = directory / 'meta' / 'metadata'
      path.write_text(json.dumps(edit(json.loads(path.read_text()))))

    return make

  def data(damage: Callable[[pathlib.Path], object]) -> Callable:
    def make(directory: pathlib.Path) -> None:
      files = [
        p for p in (directory / 'state').rglob('*') if p.parent.name == 'd'
      ]
      for file in files:
        damage(file)

    return make

  def empty(directory: pathlib.Path) -> None:
    shutil.rmtree(directory)
    directory.mkdir()

  def none(directory: pathlib.Path) -> None:
    shutil.rmtree(directory.parent)
    directory.parent.mkdir()

  def a_file(directory: pathlib.Path) -> None:
    shutil.rmtree(directory.parent)
    directory.parent.write_text('x')

  return [
    case('an empty directory', empty),
    case('none at all', none),
    case('checkpoints a file', a_file),
    case('state missing', lambda d: shutil.rmtree(d / 'state')),
    case('meta missing', lambda d: shutil.rmtree(d / 'meta')),
    case('meta emptied', lambda d: _emptied(d / 'meta' / 'metadata')),
    case('meta cut in half', lambda d: _halved(d / 'meta' / 'metadata')),
    case('meta not text', lambda d: _binary(d / 'meta' / 'metadata')),
    case('meta a list', meta(lambda content: [])),
    case('meta without counters', meta(_without('counters'))),
    case('meta without arrays', meta(_without('arrays'))),
    case('counters a number', meta(lambda c: {**c, 'counters': 3})),
    case('arrays cut in half', data(_halved)),
    case('arrays emptied', data(_emptied)),
    case('arrays missing', data(pathlib.Path.unlink)),
    case('manifest missing', lambda d: (d / 'state/manifest.ocdbt').unlink()),
    case('manifest cut', lambda d: _halved(d / 'state' / 'manifest.ocdbt')),
    case('_METADATA cut', lambda d: _halved(d / 'state' / '_METADATA')),
    Case(
      'checkpoint: init_from of arrays cut in half',
      (
        *('run_local', '--agent=s3ta', '--game=catch', '--preset=small'),
        *('--logdir={here}/new', '--init_from={run}', *_quick()),
      ),
      lambda here: data(_halved)(here / RUN / newest),
    ),
  ]


def _recordings() -> list[Case]:
  """Recordings, of an analysis that is asked for again."""
  where = 'analyses/made/recording'

  def file(name: str, what: str, damage: Callable) -> Case:
    return _file(f'{where}/{name}', what, ANALYZE, damage, 'recording: ')

  def version(path: pathlib.Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), 'version': 9}))

  def few_arrays(path: pathlib.Path) -> None:
    import numpy as np

    with path.open('wb') as file:
      np.savez(file, reward=np.zeros(3, np.float32))

  return [
    file('facts.json', 'emptied', _emptied),
    file('facts.json', 'cut in half', _halved),
    file('facts.json', 'not text', _binary),
    file('facts.json', 'a list', lambda path: path.write_text('[]')),
    file('facts.json', 'of another version', version),
    file('rows_0.npz', 'emptied', _emptied),
    file('rows_0.npz', 'cut in half', _halved),
    file('rows_0.npz', 'text', lambda path: path.write_text('rows')),
    file('rows_0.npz', 'of few arrays', few_arrays),
    file('rows_0.npz', 'missing', pathlib.Path.unlink),
  ]


def _tables() -> list[Case]:
  """CSV, and the JSON beside it."""

  def file(name: str, what: str, damage: Callable) -> Case:
    return _file(name, what, _REPORT, damage, 'table: ')

  def words(path: pathlib.Path) -> None:
    head, *body = path.read_text().splitlines()
    body[-1] = ','.join(['many'] * len(head.split(',')))
    path.write_text('\n'.join([head, *body]) + '\n')

  def other_head(path: pathlib.Path) -> None:
    path.write_text('a,b\n1,2\n')

  def directory(path: pathlib.Path) -> None:
    path.unlink()
    path.mkdir()

  def summary(what: str, damage: Callable) -> Case:
    def make(here: pathlib.Path) -> None:
      (path,) = (here / RUN / 'evaluations').glob('*/summary.json')
      damage(path)

    return Case(f'table: summary.json {what}', _REPORT, make)

  return [
    file('metrics.csv', 'words for numbers', words),
    file('metrics.csv', 'of other columns', other_head),
    file('metrics.csv', 'not text', _binary),
    file('metrics.csv', 'a directory', directory),
    file('evaluation_curve.csv', 'words for numbers', words),
    file('evaluation_curve.csv', 'of other columns', other_head),
    file('evaluation_curve.csv', 'not text', _binary),
    summary('emptied', _emptied),
    summary('cut in half', _halved),
    summary('a list', lambda path: path.write_text('[]')),
    summary('without a game', lambda path: path.write_text('{"frames": 3}')),
  ]


def cases() -> list[Case]:
  """All of them."""
  return [
    *_flags(),
    *_configs(),
    *_checkpoints(),
    *_recordings(),
    *_tables(),
  ]


def _file(
  name: str,
  what: str,
  command: tuple[str, ...],
  damage: Callable[[pathlib.Path], object],
  prefix: str = '',
) -> Case:
  """A file of the run that is damaged."""
  return Case(
    f'{prefix}{pathlib.PurePath(name).name}: {what}',
    command,
    lambda here: damage(here / RUN / name),
  )


def _halved(path: pathlib.Path) -> None:
  os.truncate(path, path.stat().st_size // 2)


def _emptied(path: pathlib.Path) -> None:
  os.truncate(path, 0)


def _binary(path: pathlib.Path) -> None:
  path.write_bytes(b'\xff\xfe\x00\x9c' * 64)


def _without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
  return lambda content: {k: v for k, v in content.items() if k != name}


def _quick() -> list[str]:
  """Settings of the run that inputs are made from, as flags."""
  from configs import agents

  preset = agents.make(AGENT, 'small', 'auto')
  from attn_agents.algorithms import registry

  return [
    f'--set={text}'
    for text in (
      *preset.network.quick_settings,
      *registry.get(preset.algorithm).quick_settings,
    )
  ]

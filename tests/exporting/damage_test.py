"""Damaged and foreign exports: each is one line that names the file."""

import json
import os
import pickle
import shutil

import numpy as np
import pytest
from safetensors import numpy as safetensors

from attn_agents.exporting import contents, writing
from attn_agents.runs import (
  exported,
  named_trees,
  parameters,
  saved_runs,
  tensor_files,
)
from configs import errors
from tests.exporting import making


def _tensors(change):
  """Damages the parameters; `change` takes and returns them by name."""

  def damage(path):
    file = path / exported.PARAMETERS
    safetensors.save_file(change(safetensors.load_file(file)), file)

  return damage


def _bytes(change, name=exported.PARAMETERS):
  def damage(path):
    file = path / name
    file.write_bytes(change(file.read_bytes()))

  return damage


def _json(change, name='config.json'):
  """Damages a JSON file; `change` changes what is in it."""

  def damage(path):
    file = path / name
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))

  return damage


def _first(arrays):
  return sorted(arrays)[0]


def _without(arrays):
  return {name: x for name, x in arrays.items() if name != _first(arrays)}


def _with_first(arrays, change):
  name = _first(arrays)
  return {**arrays, name: np.ascontiguousarray(change(arrays[name]))}


def _set_nan(array):
  return np.where(
    np.arange(array.size).reshape(array.shape) == 0, np.nan, array
  )


def _flip_a_bit(data):
  return data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]


def _header(text):
  data = text.encode()
  return len(data).to_bytes(8, 'little') + data


def _another_network(path):
  run = making.make_run(path.parent / 'other', agent='impala_ff')
  config = run.config()
  restored = parameters.restore(config, run.checkpoints, making.STEP)
  named = named_trees.flatten(restored.params)
  tensor_files.write(path / exported.PARAMETERS, named)


def _fifo(path):
  (path / exported.PARAMETERS).unlink()
  os.mkfifo(path / exported.PARAMETERS)


# By name: what is done to an exported agent, and what its line says.
_DAMAGES = {
  'parameters cut in half': (
    _bytes(lambda data: data[: len(data) // 2]), 'model.safetensors is damaged'
  ),
  'parameters cut to 4 bytes': (
    _bytes(lambda data: data[:4]), 'model.safetensors is damaged'
  ),
  'empty parameters': (
    _bytes(lambda data: b''), 'model.safetensors is damaged'
  ),
  'no parameters': (
    lambda path: (path / exported.PARAMETERS).unlink(),
    'model.safetensors is missing',
  ),
  'parameters that are a pipe': (_fifo, 'model.safetensors is missing'),
  'a pickle in their place': (
    _bytes(lambda data: pickle.dumps({'a': 1})), 'no safetensors file'
  ),
  'a huge header': (
    _bytes(lambda data: (2**62).to_bytes(8, 'little') + data[8:]),
    'its header would have 4,611,686,018,427,387,904 bytes',
  ),
  'a header that is not JSON': (
    _bytes(lambda data: data[:8] + b'x' * 100 + data[108:]),
    'no safetensors file',
  ),
  'a header of many brackets': (
    _bytes(lambda data: _header('[' * 200_000)), 'no safetensors file'
  ),
  'a header that points beyond the end': (
    _bytes(lambda data: _header(
      '{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}'
    )), 'no safetensors file',
  ),
  'a shape whose size overflows': (
    _bytes(lambda data: _header(
      '{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],'
      '"data_offsets":[0,0]}}'
    )), 'no safetensors file',
  ),
  'more bytes than the network has': (
    _bytes(lambda data: data + bytes(3_000_000)), 'expected at most'
  ),
  'a flipped bit': (_bytes(_flip_a_bit), 'SHA-256'),
  'an array too few': (_tensors(_without), 'missing'),
  'another shape': (
    _tensors(lambda x: _with_first(x, lambda y: y[..., None])), 'there,'
  ),
  'another dtype': (
    _tensors(lambda x: _with_first(x, lambda y: y.astype(np.float16))),
    'float16',
  ),
  'a parameter that is NaN': (
    _tensors(lambda x: _with_first(
      x, lambda y: _set_nan(y).astype(np.float32)
    )), 'infinite or NaN',
  ),
  "another network's parameters": (_another_network, 'other names or shapes'),
  'a config that is not JSON': (
    _bytes(lambda data: data[:-20], 'config.json'), 'config.json is damaged'
  ),
  'a config of many brackets': (
    _bytes(lambda data: b'[' * 200_000, 'config.json'),
    'config.json is damaged',
  ),
  'a config that is a list': (
    _bytes(lambda data: b'[]', 'config.json'), 'expected an object in braces'
  ),
  'no config': (
    lambda path: (path / 'config.json').unlink(), 'it has no config.json'
  ),
  'the config of another library': (
    _bytes(
      lambda data: b'{"architectures": ["BertModel"], "hidden_size": 768}',
      'config.json',
    ),
    'is a run of an earlier version',
  ),
  'an agent that there is not': (
    _json(lambda x: x['config'].update(agent='s3tb')), "did you mean 's3ta'"
  ),
  'a network without end': (
    _json(lambda x: x['config']['network'].update(hidden_size=10**12)),
    'network.hidden_size=1000000000000',
  ),
  'a setting that is NaN': (
    _json(lambda x: x['config']['learning'].update(discount=float('nan'))),
    'learning.discount=nan',
  ),
  'a later version': (
    _json(lambda x: x['exported'].update(format=99)), 'by a later version'
  ),
  'counters that are no numbers': (
    _json(lambda x: x['exported']['counters'].update(frames='many')),
    'exported.counters',
  ),
  'a checkpoint that is a text': (
    _json(lambda x: x['exported'].update(checkpoint='../../etc')),
    'exported.checkpoint',
  ),
}  # fmt: skip
# These do not matter to a game, but to another export.
_OF_EXPORTS = {
  'a check of other steps': (
    _bytes(lambda data: data[:-4], exported.CHECK), 'check.safetensors'
  ),
  'a summary without a mean': (
    _json(lambda x: x.pop('mean'), 'evaluation/catch/summary.json'),
    'summary.json is damaged',
  ),
  'a figure that is a page': (
    _bytes(lambda data: b'<script>', exported.FIGURE), 'expected a PNG'
  ),
  'a curve that is a picture': (
    _bytes(lambda data: b'\x89PNG\r\n\x1a\n', exported.CURVE),
    'training_curve.csv',
  ),
}  # fmt: skip


@pytest.fixture(name='copy')
def _copy(agent_path, tmp_path):
  return shutil.copytree(agent_path, tmp_path / 'copy')


def _play(path):
  run, config = saved_runs.open_run(str(path))
  parameters.restore(config, *saved_runs.find(run, 'newest'))


def _line(function, *args):
  with pytest.raises(errors.ConfigError) as caught:
    function(*args)
  line = str(caught.value)
  assert '\n' not in line
  assert len(line) < 500
  return line


def test_there_are_twenty_and_more():
  assert len(_DAMAGES) >= 20


@pytest.mark.parametrize('name', _DAMAGES)
def test_a_damaged_export_is_refused(name, copy):
  damage, expected = _DAMAGES[name]
  damage(copy)
  assert expected in _line(_play, copy)


@pytest.mark.parametrize('name', _OF_EXPORTS)
def test_what_only_another_export_reads_is_refused_there(name, copy):
  damage, expected = _OF_EXPORTS[name]
  damage(copy)
  _play(copy)
  assert expected in _line(lambda: contents.read(exported.find(str(copy))))


@pytest.mark.parametrize(
  'change',
  [
    lambda x: x['exported'].update(pictures=5),
    lambda x: x['exported'].update(pictures={'catch': {'heads': [1]}}),
    lambda x: x.update(commands=5),
    lambda x: x.update(versions=['jax']),
    lambda x: x.update(git_commit=5),
  ],
)
def test_what_a_card_cannot_say_is_refused(change, copy, tmp_path):
  _json(change)(copy)
  given = contents.read(exported.find(str(copy)))
  assert 'config.json of some_agent is damaged' in _line(
    writing.write, given, tmp_path / 'new'
  )
  assert not (tmp_path / 'new').exists()


def test_a_whole_one_is_not_refused(copy):
  _play(copy)
  contents.read(exported.find(str(copy)))

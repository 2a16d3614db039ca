"""What is refused, of which no other test sees the words."""

import contextlib
import dataclasses
import json
import pathlib
import socket
import types as stdlib_types

import numpy as np
import pytest
from aiohttp import web

from attn_agents import agent
from attn_agents.diagnostics import checks, games
from attn_agents.distributed.relay import check as relay_check
from attn_agents.environments import atari, catch_suite
from attn_agents.evaluation.reporting import run_results
from attn_agents.interpretability.drawing import video
from attn_agents.interpretability.injection import compute as injection
from attn_agents.interpretability.recordings import parts, recording
from attn_agents.interpretability.report import encoding
from attn_agents.learning import optimizers
from attn_agents.population import history
from attn_agents.runs import checkpoints, run_directory
from attn_agents.runs.buckets import addresses
from attn_agents.sizing import hlo
from attn_agents.watching import server
from configs import agents, overrides, resolution, schema


def _facts(directory, **facts):
  directory.mkdir(exist_ok=True)
  (directory / recording.FACTS).write_text(json.dumps(facts))
  return recording.Recording(directory)


def _text(path, text):
  path.write_text(text)
  return path


def _meta(**meta):
  """A checkpoint's meta part, through all that looks at it."""
  made = checkpoints.Checkpointer.__new__(checkpoints.Checkpointer)
  made._path = pathlib.Path('run/checkpoints')
  made._read = lambda step, meta: {'meta': said}
  said = {'format': run_directory.FORMAT, **meta}
  return made._meta(7)


def _decisions(directory):
  made = history.History(directory)
  _text(made._log, '{"fitness": 1}\n')
  return made.entries()


def _origin(origin):
  request = stdlib_types.SimpleNamespace(
    headers={'Origin': origin}, host='localhost:8000'
  )
  server._check_origin(request)


_CONFIG = agents.make('s3ta', 'small')
_MAPS = np.zeros((2, 3, 4))


def _config(section, **changes):
  return dataclasses.replace(getattr(_CONFIG, section), **changes)


@pytest.mark.parametrize(
  ('call', 'words'),
  [
    (
      lambda x: run_results._rows(
        _text(x / 'm.csv', 'frames,wall_time\n1,2\n'), 'loss'
      ),
      "m.csv is damaged: it has no column 'loss'",
    ),
    (
      lambda x: run_results._rows(
        _text(x / 'm.csv', 'frames,loss\n1,2\n'), 'loss'
      ),
      "m.csv is damaged: it has no column 'wall_time'",
    ),
    (
      lambda x: catch_suite.CatchSuite().validate(
        _config('environment', game='catch', height=9, width=5)
      ),
      '9',
    ),
    (
      lambda x: catch_suite.CatchSuite().validate(
        _config('environment', game='catch', height=10, width=4)
      ),
      '4',
    ),
    (
      lambda x: video.write(x / 'a.gif', iter(()), 1.0),
      'a.gif: no pictures to write',
    ),
    (
      lambda x: video.write(x / 'a.png', iter(()), 1.0),
      'a.png: expected a name ending in .mp4 or .gif',
    ),
    (
      lambda x: injection.load(x / 'none.json'),
      'none.json does not describe an injected object: ',
    ),
    (
      lambda x: injection.load(_text(x / 'bad.json', '{')),
      'bad.json does not describe an injected object: ',
    ),
    (lambda x: _facts(x / 'r'), 'r: version None of the format, expected'),
    (
      lambda x: _facts(
        x / 'r', version=recording.VERSION, screen_shape=[1, 2]
      ),
      'screen_shape is [1, 2], expected 3 integers',
    ),
    (
      lambda x: _facts(
        x / 'r', version=recording.VERSION, screen_shape=[1, 2, 3.5]
      ),
      'screen_shape is [1, 2, 3.5], expected 3 integers',
    ),
    (
      lambda x: _facts(x / 'r', version=recording.VERSION, num_actions='3'),
      "num_actions is '3', expected an integer",
    ),
    (
      lambda x: encoding.encode_maps('m', _MAPS + np.nan, True),
      'm: not all values are finite',
    ),
    (
      lambda x: encoding.encode_maps('m', _MAPS - 1e-9, False),
      'm: negative values need a signed layer',
    ),
    (lambda x: encoding._encode_frames([]), 'there are no frames to report on'),
    (
      lambda x: optimizers.make_optimizer(_config('optimizer', name='sgd')),
      "Unknown optimizer 'sgd'; known: ",
    ),
    (
      lambda x: optimizers.make_optimizer(_config('optimizer', clip='all')),
      "Unknown clip 'all'; known: ",
    ),
    (_decisions, 'history.jsonl is damaged in line 1: '),
    (
      lambda x: addresses.parse('--logdir', 'gs://bucket/a/../b'),
      "'..' is no name in a bucket; expected gs://bucket/a/b",
    ),
    (lambda x: _meta(counters={}), 'its meta part has no arrays'),
    (lambda x: _meta(arrays={}), 'its meta part has no counters'),
    (
      lambda x: _meta(arrays={}, counters={'frames': 1}),
      'its meta part has other counters',
    ),
    (lambda x: hlo.parse('HloModule m\n'), 'it has no entry'),
    (
      lambda x: overrides.apply(_CONFIG, ['learning=3']),
      "setting 'learning' is a section; name one of its fields: ",
    ),
    (
      lambda x: overrides.apply(_CONFIG, ['seed.x=3']),
      "setting 'seed.x': 'seed' has no fields",
    ),
    (
      lambda x: overrides.from_dict(
        _CONFIG, {**overrides.to_dict(_CONFIG), 'sede': 1}
      ),
      "unknown config field 'sede'; did you mean 'seed'?",
    ),
    (
      lambda x: run_directory.to_config(
        {'agent': 's3ta', 'preset': 'papr', 'algorithm': 'appo'}
      ),
      "unknown preset of s3ta 'papr'; did you mean 'paper'?",
    ),
    (
      lambda x: run_directory.to_config(
        {'agent': 's4ta', 'preset': 'paper', 'algorithm': 'appo'}
      ),
      "unknown agent 's4ta'; did you mean 's3ta'?",
    ),
    (
      lambda x: resolution.choose_runtime('launchpad', ['reverb', 'launchpad']),
      '--runtime=launchpad: reverb and launchpad not installed (wheels exist',
    ),
    (
      lambda x: schema.NetworkConfig().make(3, (1, 1, 1), 1.0),
      'NetworkConfig names no network',
    ),
  ],
)  # fmt: skip
def test_it_is_refused_in_these_words(tmp_path, call, words):
  with pytest.raises((ValueError, TypeError, parts.RecordingError)) as caught:
    call(tmp_path)
  assert words in str(caught.value)


def test_another_page_is_refused():
  for origin in ('http://localhost:8001', 'http://elsewhere:8000'):
    with pytest.raises(web.HTTPForbidden):
      _origin(origin)
  _origin('http://localhost:8000')
  # A program without one is no page.
  _origin(None)


class _Screens:
  """A game whose screens are all of one level."""

  def __init__(self, level, shape):
    self.spec = stdlib_types.SimpleNamespace(num_actions=3)
    self._observation = np.full((1, *shape), level, np.uint8)

  def reset(self):
    timestep = stdlib_types.SimpleNamespace(observation=self._observation)
    return stdlib_types.SimpleNamespace(timestep=timestep)

  def step(self, action):
    assert 0 <= action[0] < 3
    return self.reset()

  def close(self):
    pass


@pytest.mark.parametrize(
  ('level', 'shape', 'words'),
  [
    (0, (210, 160, 3), 'every screen is black'),
    (9, (210, 160, 1), 'screens of (210, 160, 1)'),
    (1, (210, 160, 3), ''),
  ],
)
def test_a_game_is_seen_to_draw(monkeypatch, level, shape, words):
  monkeypatch.setattr(
    games.environments, 'make_environment',
    lambda *args, **options: _Screens(level, shape),
  )  # fmt: skip
  monkeypatch.setattr(games, '_rom_screen', lambda game: 'as said')
  expected = contextlib.nullcontext()
  if words:
    expected = pytest.raises(RuntimeError)
  with expected as caught:
    detail = games.play('pong')
  if words:
    assert words in str(caught.value)
  else:
    assert detail.startswith('210x160x3 (as said),  3 actions')


@pytest.mark.parametrize('height', [210, 250])
def test_a_rom_that_draws_other_screens_is_refused(monkeypatch, height):
  loaded = []

  class ALE:
    def loadROM(self, path):
      loaded.append(path)

    def getScreenDims(self):
      return height, 160

  ale_py = stdlib_types.SimpleNamespace(
    ALEInterface=ALE, LoggerMode=stdlib_types.SimpleNamespace(Error=3)
  )
  levels = []
  ALE.setLoggerMode = levels.append
  spec = stdlib_types.SimpleNamespace(
    config=stdlib_types.SimpleNamespace(base_path='/envpool')
  )
  monkeypatch.setattr(games.importlib.util, 'find_spec', lambda name: ale_py)
  monkeypatch.setattr(games.importlib, 'import_module', lambda name: ale_py)
  monkeypatch.setattr(atari.envpool, 'make_spec', lambda name: spec)
  if height == 210:
    assert games._rom_screen('pong') == 'as the ROM draws'
  else:
    with pytest.raises(RuntimeError) as caught:
      games._rom_screen('pong')
    assert str(caught.value) == 'the ROM draws 250x160, not 210x160'
  assert loaded == ['/envpool/atari/roms/pong.bin']
  assert levels == [3]


def test_without_ale_py_no_rom_is_measured(monkeypatch):
  monkeypatch.setattr(games.importlib.util, 'find_spec', lambda name: None)
  assert games._rom_screen('pong') == 'ROM not measured: no ale-py'


def test_an_answer_that_does_not_come_is_no_answer(monkeypatch):
  monkeypatch.setattr(relay_check, '_TRY_SECONDS', 0.05)
  ours, theirs = socket.socketpair()

  class Encrypted:
    socket = ours

    def __init__(self, *pieces):
      self._pieces = list(pieces)

    def receive(self, buffer):
      if not self._pieces:
        return None
      piece = self._pieces.pop(0)
      if piece is not None:
        buffer[: len(piece)] = piece
      return None if piece is None else len(piece)

  with ours, theirs:
    with pytest.raises(TimeoutError, match='did not come in time'):
      relay_check._read_all(Encrypted(b'half'))
    theirs.send(b'x')
    found = relay_check._read_all(Encrypted(b'fi', None, b'rst', b''))
    assert found == 'first'


def test_a_loopback_that_changes_what_it_carries_is_named(monkeypatch):
  assert 'was free and answered' in checks._loopback()

  class Broken(socket.socket):
    def recv(self, *args):
      return super().recv(*args)[::-1]

  accept = socket.socket.accept

  def broken(self):
    made, address = accept(self)
    return Broken(fileno=made.detach()), address

  monkeypatch.setattr(socket.socket, 'accept', broken)
  with pytest.raises(RuntimeError, match='loopback connection broke'):
    checks._loopback()


def test_an_agent_starts_without_an_action_before():
  class Network:
    def initial_state(self, batch_size):
      return ()

  made = agent.Agent.__new__(agent.Agent)
  made._network = Network()
  assert made.initial_state(3).prev_action.tolist() == [0, 0, 0]

"""Actors and learner know of the transport nothing but its interface."""

import ast
import pathlib

import pytest

_ROOT = pathlib.Path(__file__).parents[2] / 'attn_agents'
_SEAM = 'attn_agents.transport'


def _imported(path):
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.ImportFrom) and node.module:
      yield from (f'{node.module}.{alias.name}' for alias in node.names)
    elif isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)


@pytest.mark.parametrize('room', ['acting', 'learning', 'losses', 'networks'])
def test_only_the_interface_is_imported(room):
  paths = sorted((_ROOT / room).rglob('*.py'))
  assert paths
  for path in paths:
    found = {name for name in _imported(path) if name.startswith(_SEAM)}
    assert found <= {f'{_SEAM}.interface'}, path


@pytest.mark.parametrize(
  'module', ['transport', 'queue', 'replay', 'variables']
)
def test_both_implementations_have_the_same_modules(module):
  for implementation in ('reverb', 'threads'):
    assert (_ROOT / 'transport' / implementation / f'{module}.py').is_file()


def _methods(implementation, name):
  path = _ROOT / 'transport' / implementation / 'transport.py'
  for node in ast.parse(path.read_text()).body:
    if isinstance(node, ast.ClassDef) and node.name == name:
      return {
        item.name for item in node.body if isinstance(item, ast.FunctionDef)
      }
  raise AssertionError(f'{path} has no {name}')


def test_both_implementations_have_the_same_methods():
  expected = {
    '__init__',
    'make_sink',
    'make_source',
    'make_publisher',
    'make_variable_source',
  }
  assert _methods('reverb', 'ReverbTransport') == expected
  assert _methods('threads', 'ThreadsTransport') == expected
